"""The delete-one-unit jackknife, for few speakers.

Why this one: of 2,000 simulated corpora of 5 and of 10 speakers it held the true score in 95 to
97 %, the percentile and the BCa bootstrap in 73 to 90 %. It is weakest where a class has two
speakers and others many: 90 % with 2 and 8. ``results/performance/coverage.csv`` has all of it.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import expit, logit, stdtrit

from paralbench.metrics.base import Floats, Metric
from paralbench.statistics.resampling import Combine, mean_of_seeds
from paralbench.statistics.units import Units


class Jackknife(NamedTuple):
    """Standard error of a score, and its degrees of freedom."""

    error: float
    freedom: float

    def half_width(self, confidence: float) -> float:
        """Of the interval by Student's t."""
        return self.error * float(stdtrit(self.freedom, (1 + confidence) / 2))


def jackknife(
    metric: Metric, sums: Floats, units: Units, combine: Combine = mean_of_seeds
) -> Jackknife | None:
    r"""Standard error of a score from leaving out one unit at a time.

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
        combine: makes one score of the seeds'.

    Returns:
        standard error and degrees of freedom, or None where the score without some unit is
        undefined or lacks a class.
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
        return Jackknife(0.0, sum(freedoms))
    weighted = sum(part**2 / freedom for part, freedom in zip(parts, freedoms, strict=True))
    return Jackknife(float(np.sqrt(variance)), variance**2 / weighted)


def around(score: float, half_width: float, limits: tuple[float, float]) -> tuple[float, float]:
    r"""The ends of an interval that is symmetric in log odds, so that it stays within the range.

    .. math::

        \text{logit}(p) \pm \frac{h}{p (1 - p)}, \qquad p = \frac{\theta - a}{b - a}

    for a score :math:`\theta` between a and b and a half-width h on the scale of p; without an
    upper limit, :math:`\log(\theta - a) \pm h / (\theta - a)`. Near its limit a score varies less
    and to one side; for a correlation this is Fisher's z.

    Source: Miller, The jackknife: a review, Biometrika 61 (1974), on transforming first.
    """
    low, high = limits
    if not low < score < high:
        return low, high
    step = np.array([-half_width, half_width])
    if np.isinf(high):
        ends = low + (score - low) * np.exp(step / (score - low))
    else:
        share = (score - low) / (high - low)
        step = step / (high - low) / (share * (1 - share))
        ends = low + (high - low) * expit(logit(share) + step)
    return float(ends[0]), float(ends[1])
