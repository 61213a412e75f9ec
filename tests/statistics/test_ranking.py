"""Ranks across tasks, against scipy and hand calculations."""

import itertools

import numpy as np
import pytest
from scipy import stats

from paralbench.statistics import ranking


def test_ranks_follow_the_direction_of_each_metric_and_share_ties():
    scores = np.array([[0.8, 5.0], [0.8, 9.0], [0.5, 4.0]])
    found = ranking.ranks(scores, [True, False])
    assert found.tolist() == [[1.5, 2.0], [1.5, 3.0], [3.0, 1.0]]


def test_scores_that_only_rounding_tells_apart_are_tied():
    seeds = [0.1, 0.2, 0.3, 0.4, 0.7]
    scores = np.array([[sum(seeds) / 5], [sum(reversed(seeds)) / 5]])
    assert scores[0, 0] != scores[1, 0]
    assert ranking.ranks(scores).tolist() == [[1.5], [1.5]]


def test_standing_by_hand():
    """Three upstreams, three tasks: ranks 1 2 3, 1 3 2, 2.5 1 2.5."""
    ranked = np.array([[1, 1, 2.5], [2, 3, 1], [3, 2, 2.5]])
    found = ranking.standing(ranked)
    assert found.mean_rank == pytest.approx([1.5, 2.0, 2.5])
    assert found.borda.tolist() == [4.5, 3.0, 1.5]
    assert found.win_rate == pytest.approx([4.5 / 6, 3 / 6, 1.5 / 6])
    assert found.place.tolist() == [1, 2, 3]
    # Without task 1: 1.75, 2, 2.25; without 2: 1.75, 1.5, 2.75; without 3: 1, 2.5, 2.5.
    assert found.best_place.tolist() == [1, 1, 2]
    assert found.worst_place.tolist() == [2, 2, 3]


def test_win_rate_is_the_mean_over_all_opponents_and_tasks():
    scores = np.random.default_rng(0).integers(0, 5, (6, 7)).astype(float)
    found = ranking.standing(ranking.ranks(scores))
    for one in range(6):
        others = np.delete(scores, one, axis=0)
        won = (scores[one] > others) + 0.5 * (scores[one] == others)
        assert found.win_rate[one] == pytest.approx(won.mean())
        assert found.borda[one] == pytest.approx(won.sum())


def test_one_task_and_one_upstream_have_a_standing():
    alone = ranking.standing(np.array([[1.0]]))
    assert (alone.place.tolist(), alone.win_rate.tolist()) == ([1], [0.0])
    task = ranking.standing(np.array([[1.5], [1.5], [3.0]]))
    assert task.place.tolist() == task.worst_place.tolist() == [1, 1, 3]


def test_skill_puts_metrics_on_one_scale():
    scores = np.array([[0.75, 4.0, 0.3], [0.25, 10.0, 0.3]])
    found = ranking.skill(scores, np.array([0.5, 8.0, 1.0]), np.array([1.0, 0.0, 1.0]))
    assert found[:, :2].tolist() == [[0.5, 0.5], [-0.5, -0.25]]
    assert np.isnan(found[:, 2]).all()


@pytest.mark.parametrize("levels", [1000, 4])
def test_friedman_is_scipys(levels):
    scores = np.random.default_rng(1).integers(0, levels, (5, 9)).astype(float)
    scores[0] += levels / 3
    found = ranking.friedman(ranking.ranks(scores))
    expected = stats.friedmanchisquare(*scores)
    assert found.statistic == pytest.approx(expected.statistic)
    assert found.p_value == pytest.approx(expected.pvalue)


def test_friedman_says_why_not():
    assert "2 upstreams on 9 tasks" in ranking.friedman(np.ones((2, 9))).reason
    assert "score the same" in ranking.friedman(np.full((4, 5), 2.5)).reason


@pytest.mark.parametrize("n", [1, 5, 13, 40])
def test_signed_rank_is_scipys_exact_test(n):
    differences = np.random.default_rng(n).normal(0.4, 1, n)
    expected = stats.wilcoxon(differences, method="exact")
    found = ranking.signed_rank(differences)
    assert found.p_value == pytest.approx(expected.pvalue)
    assert min(found.statistic, n * (n + 1) / 2 - found.statistic) == expected.statistic


def test_signed_rank_is_exact_with_ties_and_zeros():
    """scipy permutes all signs of up to 13 differences where some are tied."""
    rng = np.random.default_rng(5)
    for _ in range(5):
        differences = rng.integers(-4, 6, 9).astype(float)
        kept = differences[differences != 0]
        expected = stats.wilcoxon(kept, method=stats.PermutationMethod(n_resamples=2**9))
        assert ranking.signed_rank(differences).p_value == pytest.approx(expected.pvalue)


def test_signed_rank_of_many_tasks_nears_the_normal_approximation():
    differences = np.round(np.random.default_rng(0).normal(0.15, 1, 200), 1)
    differences = differences[differences != 0]
    expected = stats.wilcoxon(differences, method="asymptotic").pvalue
    assert ranking.signed_rank(differences).p_value == pytest.approx(expected, rel=0.02)


def test_no_difference_at_all_has_a_p_value_of_one():
    assert ranking.signed_rank(np.zeros(7)).p_value == 1.0


@pytest.mark.parametrize("tasks", [3, 5, 6])
def test_the_smallest_p_value(tasks):
    found = ranking.signed_rank(np.arange(1.0, tasks + 1))
    assert found.p_value == ranking.smallest_p(tasks)
    assert (found.p_value < 0.05) == (tasks >= 6)


def test_pairs_are_corrected_together():
    scores = np.random.default_rng(2).normal(size=(4, 12)) + np.array([[0], [0], [1], [3]])
    plain, corrected = ranking.pairwise(scores)
    pairs = list(itertools.combinations(range(4), 2))
    expected = [stats.wilcoxon(scores[i], scores[j], method="exact").pvalue for i, j in pairs]
    assert [plain[i, j] for i, j in pairs] == pytest.approx(expected)
    largest = 0.0
    for step, index in enumerate(np.argsort(expected)):
        largest = max(largest, (6 - step) * expected[index])
        assert corrected[pairs[index]] == pytest.approx(min(1, largest))
    assert (corrected == corrected.T).all()


def alike(n, *different):
    found = np.ones((n, n), dtype=bool)
    for i, j in different:
        found[i, j] = found[j, i] = False
    return found


def test_cliques_are_maximal_runs_without_a_difference():
    assert ranking.cliques(alike(4)) == [(0, 1, 2, 3)]
    assert ranking.cliques(alike(4, (0, 2), (0, 3), (1, 3))) == [(0, 1), (1, 2), (2, 3)]
    assert ranking.cliques(alike(4, (0, 3))) == [(0, 1, 2), (1, 2, 3)]
    # The second differs from all, so that no bar may pass over it.
    assert ranking.cliques(alike(4, (0, 1), (1, 2), (1, 3))) == [(2, 3)]
    assert ranking.cliques(alike(2, (0, 1))) == []
    assert ranking.cliques(alike(1)) == []


def test_groups_begin_with_the_best_that_is_left():
    assert ranking.groups(alike(4)).tolist() == [1, 1, 1, 1]
    assert ranking.groups(alike(4, (0, 2), (0, 3), (1, 3))).tolist() == [1, 1, 2, 2]
    assert ranking.groups(alike(3, (0, 1), (0, 2), (1, 2))).tolist() == [1, 2, 3]
