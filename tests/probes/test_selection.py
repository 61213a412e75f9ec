"""The choice by development scores, on curves written by hand."""

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from paralbench.errors import ProbeError
from paralbench.metrics import METRICS
from paralbench.probes.scores_on_development import with_error
from paralbench.probes.selection import Curves, pick

POINTS = ((3.0, 0.1), (10.0, 0.1))
STEPS = (16, 32, 64)


def curves(score, loss, error=0.0):
    score = np.array([score], dtype=float)
    return Curves(score, np.full(score.shape, error), np.array([loss], dtype=float))


def test_the_best_score_wins():
    (choice,) = pick(
        curves([[0.1, 0.2, 0.3], [0.2, 0.5, 0.4]], np.ones((2, 3))), POINTS, STEPS, "uar"
    )
    assert (choice.learning_rate, choice.steps, choice.score) == (10.0, 32, 0.5)


def test_equal_scores_are_decided_by_the_loss():
    score, loss = [[0.5, 0.5, 0.1], [0.5, 0.1, 0.1]], [[0.9, 0.7, 0.1], [0.8, 0.1, 0.1]]
    (choice,) = pick(curves(score, loss), POINTS, STEPS, "uar")
    assert (choice.learning_rate, choice.steps) == (3.0, 32)


def test_scores_within_two_standard_errors_are_equal():
    score, loss = [[0.50, 0.45, 0.39], [0.1, 0.1, 0.1]], [[0.9, 0.7, 0.1], [0.0, 0.0, 0.0]]
    (choice,) = pick(curves(score, loss, error=0.05), POINTS, STEPS, "uar")
    assert (choice.learning_rate, choice.steps, choice.score) == (3.0, 32, 0.45)


def test_an_error_is_reported_with_its_own_sign():
    # Curves hold negated errors: higher is better.
    (choice,) = pick(curves([[-3, -2, -4], [-9, -9, -9]], np.ones((2, 3))), POINTS, STEPS, "mae")
    assert (choice.steps, choice.score) == (32, 2.0)


def test_nothing_defined_is_an_error():
    with pytest.raises(ProbeError, match="undefined on development"):
        pick(curves(np.full((2, 3), -np.inf), np.ones((2, 3))), POINTS, STEPS, "pearson")


def test_the_standard_error_is_the_jackknifes():
    rng = np.random.default_rng(0)
    truth, prediction = rng.integers(0, 3, 40), rng.integers(0, 3, (1, 40))
    score, error = with_error(METRICS["uar"], METRICS["uar"].statistics(truth, prediction, 3))
    keep = [np.arange(40) != i for i in range(40)]
    without = [balanced_accuracy_score(truth[k], prediction[0, k]) for k in keep]
    assert score[0] == pytest.approx(balanced_accuracy_score(truth, prediction[0]))
    assert error[0] == pytest.approx(np.sqrt(39 * np.var(without)))
