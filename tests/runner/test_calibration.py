"""The bins of the calibration table."""

import numpy as np
import pytest

from paralbench.metrics import CalibrationError


def probabilities(outcome, seed=1):
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.ones(3), size=outcome.prediction.shape)


def test_bins_pool_the_seeds_and_count_every_prediction_once(acted, tables):
    given, frame = acted()
    probability = probabilities(given)
    bins = tables(given, frame, probabilities=probability)["calibration"]
    assert len(bins) == 15
    assert bins["count"].sum() == given.prediction.size
    confidence = probability.max(axis=-1).ravel()
    right = (probability.argmax(axis=-1) == given.truth).ravel()
    for row in bins.itertuples():
        inside = (confidence > row.low) & (confidence <= row.high)
        assert row.count == inside.sum()
        if inside.any():
            assert row.confidence == pytest.approx(confidence[inside].mean())
            assert row.accuracy == pytest.approx(right[inside].mean())
        else:
            assert np.isnan(row.confidence)
            assert np.isnan(row.accuracy)


def test_with_one_seed_the_bins_give_the_calibration_error(acted, tables, pick):
    given, frame = acted(seeds=1)
    probability = probabilities(given)
    found = tables(given, frame, probabilities=probability)
    bins = found["calibration"].dropna()
    gap = (bins["accuracy"] - bins["confidence"]).abs()
    expected = (gap * bins["count"]).sum() / bins["count"].sum()
    error = pick(found["scores"], metric="ece", seed="mean")["value"]
    assert error == pytest.approx(expected)
    assert error == pytest.approx(CalibrationError()(given.truth, probability[0]))


def test_a_class_without_a_training_utterance_may_have_no_probability(acted, tables, pick):
    """The floor gives the training classes' shares, which may be 0."""
    given, frame = acted()
    probability = np.tile([0.6, 0.4, 0.0], (*given.prediction.shape, 1))
    found = tables(given, frame, probabilities=probability)
    bins = found["calibration"]
    assert bins["count"].astype(bool).sum() == 1
    assert pick(found["scores"], metric="ece", seed="mean")["value"] == pytest.approx(0.6 - 1 / 3)
