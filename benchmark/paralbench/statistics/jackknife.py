"""The delete-one-unit jackknife, for few speakers."""

from typing import NamedTuple

import numpy as np
from scipy.special import stdtrit

from paralbench.metrics.base import Floats, Metric
from paralbench.statistics.resampling import Combine, mean_of_seeds
from paralbench.statistics.units import Units


class Jackknife(NamedTuple):
    """Standard error of a score, its degrees of freedom, and the half-width of its interval."""

    error: float
    freedom: float
    half_width: float


def jackknife(
    metric: Metric,
    sums: Floats,
    units: Units,
    confidence: float,
    combine: Combine = mean_of_seeds,
) -> Jackknife | None:
    r"""Standard error from leaving out one unit at a time, and Student's t around it.

    .. math::

        \text{SE}^2 = \sum_h \frac{n_h - 1}{n_h}
            \sum_{i \in h} (\theta_{(i)} - \bar\theta_h)^2

    over strata h of n_h units, where :math:`\theta_{(i)}` is the score without unit i. With one
    stratum the degrees of freedom are n - 1; with several they follow Satterthwaite, because a
    class of two speakers says little of its own variance.

    Source: Efron and Stein, The jackknife estimate of variance, Annals of Statistics 9 (1981);
    Satterthwaite, Biometrics Bulletin 2 (1946).

    Args:
        metric: the metric.
        sums: its statistics by unit, ``(units, seeds, k)``.
        units: the units and their strata, each of two units or more.
        confidence: such as 0.95.
        combine: makes one score of the seeds'.

    Returns:
        standard error, degrees of freedom and half-width, or None where the score without some
        unit is undefined or lacks a class.
    """
    whole = sums.sum(axis=0)
    without = whole - sums
    if not metric.comparable(without, whole).all():
        return None
    scores = combine(metric.value(without))
    parts, freedoms = [], []
    for stratum in units.strata:
        n = len(stratum)
        spread = scores[stratum] - scores[stratum].mean()
        parts.append((n - 1) / n * float(spread @ spread))
        freedoms.append(n - 1)
    variance = sum(parts)
    if variance == 0:
        return Jackknife(0.0, sum(freedoms), 0.0)
    weighted = sum(part**2 / freedom for part, freedom in zip(parts, freedoms, strict=True))
    freedom = variance**2 / weighted
    error = float(np.sqrt(variance))
    return Jackknife(error, freedom, error * float(stdtrit(freedom, (1 + confidence) / 2)))
