"""Is one upstream better than another? The difference of their scores on the same utterances.

Both are scored on the same resamples of speakers, so that what makes a speaker hard for both does
not count. As with the intervals of scores, all of it is about the test speakers, for probes as they
were trained; seeds are averaged inside each resample.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import stdtr

from paralbench.errors import UndefinedMetricError
from paralbench.metrics.base import Floats, Metric, Values
from paralbench.statistics.bootstrap import too_rare
from paralbench.statistics.interval import Interval
from paralbench.statistics.jackknife import jackknife
from paralbench.statistics.resampling import Combine, p_value, resampled_scores, tail_share
from paralbench.statistics.sample import Sample, Unit, as_numbers, gather

RESAMPLES = 10_000  # so that the smallest p-value outlives a correction for many comparisons


@dataclass(frozen=True)
class Difference:
    """The first score minus the second.

    Attributes:
        value: the difference, in the metric's unit; None where a score is undefined. Where lower
            is better, a negative one speaks for the first.
        low, high: ends of its confidence interval; None where there is none.
        p_value: two-sided, of no difference; None where nothing can be said.
        method: as an interval's.
        n_units: how many distinct units there were.
        reason: why there is no interval; None where there is one.
        redrawn: resamples that were drawn again because they lacked a class or were undefined.
    """

    value: float | None
    low: float | None
    high: float | None
    p_value: float | None
    method: str
    n_units: int
    reason: str | None = None
    redrawn: int = 0


def difference(
    metric: Metric,
    truth: Values,
    first: Values,
    second: Values,
    units: Values | None,
    *,
    seed: int,
    unit: Unit = "speaker",
    resamples: int = RESAMPLES,
    confidence: float = 0.95,
    n_classes: int | None = None,
    classes: Sequence[Any] | None = None,
) -> Difference:
    """The difference of two scores on the same utterances, its interval and p-value.

    The method follows the number of units as in
    :func:`paralbench.statistics.bootstrap.interval`: the percentile bootstrap from 20 on, and
    the p-value is that of the share of resamples on the other side of zero; below 20 Student's t on
    the jackknife of the difference; below 5 nothing. Two upstreams that score the same whatever is
    resampled have a p-value of 1 and no interval.

    Args:
        metric: the metric.
        truth: true values, ``(n,)``: numbers, class names, or indices of classes.
        first: predictions of one upstream, each seed's, ``(seeds, n)`` or ``(n,)``.
        second: those of the other; their seeds may be more or fewer.
        units: the speaker or session of each utterance, ``(n,)``; None where unknown.
        seed: of the resamples.
        unit: what is resampled; with ``utterance``, ``units`` is not looked at.
        resamples: how many.
        confidence: between 0 and 1.
        n_classes: how many classes there are, where truth holds indices.
        classes: the class names, where truth holds names.

    Raises:
        ValueError: lengths differ, or a value is none of ``classes``.
    """
    one, two = np.atleast_2d(np.asarray(first)), np.atleast_2d(np.asarray(second))
    if one.shape[1] != two.shape[1]:
        raise ValueError(
            f"the two predictions differ in length: {one.shape[1]}, {two.shape[1]} utterances."
        )
    found = gather(
        metric,
        truth,
        np.concatenate([one, two]),
        units,
        unit=unit,
        n_classes=n_classes,
        classes=classes,
    )
    minus = _minus(len(one))
    if isinstance(found, Interval):
        value = None
        with suppress(UndefinedMetricError):
            numbers = as_numbers(metric, truth, np.concatenate([one, two]), n_classes, classes)
            rows = metric.statistics(numbers[0], numbers[1], len(numbers[2]) or None)
            value = _defined(minus(metric.value(rows.sum(axis=-2))))
        return Difference(value, None, None, None, found.method, found.n_units, found.reason)
    return _compare(metric, found, minus, confidence, resamples, seed)


def _minus(n_first: int) -> Combine:
    """Mean score of the first so many seeds minus that of the others."""

    def combine(scores: Floats) -> Floats:
        return scores[..., :n_first].mean(axis=-1) - scores[..., n_first:].mean(axis=-1)

    return combine


def _defined(value: Floats) -> float | None:
    return None if np.isnan(value) else float(value)


def _compare(
    metric: Metric, sample: Sample, minus: Combine, confidence: float, resamples: int, seed: int
) -> Difference:
    units, unit = sample.units, sample.unit
    value = float(minus(metric.value(sample.sums.sum(axis=0))))
    redrawn = 0

    def nothing(reason: str, p: float | None = None) -> Difference:
        method = f"none: {reason}"
        return Difference(value, None, None, p, method, units.n, reason, redrawn)

    if sample.few:
        found = jackknife(metric, sample.sums, units, minus)
        if found is None:
            return nothing(f"without one {unit} a score is undefined or lacks a class")
        low, high = value + found.half_width(confidence) * np.array([-1, 1])
        varies = found.error > 1e-12 * max(1.0, abs(value))
        p = float(2 * stdtr(found.freedom, -abs(value) / found.error)) if varies else 0.0
    else:
        rng = np.random.default_rng(seed)
        scores, redrawn = resampled_scores(metric, sample.sums, units, resamples, rng, minus)
        if len(scores) < resamples:
            return nothing(too_rare(len(scores), redrawn, sample))
        tail = tail_share(units, confidence)
        low, high = np.quantile(scores, [tail, 1 - tail])
        varies = high - low > 1e-12 * max(1.0, abs(value))
        p = p_value(scores, units)
    if not varies:
        if abs(value) <= 1e-12:
            same = f"the two score the same on every resample of the {units.n} {unit}s"
            return nothing(same, 1.0)
        return nothing(
            f"the two differ by the same on every resample of the {units.n} {unit}s, "
            "and a width of zero would claim certainty"
        )
    span = metric.range[1] - metric.range[0]
    low, high = np.clip([low, high], -span, span)
    return Difference(value, float(low), float(high), p, sample.method, units.n, None, redrawn)
