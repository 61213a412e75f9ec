"""The Bayesian signed-rank test, against baycomp and where the answer is known."""

import baycomp
import numpy as np
import pytest

from paralbench.statistics.bayes import signed_rank


def three(found):
    return found.first, found.rope, found.second


@pytest.mark.parametrize(("n", "rope"), [(3, 0.02), (13, 0.005), (13, 0.02), (30, 0.005)])
def test_probabilities_are_baycomps(n, rope):
    differences = np.random.default_rng(n).normal(0.008, 0.02, n)
    found = signed_rank(differences, rope, seed=0)
    expected = baycomp.SignedRankTest.probs(
        differences, np.zeros(n), rope, nsamples=8000, random_state=1
    )
    assert three(found) == pytest.approx(expected, abs=0.02)  # three standard errors


def test_without_a_rope_nothing_is_equivalent():
    differences = np.random.default_rng(0).normal(0.01, 0.02, 13)
    found = signed_rank(differences, 0.0, seed=0)
    expected = baycomp.SignedRankTest.probs(
        differences, np.zeros(13), 0, nsamples=8000, random_state=1
    )
    assert (found.first, found.second) == pytest.approx(expected, abs=0.02)
    assert found.rope == 0


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
