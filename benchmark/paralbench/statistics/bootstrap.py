"""Confidence intervals of scores that resample speakers, not clips.

Clips of one speaker resemble each other, so an interval that resamples clips is too narrow for what
is asked: the score on speakers not heard yet. The interval is about the test speakers, for probes
as they were trained; that another training set would give another probe is not in it.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from paralbench.metrics.base import Metric, Values
from paralbench.statistics.interval import Interval, no_interval
from paralbench.statistics.jackknife import around, jackknife
from paralbench.statistics.resampling import resampled_scores, tail_share
from paralbench.statistics.sample import Sample, Unit, gather


def interval(
    metric: Metric,
    truth: Values,
    prediction: Values,
    units: Values | None,
    *,
    seed: int,
    unit: Unit = "speaker",
    resamples: int = 2000,
    confidence: float = 0.95,
    n_classes: int | None = None,
    classes: Sequence[Any] | None = None,
) -> Interval:
    """The confidence interval of a score.

    With 20 units or more it is the percentile bootstrap over units, its tails set for their number;
    with 5 to 19 it is Student's t on the delete-one-unit jackknife, in log odds; with fewer there
    is none. Where every unit has a single class (gender, say), units are resampled within their
    class, and a class of fewer than 20 calls for the jackknife. Two units of each class are needed
    where classes are strata or are averaged: with one, its voice cannot be told from its class.
    Otherwise resamples that lack a class are drawn again, and counted.

    Args:
        metric: the metric.
        truth: true values, ``(n,)``: numbers, class names, or indices of classes.
        prediction: predictions of each seed, ``(seeds, n)`` or ``(n,)``; the score is the mean of
            the seeds' scores inside each resample.
        units: the speaker or session of each utterance, ``(n,)``; None where unknown.
        seed: of the resamples.
        unit: what is resampled; with ``utterance``, ``units`` is not looked at.
        resamples: how many.
        confidence: between 0 and 1.
        n_classes: how many classes there are, where truth holds indices.
        classes: the class names, where truth holds names; they also name classes in reasons.

    Returns:
        the interval, clipped to the metric's range; or none with the reason: units are unknown or
        too few, a class has too few of them, the score is undefined, or nothing varies, so that
        the interval would have no width and claim certainty.

    Raises:
        ValueError: lengths differ, or a value is none of ``classes``.
    """
    found = gather(
        metric, truth, prediction, units, unit=unit, n_classes=n_classes, classes=classes
    )
    return interval_of(metric, found, seed=seed, resamples=resamples, confidence=confidence)


def interval_of(
    metric: Metric,
    found: Sample | Interval,
    *,
    seed: int,
    resamples: int = 2000,
    confidence: float = 0.95,
) -> Interval:
    """The interval of statistics that are summed by unit already; see :func:`interval`.

    Args:
        metric: the metric.
        found: its sums, or why there can be no interval; see
            :func:`paralbench.statistics.sample.from_sums`.
        seed: of the resamples.
        resamples: how many.
        confidence: between 0 and 1.
    """
    if isinstance(found, Interval):
        return found
    if found.few:
        return _jackknife_interval(metric, found, confidence)
    return _bootstrap_interval(metric, found, confidence, resamples, np.random.default_rng(seed))


def _jackknife_interval(metric: Metric, sample: Sample, confidence: float) -> Interval:
    units, unit = sample.units, sample.unit
    found = jackknife(metric, sample.sums, units)
    if found is None:
        return no_interval(f"without one {unit} the score is undefined or lacks a class", units.n)
    score = float(metric.value(sample.sums.sum(axis=0)).mean())
    if found.error <= 1e-12 * max(1.0, abs(score)):
        return _no_variation(unit, units.n)
    low, high = around(score, found.half_width(confidence), metric.range)
    return Interval(low, high, sample.method, units.n)


def _bootstrap_interval(
    metric: Metric, sample: Sample, confidence: float, resamples: int, rng: np.random.Generator
) -> Interval:
    units, unit = sample.units, sample.unit
    scores, redrawn = resampled_scores(metric, sample.sums, units, resamples, rng)
    if len(scores) < resamples:
        return no_interval(too_rare(len(scores), redrawn, sample), units.n, redrawn)
    tail = tail_share(units, confidence)
    low, high = np.clip(np.quantile(scores, [tail, 1 - tail]), *metric.range)
    if high - low <= 1e-12 * max(1.0, abs(high)):
        return _no_variation(unit, units.n)
    return Interval(float(low), float(high), sample.method, units.n, redrawn=redrawn)


def too_rare(good: int, redrawn: int, sample: Sample) -> str:
    """Why resamples of this sample make no interval."""
    return (
        f"only {good} of {good + redrawn} resamples of {sample.units.n} {sample.unit}s hold "
        "every class and give a score"
    )


def _no_variation(unit: Unit, n_units: int) -> Interval:
    return no_interval(
        f"no resample of the {n_units} {unit}s scores differently, "
        "and a width of zero would claim certainty",
        n_units,
    )
