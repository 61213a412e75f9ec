"""The Bayesian signed-rank test, against baycomp's figures and where the answer is known."""

import numpy as np
import pytest

from paralbench.statistics.bayes import signed_rank

DIFFERENCES = [0.031, -0.012, 0.054, 0.008, 0.022, -0.005, 0.017, 0.040, 0.003, 0.026, -0.018]
DIFFERENCES += [0.011, 0.035]

# SignedRankTest.probs of baycomp 1.0.3, 400,000 draws. It is not installed for the tests, because
# it brings a top-level package `tests` of its own.
BAYCOMP = [
    (DIFFERENCES[:3], 0.02, (0.6096, 0.3904, 0.0)),
    (DIFFERENCES, 0.005, (0.99543, 0.00213, 0.00244)),
    (DIFFERENCES, 0.02, (0.22018, 0.77982, 0.0)),
    (DIFFERENCES, 0.0, (0.99478, 0.0, 0.00522)),
    ([*DIFFERENCES, *(-one for one in DIFFERENCES[:9])], 0.01, (0.33253, 0.55697, 0.1105)),
]


def three(found):
    return found.first, found.rope, found.second


@pytest.mark.parametrize(("differences", "rope", "expected"), BAYCOMP)
def test_probabilities_are_baycomps(differences, rope, expected):
    found = signed_rank(differences, rope, seed=0, samples=100_000)
    assert three(found) == pytest.approx(expected, abs=0.006)  # three standard errors and more


def test_a_single_task_by_hand():
    """Of weights (w, 1 - w) ~ Beta(1/2, 1): rope holds w squared where z > 2 r, the rest is first.

    First leads where w squared < 1/2, whose chance under Beta(1/2, 1) is the root of w: 2^(-1/4).
    """
    found = signed_rank([0.5], 0.1, seed=0, samples=400_000)
    assert found.first == pytest.approx(2**-0.25, abs=0.003)
    assert found.second == 0
    assert sum(three(found)) == pytest.approx(1)


def test_the_other_way_round_is_the_mirror_image():
    differences = np.random.default_rng(3).normal(0.01, 0.02, 9)
    one, two = (signed_rank(s * differences, 0.01, seed=4) for s in (1, -1))
    assert three(one) == pytest.approx(three(two)[::-1])
    assert one == signed_rank(differences, 0.01, seed=4)


def test_no_difference_is_equivalence():
    assert three(signed_rank(np.zeros(10), 0.01, seed=0)) == (0.0, 1.0, 0.0)
    assert three(signed_rank(np.zeros(10), 0.0, seed=0)) == (0.5, 0.0, 0.5)


def test_what_is_not_allowed():
    with pytest.raises(ValueError, match="finite numbers"):
        signed_rank([0.1, np.nan], 0.01, seed=0)
    with pytest.raises(ValueError, match="finite numbers"):
        signed_rank([], 0.01, seed=0)
    with pytest.raises(ValueError, match="rope -1 must be 0 or more"):
        signed_rank([0.1], -1, seed=0)
