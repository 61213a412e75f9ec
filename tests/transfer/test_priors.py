"""Priors: EM against simulated shifts and the likelihood, temperatures against known ones."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import softmax
from scipy.stats import norm
from sklearn.metrics import recall_score

from paralbench.transfer.priors import at_temperature, em_priors, recalls, reweighted, temperature


def simulated(rng, prior, n, means=(0.0, 1.0, 2.5), assumed=None):
    """Labels drawn by a prior, one normal feature per utterance, and the exact probabilities of a
    classifier that assumes another prior."""
    prior, assumed = np.asarray(prior), np.asarray(prior if assumed is None else assumed)
    truth = rng.choice(len(prior), n, p=prior)
    heard = rng.normal(np.asarray(means)[truth])
    joint = norm.pdf(heard[:, None] - np.asarray(means)) * assumed
    return truth, joint / joint.sum(axis=1, keepdims=True)


def test_two_classes_by_hand():
    """Certain of three, undecided of one: the priors are 2 to 1, whatever the undecided is.

    With pi the prior of the first class, EM stops where pi = (2 + pi) / 4, that is 2 / 3.
    """
    probability = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.5, 0.5]])
    found = em_priors(probability, np.array([0.5, 0.5]))
    assert found.prior == pytest.approx([2 / 3, 1 / 3], abs=1e-6)
    assert found.probability[3] == pytest.approx([2 / 3, 1 / 3], abs=1e-6)


@pytest.mark.parametrize("true", [(0.8, 0.15, 0.05), (0.1, 0.1, 0.8), (1 / 3, 1 / 3, 1 / 3)])
@pytest.mark.parametrize("assumed", [(1 / 3, 1 / 3, 1 / 3), (0.2, 0.3, 0.5)])
def test_em_recovers_the_priors(true, assumed):
    rng = np.random.default_rng(0)
    truth, probability = simulated(rng, true, 20_000, assumed=assumed)
    found = em_priors(probability, np.array(assumed))
    # The error of counted labels is 0.003; that of EM is larger, since classes overlap.
    assert found.prior == pytest.approx(np.asarray(true), abs=0.02)
    before = (probability.argmax(axis=1) == truth).mean()
    after = (found.probability.argmax(axis=1) == truth).mean()
    best = simulated(np.random.default_rng(0), true, 20_000)[1].argmax(axis=1)
    assert after == pytest.approx((best == truth).mean(), abs=0.01)
    assert after >= before - 0.01


def test_em_ends_at_the_greatest_likelihood():
    rng = np.random.default_rng(1)
    assumed = np.array([0.5, 0.2, 0.3])
    _, probability = simulated(rng, (0.2, 0.2, 0.6), 300, assumed=assumed)
    found = em_priors(probability, assumed, tolerance=1e-12, most=100_000)

    def loss(free):
        return -np.log(probability / assumed @ softmax([*free, 0.0])).sum()

    expected = softmax([*minimize(loss, [0.0, 0.0], tol=1e-12).x, 0.0])
    assert found.prior == pytest.approx(expected, abs=1e-5)


def test_seeds_are_estimated_each_by_itself():
    rng = np.random.default_rng(2)
    parts = [simulated(rng, prior, 400)[1] for prior in ((0.6, 0.3, 0.1), (0.2, 0.2, 0.6))]
    uniform = np.full(3, 1 / 3)
    both = em_priors(np.stack(parts), uniform)
    for one, part in zip(both.prior, parts, strict=True):
        assert one == pytest.approx(em_priors(part, uniform).prior, abs=1e-6)


def test_a_class_that_was_not_trained_has_no_prior():
    with pytest.raises(ValueError, match="above 0 for each of 2 classes"):
        em_priors(np.full((3, 2), 0.5), np.array([1.0, 0.0]))


@pytest.mark.parametrize("true", [0.3, 1.0, 4.0])
def test_temperature_undoes_a_known_one(true):
    """Probabilities that were sharpened or flattened by a known temperature."""
    rng = np.random.default_rng(3)
    truth, probability = simulated(rng, (1 / 3, 1 / 3, 1 / 3), 6000)
    wrong = at_temperature(probability, 1 / true)
    assert temperature(wrong, truth) == pytest.approx(true, rel=0.06)
    assert at_temperature(wrong, true) == pytest.approx(probability, abs=1e-6)


def test_temperature_gives_each_class_the_same_say():
    """A class repeated ten times changes nothing."""
    rng = np.random.default_rng(4)
    truth, probability = simulated(rng, (1 / 3, 1 / 3, 1 / 3), 300)
    rows = np.concatenate([np.flatnonzero(truth == 0)] * 10 + [np.flatnonzero(truth != 0)])
    assert temperature(probability[rows], truth[rows]) == pytest.approx(
        temperature(probability, truth), rel=1e-4
    )


def test_calibration_comes_before_em():
    """Of probabilities that are too sure EM takes too much; at their temperature it is right."""
    rng = np.random.default_rng(5)
    uniform = np.full(3, 1 / 3)
    held_out, sure = simulated(rng, uniform, 5000)
    sure = at_temperature(sure, 0.25)
    _, tested = simulated(rng, (0.7, 0.2, 0.1), 5000, assumed=uniform)
    tested = at_temperature(tested, 0.25)
    plain = em_priors(tested, uniform).prior
    found = em_priors(at_temperature(tested, temperature(sure, held_out)), uniform).prior
    assert np.abs(found - (0.7, 0.2, 0.1)).max() < 0.03
    assert np.abs(plain - (0.7, 0.2, 0.1)).max() > 2 * np.abs(found - (0.7, 0.2, 0.1)).max()


def test_reweighted_recalls_are_the_accuracy_of_other_priors():
    """Recalls .9, .5, .2; of 1:1:1 that is .5333, of 8:1:1 it is .79. UAR is the same in both."""
    truth = np.repeat([0, 1, 2], 10)
    right = np.concatenate([np.arange(10) < n for n in (9, 5, 2)])
    prediction = np.where(right, truth, (truth + 1) % 3)
    found = recalls(truth, prediction[None], 3)
    assert found.tolist() == [[0.9, 0.5, 0.2]]
    assert found[0] == pytest.approx(recall_score(truth, prediction, average=None))
    assert reweighted(found, np.full(3, 1 / 3)) == pytest.approx((prediction == truth).mean())
    assert reweighted(found, np.array([0.8, 0.1, 0.1])) == pytest.approx(0.79)
    # The same probe on utterances drawn by the other prior.
    rows = np.concatenate([np.tile(np.flatnonzero(truth == 0), 8), np.flatnonzero(truth > 0)])
    assert (prediction == truth)[rows].mean() == pytest.approx(0.79)
    assert np.isnan(recalls(np.array([0, 0]), np.array([0, 1]), 2)[1])
