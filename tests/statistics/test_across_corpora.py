"""Upstreams across pairs of corpora: against scipy, by hand, and where the truth is known."""

from itertools import permutations

import numpy as np
import pytest
from scipy import stats

from paralbench.statistics.across_corpora import (
    agreement,
    kendall,
    place_range,
    places,
    resampled_pairs,
    without_each_corpus,
    without_each_pair,
)

PAIRS = tuple(permutations("abcdef", 2))


def test_places_share_the_better_one():
    assert places(np.array([0.2, 0.5, 0.5, 0.1])).tolist() == [3, 1, 1, 4]


def test_kendall_is_scipys_with_and_without_ties():
    rng = np.random.default_rng(0)
    for _ in range(20):
        one, other = rng.integers(6, size=(2, 8)).astype(float)
        assert kendall(one, other) == pytest.approx(stats.kendalltau(one, other).statistic)
    assert np.isnan(kendall(np.zeros(4), np.arange(4.0)))


def test_the_p_value_is_exact_without_ties():
    """Of four upstreams in the same order, 2 of the 24 orders are as far from no association."""
    pairs = (("a", "b"), ("b", "a"))
    one = np.array([[0.1, 0.1], [0.2, 0.2], [0.3, 0.3], [0.4, 0.4]])
    found = agreement(one, one + 0.3, pairs, seed=0)
    assert found.kendall == 1.0
    assert found.spearman == pytest.approx(1.0)
    assert (found.p_value, found.p_method) == (pytest.approx(2 / 24), "exact")
    assert found.low is None  # two corpora
    tied = one.copy()
    tied[1] = tied[0]
    found = agreement(tied, one, pairs, seed=0)
    assert found.p_method == "10000 permutations"
    # Of the 24 orders of the untied side, 4 give this tau or its opposite.
    assert found.p_value == pytest.approx(4 / 24, abs=0.02)
    assert found.spearman == pytest.approx(stats.spearmanr(tied[:, 0], one[:, 0]).statistic)


def test_what_cannot_be_compared_says_why():
    two = np.ones((2, 2))
    assert agreement(two, two, PAIRS[:2], seed=0).reason == "2 upstreams; at least 3 are needed"
    same = np.ones((4, 2))
    assert agreement(same, same, PAIRS[:2], seed=0).reason == "all upstreams score the same"


def test_leaving_out_a_corpus_leaves_out_its_pairs():
    kept = without_each_corpus(PAIRS)
    assert len(kept) == 6
    assert [int(part.sum()) for part in kept] == [20] * 6
    assert "b" not in {
        one for pair, part in zip(PAIRS, kept[1], strict=True) if part for one in pair
    }
    assert [int(part.sum()) for part in without_each_pair(PAIRS)] == [29] * 30


def test_the_range_of_places_shows_who_lives_on_one_corpus():
    """The first leads by the pairs of corpus a alone; the last is last without any of them."""
    touched = np.array(["a" in pair for pair in PAIRS])
    scores = np.stack([np.where(touched, 0.95, 0.3), np.full(30, 0.5), np.full(30, 0.1)])
    best, worst = place_range(scores, without_each_corpus(PAIRS))
    assert best.tolist() == [1, 1, 3]
    assert worst.tolist() == [2, 2, 3]
    best, worst = place_range(scores, without_each_pair(PAIRS))
    assert best.tolist() == worst.tolist() == [1, 2, 3]


def test_a_pair_counts_as_often_as_both_corpora_were_drawn():
    weights = resampled_pairs(PAIRS, 4000, np.random.default_rng(0))
    assert weights.sum(axis=1) == pytest.approx(1.0)
    assert weights.mean(axis=0) == pytest.approx(1 / 30, abs=0.003)
    # Both directions of a pair are drawn together.
    back = [PAIRS.index((test, train)) for train, test in PAIRS]
    assert (weights == weights[:, back]).all()


def test_the_interval_holds_the_mean_over_other_corpora():
    """Scores are the sum of effects of both corpora; the mean over all such corpora is 0.5."""
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(200):
        effect = dict(zip("abcdef", rng.normal(0, 0.1, 6), strict=True))
        scores = np.array([[0.5 + effect[one] + effect[other] for one, other in PAIRS]])
        drawn = resampled_pairs(PAIRS, 400, rng) @ scores.T
        low, high = np.quantile(drawn, [0.025, 0.975])
        held += low <= 0.5 <= high
    # A percentile bootstrap of six is too narrow, as is known; it is not far off.
    assert 0.8 <= held / 200 <= 0.97
