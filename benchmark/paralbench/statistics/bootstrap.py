"""Confidence intervals of scores that resample speakers, not clips.

Clips of one speaker resemble each other, so an interval that resamples clips is too narrow for what
is asked: the score on speakers not heard yet. The interval is about the test speakers, for probes
as they were trained; that another training set would give another probe is not in it.
"""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from paralbench.errors import UndefinedMetricError
from paralbench.metrics.base import Floats, Metric, Values
from paralbench.metrics.counting import encode, found_classes
from paralbench.statistics.interval import Interval, no_interval
from paralbench.statistics.jackknife import jackknife
from paralbench.statistics.resampling import resampled_scores, tail_share
from paralbench.statistics.units import (
    Units,
    count_missing,
    holders,
    make_units,
    sum_by_unit,
    within_class,
)

Unit = Literal["speaker", "session", "utterance"]

FEWEST_UNITS = 5  # Student's t on fewer is too wide to say anything
FEWEST_FOR_BOOTSTRAP = 20  # a percentile bootstrap of fewer units is too narrow
FEWEST_PER_CLASS = 2  # of one speaker per class, speakers cannot be told from classes
FEWEST_PER_CLASS_FOR_BOOTSTRAP = 10


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
    with 5 to 19 it is Student's t on the delete-one-unit jackknife; with fewer there is none. Where
    every unit has a single class (gender, say), units are resampled within their class, and a class
    of fewer than 10 calls for the jackknife. Two units of each class are needed where classes are
    strata or are averaged: with one, its voice cannot be told from its class. Resamples that lack a
    class are drawn again.

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
    try:
        true, predicted, names = _values(metric, truth, prediction, n_classes, classes)
        rows = metric.statistics(true, predicted, len(names) or None)
    except UndefinedMetricError as error:
        return no_interval(f"the score is undefined ({str(error).rstrip('.')})", 0)

    if unit == "utterance":
        found = make_units(np.arange(len(true)))
    elif units is None or count_missing(units) == len(true):
        return no_interval(f"{unit}s unknown", 0)
    elif len(units) != len(true):
        raise ValueError(f"truth and units differ in length: {len(true)}, {len(units)}.")
    elif missing := count_missing(units):
        return no_interval(f"{unit} of {missing} of {len(true)} utterances unknown", 0)
    else:
        found = make_units(units)

    sums = sum_by_unit(rows, found)
    whole = sums.sum(axis=0)
    for scored, score in zip(whole, metric.value(whole), strict=True):
        if np.isnan(score):
            return no_interval(f"the score is undefined ({metric.why_undefined(scored)})", found.n)
    if metric.kind == "classes":
        held = holders(found, true, len(names))
        if unit != "utterance":
            found = within_class(found, held)
        if found.within_class or metric.averages_over_classes:
            reason = _too_few_per_class(held.sum(axis=0), names, unit)
            if reason:
                return no_interval(reason, found.n)
    if found.n < FEWEST_UNITS:
        return no_interval(
            f"{found.n} {unit}{'s' * (found.n != 1)}; at least {FEWEST_UNITS} are needed", found.n
        )
    few = found.n < FEWEST_FOR_BOOTSTRAP
    few |= found.within_class and found.smallest < FEWEST_PER_CLASS_FOR_BOOTSTRAP
    make = _jackknife_interval if few else _bootstrap_interval
    rng = np.random.default_rng(seed)
    return make(metric, sums, found, unit, confidence, resamples, rng)


def _jackknife_interval(
    metric: Metric,
    sums: Floats,
    units: Units,
    unit: Unit,
    confidence: float,
    resamples: int,
    rng: np.random.Generator,
) -> Interval:
    found = jackknife(metric, sums, units, confidence)
    if found is None:
        return no_interval(f"without one {unit} the score is undefined or lacks a class", units.n)
    score = float(metric.value(sums.sum(axis=0)).mean())
    if found.error <= 1e-12 * max(1.0, abs(score)):
        return _no_variation(unit, units.n)
    low, high = np.clip([score - found.half_width, score + found.half_width], *metric.range)
    return Interval(float(low), float(high), _method(unit, "jackknife-t", units), units.n)


def _bootstrap_interval(
    metric: Metric,
    sums: Floats,
    units: Units,
    unit: Unit,
    confidence: float,
    resamples: int,
    rng: np.random.Generator,
) -> Interval:
    scores, redrawn = resampled_scores(metric, sums, units, resamples, rng)
    if len(scores) < resamples:
        return no_interval(
            f"only {len(scores)} of {len(scores) + redrawn} resamples of {units.n} {unit}s hold "
            "every class and give a score",
            units.n,
            redrawn,
        )
    tail = tail_share(units, confidence)
    low, high = np.clip(np.quantile(scores, [tail, 1 - tail]), *metric.range)
    if high - low <= 1e-12 * max(1.0, abs(high)):
        return _no_variation(unit, units.n)
    method = _method(unit, "bootstrap", units)
    return Interval(float(low), float(high), method, units.n, redrawn=redrawn)


def _values(
    metric: Metric,
    truth: Values,
    prediction: Values,
    n_classes: int | None,
    classes: Sequence[Any] | None,
) -> tuple[np.ndarray, np.ndarray, list[Any]]:
    """Truth ``(n,)`` and predictions ``(seeds, n)`` as numbers or indices, and the class names."""
    true, predicted = np.asarray(truth), np.atleast_2d(np.asarray(prediction))
    if metric.kind != "classes":
        return true, predicted, []
    if all(np.issubdtype(one.dtype, np.integer) for one in (true, predicted)):
        size = n_classes or int(max(true.max(initial=0), predicted.max(initial=0))) + 1
        return true, predicted, list(classes) if classes is not None else list(range(size))
    names = list(classes) if classes is not None else found_classes(true, predicted)
    return encode(true, names, "true labels"), encode(predicted, names, "predicted labels"), names


def _too_few_per_class(n_holders: np.ndarray, names: list[Any], unit: Unit) -> str | None:
    present = np.flatnonzero(n_holders)
    few = [one for one in present if n_holders[one] < FEWEST_PER_CLASS]
    if not few or len(present) < 2:
        return None
    if len(few) == len(present):
        return f"one {unit} per class"
    listed = ", ".join(str(names[one]) for one in few)
    return f"one {unit} of class {listed}; at least {FEWEST_PER_CLASS} of each are needed"


def _method(unit: Unit, how: str, units: Units) -> str:
    return f"{unit}-{how}" + ("-within-class" if units.within_class else "")


def _no_variation(unit: Unit, n_units: int) -> Interval:
    return no_interval(
        f"no resample of the {n_units} {unit}s scores differently, "
        "and a width of zero would claim certainty",
        n_units,
    )
