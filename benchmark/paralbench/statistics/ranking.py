"""Upstreams across tasks: ranks, and what can be told apart by them.

Everything here takes a whole table, ``(upstreams, tasks)``: a task that some upstream lacks is for
the caller to leave out. A task is one observation, so a handful of tasks tells little apart, and
tasks that share a corpus tell less than their number says.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import chdtrc
from scipy.stats import rankdata

from paralbench.metrics.base import Floats
from paralbench.statistics.multiple import holm

LEVEL = 0.05  # of every test of a ranking

_DIGITS = 12  # what differs by less is equal: a mean of five seeds depends on their order


@dataclass(frozen=True)
class Verdict:
    """What a test says; a p-value of None has a reason."""

    statistic: float | None
    p_value: float | None
    reason: str | None = None


@dataclass(frozen=True)
class Standing:
    """Where each upstream stands, arrays ``(upstreams,)``.

    On a whole table the first three say the same in three ways.

    Attributes:
        mean_rank: mean over the tasks; 1 is best, ties share the mean of their ranks.
        borda: points: for each task the number of upstreams that are worse, ties a half.
        win_rate: the share of comparisons with another upstream on a task that are won, ties a
            half.
        place: the place by mean rank; equal mean ranks share the better place.
        best_place, worst_place: the range of places when each task in turn is left out, or none.
    """

    mean_rank: Floats
    borda: Floats
    win_rate: Floats
    place: npt.NDArray[np.int64]
    best_place: npt.NDArray[np.int64]
    worst_place: npt.NDArray[np.int64]


def skill(scores: Floats, chance: Floats, best: Floats) -> Floats:
    """How far scores have come from chance (0) to the best there can be (1).

    Metrics of different units and directions are so put on one scale, on which differences of
    several tasks may be compared. Below 0 is worse than chance.

    Args:
        scores: ``(upstreams, tasks)``.
        chance: of each task, ``(tasks,)``.
        best: the best value of its metric, ``(tasks,)``.

    Returns:
        the same shape; NaN where chance is unknown or is as good as can be.
    """
    way = best - chance
    whole = np.isfinite(way) & (np.abs(way) > 1e-12)
    return np.divide(scores - chance, way, out=np.full(scores.shape, np.nan), where=whole)


def ranks(scores: Floats, higher_is_better: npt.ArrayLike = True) -> Floats:
    """Ranks within each task, 1 is best, ties share the mean of their ranks.

    Args:
        scores: ``(upstreams, tasks)``.
        higher_is_better: of all tasks or each, ``(tasks,)``.
    """
    signed = np.where(higher_is_better, -1.0, 1.0) * np.round(scores, _DIGITS)
    return np.asarray(rankdata(signed, method="average", axis=0), dtype=np.float64)


def standing(ranked: Floats) -> Standing:
    """Where each upstream stands by its ranks ``(upstreams, tasks)``."""
    n, tasks = ranked.shape
    mean = ranked.mean(axis=1)
    borda = (n - ranked).sum(axis=1)
    totals = ranked.sum(axis=1, keepdims=True)
    columns = [totals] if tasks < 2 else [totals / tasks, (totals - ranked) / (tasks - 1)]
    places = rankdata(np.round(np.hstack(columns), _DIGITS), method="min", axis=0)
    return Standing(
        mean_rank=mean,
        borda=borda,
        win_rate=borda / (tasks * max(1, n - 1)),
        place=places[:, 0].astype(np.int64),
        best_place=places.min(axis=1).astype(np.int64),
        worst_place=places.max(axis=1).astype(np.int64),
    )


def friedman(ranked: Floats) -> Verdict:
    r"""Friedman's test of whether the upstreams rank alike, from ranks ``(upstreams, tasks)``.

    .. math::

        \chi^2 = \frac{\frac{12}{k (k + 1) n} \sum_i R_i^2 - 3 n (k + 1)}
            {1 - \frac{1}{n k (k^2 - 1)} \sum (t^3 - t)}

    for k upstreams with rank sums :math:`R_i` over n tasks and groups of t tied ranks, against chi
    squared with k - 1 degrees of freedom: a rough guide below about ten tasks.

    Source: Friedman, The use of ranks to avoid the assumption of normality, JASA 32 (1937).
    """
    k, n = ranked.shape
    if k < 3 or n < 2:
        return Verdict(None, None, f"{k} upstreams on {n} tasks; 3 and 2 are needed")
    tied = sum(
        int((size**3 - size).sum())
        for size in (np.unique(column, return_counts=True)[1] for column in ranked.T)
    )
    untied = 1 - tied / (n * k * (k**2 - 1))
    if untied == 0:
        return Verdict(None, None, "all upstreams score the same on every task")
    squares = float((ranked.sum(axis=1) ** 2).sum())
    statistic = (12 / (k * (k + 1) * n) * squares - 3 * n * (k + 1)) / untied
    return Verdict(statistic, float(chdtrc(k - 1, statistic)))


def signed_rank(differences: Floats) -> Verdict:
    """Wilcoxon's signed-rank test of differences ``(n,)``, exact whatever is tied.

    Zeros are left out. The statistic is the sum of the ranks of the positive differences; under
    equality each rank is positive or negative alike, and all 2 to the n cases are counted.

    Source: Wilcoxon, Individual comparisons by ranking methods, Biometrics Bulletin 1 (1945);
    Demsar, Statistical comparisons of classifiers over multiple data sets, JMLR 7 (2006).
    """
    given = np.round(differences, _DIGITS)
    given = given[given != 0]
    doubled = np.round(2 * rankdata(np.abs(given))).astype(np.int64)  # ties have halves
    chance = np.zeros(int(doubled.sum()) + 1)  # of each doubled sum
    chance[0] = 1.0
    for rank in doubled:
        chance[rank:] = (chance[rank:] + chance[: len(chance) - rank]) / 2
        chance[:rank] /= 2
    positive = int(doubled[given > 0].sum())
    tail = min(chance[: positive + 1].sum(), chance[positive:].sum())
    return Verdict(positive / 2, min(1.0, 2 * float(tail)))


def smallest_p(tasks: int) -> float:
    """The smallest p-value that :func:`signed_rank` can give of so many tasks."""
    return min(1.0, 2.0 ** (1 - tasks))


def pairwise(scores: Floats) -> tuple[Floats, Floats]:
    """Wilcoxon's test of each pair of upstreams, as it is and corrected by Holm.

    Args:
        scores: on one scale, such as :func:`skill`, ``(upstreams, tasks)``.

    Returns:
        two symmetric matrices of p-values, ``(upstreams, upstreams)``, 1 on the diagonal.
    """
    n = len(scores)
    first, second = np.triu_indices(n, 1)
    found = [signed_rank(scores[i] - scores[j]).p_value for i, j in zip(first, second, strict=True)]
    plain, corrected = np.ones((n, n)), np.ones((n, n))
    for matrix, values in ((plain, np.array(found)), (corrected, holm(np.array(found)))):
        matrix[first, second] = matrix[second, first] = values
    return plain, corrected


def cliques(alike: npt.NDArray[np.bool_]) -> list[tuple[int, ...]]:
    """The bars of a critical-difference diagram: maximal runs of upstreams not told apart.

    Args:
        alike: whether a pair is not told apart, ``(upstreams, upstreams)``, in the order of their
            mean ranks.

    Returns:
        runs of two upstreams or more, in which no pair is told apart and none lies in another.
    """
    found: list[tuple[int, ...]] = []
    last = -1
    for start in range(len(alike)):
        end = start
        while end + 1 < len(alike) and alike[start : end + 1, end + 1].all():
            end += 1
        if end > start and end > last:
            found.append(tuple(range(start, end + 1)))
            last = end
    return found


def groups(alike: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Which group of the ranking each upstream is in, from 1, ``(upstreams,)``.

    The first group is the best upstream and all that are not told apart from it; the next is made
    of the rest in the same way. So an upstream may be alike to one of the group before.

    Args:
        alike: as of :func:`cliques`, best upstream first.
    """
    group = np.zeros(len(alike), dtype=np.int64)
    while (group == 0).any():
        best = int(np.flatnonzero(group == 0)[0])
        group[(group == 0) & (alike[best] | (np.arange(len(alike)) == best))] = group.max() + 1
    return group
