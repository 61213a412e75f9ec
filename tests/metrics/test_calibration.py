"""Brier score and calibration error, against scikit-learn, loops and arithmetic by hand."""

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss

from paralbench.errors import UndefinedMetricError
from paralbench.metrics import METRICS, BrierScore, CalibrationError
from paralbench.metrics.calibration import bins


def made_up(n=200, n_classes=3, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(n_classes, size=n), rng.dirichlet(np.ones(n_classes), size=n)


@pytest.mark.parametrize("n_classes", [2, 3, 7])
def test_brier_score_equals_scikit_learn(n_classes):
    truth, probability = made_up(n_classes=n_classes)
    expected = brier_score_loss(
        truth, probability, labels=list(range(n_classes)), scale_by_half=False
    )
    assert BrierScore()(truth, probability) == pytest.approx(expected)
    if n_classes == 2:  # the other habit, for two classes, is half of it
        assert BrierScore()(truth, probability) == pytest.approx(
            2 * brier_score_loss(truth, probability[:, 1])
        )


def test_brier_score_from_end_to_end_of_its_range():
    right, wrong = [[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]]
    assert BrierScore()([0, 1], right) == 0
    assert BrierScore()([0, 1], wrong) == 2


def test_chance_of_the_brier_score_is_that_of_the_shares_and_no_constant_is_better():
    truth = np.array([0] * 7 + [1] * 2 + [2])
    share = np.array([0.7, 0.2, 0.1])
    chance = BrierScore().chance(truth)
    assert chance == pytest.approx(BrierScore()(truth, np.tile(share, (10, 1))))
    for other in np.random.default_rng(0).dirichlet(np.ones(3), size=200):
        assert BrierScore()(truth, np.tile(other, (10, 1))) >= chance
    assert CalibrationError()(truth, np.tile(share, (10, 1))) == pytest.approx(0)


def test_calibration_error_by_hand():
    # Confidence 0.62 is in (9/15, 10/15], 0.9 in (13/15, 14/15].
    probability = [[0.62, 0.38], [0.62, 0.38], [0.1, 0.9], [0.1, 0.9], [0.1, 0.9]]
    truth = [0, 1, 1, 1, 0]
    expected = 2 / 5 * abs(1 / 2 - 0.62) + 3 / 5 * abs(2 / 3 - 0.9)
    assert CalibrationError()(truth, probability) == pytest.approx(expected)


def test_calibration_error_equals_a_loop_over_the_bins():
    truth, probability = made_up(500, 4)
    confidence, right = probability.max(axis=1), probability.argmax(axis=1) == truth
    expected = 0.0
    for low, high in zip(np.arange(15) / 15, np.arange(1, 16) / 15, strict=True):
        inside = (confidence > low) & (confidence <= high)
        if inside.any():
            expected += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    assert CalibrationError()(truth, probability) == pytest.approx(expected)


def test_the_ends_of_the_unit_interval_are_in_the_outer_bins():
    certain = CalibrationError().statistics([0, 0], [[1.0, 0.0], [1 / 3, 2 / 3]]).sum(axis=0)
    count, confidence, hits = bins(certain)
    assert np.flatnonzero(count).tolist() == [9, 14]  # 2/3 = 10/15 is the upper edge of the tenth
    assert confidence[14] == hits[14] == 1
    assert hits[9] == 0


@pytest.mark.parametrize("metric", [BrierScore(), CalibrationError()])
def test_summed_statistics_of_parts_give_the_score_of_the_union(metric):
    truth, probability = made_up()
    several = np.stack([probability, probability[:, ::-1]])
    sums = metric.statistics(truth[:80], several[:, :80]).sum(axis=-2)
    sums += metric.statistics(truth[80:], several[:, 80:]).sum(axis=-2)
    for score, one in zip(metric.value(sums), several, strict=True):
        assert score == pytest.approx(metric(truth, one))
        assert metric.range[0] <= score <= metric.range[1]


@pytest.mark.parametrize("metric", [BrierScore(), CalibrationError()])
def test_bad_input(metric):
    with pytest.raises(UndefinedMetricError, match="no utterance"):
        metric([], np.zeros((0, 2)))
    with pytest.raises(UndefinedMetricError, match="probabilities of 1 predictions are missing"):
        metric([0, 1], [[0.5, 0.5], [np.nan, 0.5]])
    with pytest.raises(ValueError, match="add up to 1"):
        metric([0, 1], [[0.5, 0.5], [0.5, 0.9]])
    with pytest.raises(ValueError, match="0 or more"):
        metric([0, 1], [[0.5, 0.5], [1.5, -0.5]])
    with pytest.raises(ValueError, match="from 0 to 1"):
        metric([0, 2], [[0.5, 0.5], [0.5, 0.5]])
    with pytest.raises(ValueError, match="differ in length"):
        metric([0, 1, 1], [[0.5, 0.5], [0.5, 0.5]])
    with pytest.raises(ValueError, match=r"\(\.\.\., n, classes\)"):
        metric([0, 1], [0.5, 0.5])


def test_probabilities_in_single_precision_are_probabilities():
    truth, probability = made_up()
    score = BrierScore()(truth, probability.astype(np.float32))
    assert score == pytest.approx(BrierScore()(truth, probability), rel=1e-5)


def test_no_card_can_choose_them():
    assert not {"brier", "ece", "recall"} & set(METRICS)
