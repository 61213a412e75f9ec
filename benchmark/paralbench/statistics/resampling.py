"""Resamples of units with replacement, scored by one matrix product."""

from collections.abc import Callable

import numpy as np
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from paralbench.metrics.base import Floats, Metric
from paralbench.statistics.units import Units

MOST_DRAWS = 10  # times the resamples asked for, before giving up on complete ones

_CELLS_AT_ONCE = 4_000_000  # counts held in memory, 32 MB

Combine = Callable[[Floats], Floats]


def mean_of_seeds(scores: Floats) -> Floats:
    """One score of the scores ``(..., seeds)``, ``(...)``."""
    return scores.mean(axis=-1)


def tail_share(units: Units, confidence: float) -> float:
    r"""The share of resampled scores beyond each end, :math:`\Phi(-\sqrt{n / f}\, t_f)`.

    A resample of n speakers varies less than n speakers do, by the root of f / n for f = n - 1
    degrees of freedom, and its tails are the normal ones rather than Student's. Of several classes
    of speakers the smallest counts: it may have most of the variance.

    Source: Hesterberg, What teachers should know about the bootstrap, The American Statistician 69
    (2015): the expanded percentile interval.
    """
    freedom = units.smallest - 1
    t = stdtrit(freedom, (1 + confidence) / 2)
    return float(ndtr(-np.sqrt(units.smallest / freedom) * t))


def p_value(scores: Floats, units: Units) -> float:
    """The two-sided p-value of zero: 1 minus the confidence at which the interval ends there.

    It is :func:`tail_share` turned round: the 95 % interval of the same resamples holds zero where
    it is 0.05 or more, to the resamples' grain. A resample that scores zero counts for both sides,
    and one more is added to each, so that it is never 0; the smallest there can be falls with the
    number of resamples.

    Args:
        scores: resampled scores, or differences of scores, ``(resamples,)``.
        units: what was resampled.
    """
    freedom = units.smallest - 1
    nothing = 1e-12 * max(1.0, float(np.abs(scores).max()))
    beyond = min((scores <= nothing).sum(), (scores >= -nothing).sum())
    share = (beyond + 1) / (len(scores) + 1)
    if share >= 0.5:
        return 1.0
    return float(2 * stdtr(freedom, ndtri(share) * np.sqrt(freedom / units.smallest)))


def resampled_scores(
    metric: Metric,
    sums: Floats,
    units: Units,
    resamples: int,
    rng: np.random.Generator,
    combine: Combine = mean_of_seeds,
) -> tuple[Floats, int]:
    """Scores of resamples of units, within their strata.

    Args:
        metric: the metric.
        sums: its statistics by unit, ``(units, seeds, k)``.
        units: the units and their strata.
        resamples: how many scores are wanted.
        rng: the source of chance.
        combine: makes one score of the seeds'.

    Returns:
        the scores, fewer than wanted if complete resamples are too rare; and how many resamples
        were drawn again because their score is undefined or lacks a class.
    """
    flat = sums.reshape(units.n, -1)
    whole = sums.sum(axis=0)
    block = max(1, _CELLS_AT_ONCE // units.n)
    scores: list[Floats] = []
    have = drawn = 0
    while have < resamples and drawn < MOST_DRAWS * resamples:
        size = min(resamples - have, block, MOST_DRAWS * resamples - drawn)
        totals = (_counts(units, size, rng) @ flat).reshape(size, *whole.shape)
        good = metric.comparable(totals, whole).all(axis=-1)
        scores.append(combine(metric.value(totals[good])))
        have += int(good.sum())
        drawn += size
    return np.concatenate(scores), drawn - have


def _counts(units: Units, size: int, rng: np.random.Generator) -> Floats:
    """How often each resample takes each unit, ``(size, units)``."""
    counts = np.zeros((size, units.n))
    for stratum in units.strata:
        n = len(stratum)
        picks = rng.integers(n, size=(size, n)) + n * np.arange(size)[:, None]
        counts[:, stratum] = np.bincount(picks.ravel(), minlength=size * n).reshape(size, n)
    return counts
