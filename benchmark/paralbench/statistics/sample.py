"""What intervals are made of: a metric's sums by unit, and how the units are resampled."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from paralbench.errors import UndefinedMetricError
from paralbench.metrics.base import Floats, Metric, Values
from paralbench.metrics.counting import encode, found_classes
from paralbench.statistics.interval import Interval, no_interval
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
FEWEST_FOR_BOOTSTRAP = 20  # of each stratum: a percentile bootstrap of fewer is too narrow
FEWEST_PER_CLASS = 2  # of one speaker per class, speakers cannot be told from classes


@dataclass(frozen=True)
class Sample:
    """The statistics of a score by unit.

    Attributes:
        sums: the metric's statistics, ``(units, seeds, k)``.
        units: the units and their strata.
        unit: what they are.
        few: whether they are too few for the bootstrap.
    """

    sums: Floats
    units: Units
    unit: Unit
    few: bool

    @property
    def method(self) -> str:
        """What the table's ``interval_method`` says."""
        how = "jackknife-t" if self.few else "bootstrap"
        return f"{self.unit}-{how}" + ("-within-class" if self.units.within_class else "")


def gather(
    metric: Metric,
    truth: Values,
    prediction: Values,
    units: Values | None,
    *,
    unit: Unit,
    n_classes: int | None = None,
    classes: Sequence[Any] | None = None,
) -> Sample | Interval:
    """Sum a metric's statistics by unit; or say why there can be no interval.

    Arguments and errors are those of :func:`paralbench.statistics.bootstrap.interval`.
    """
    try:
        true, predicted, names = as_numbers(metric, truth, prediction, n_classes, classes)
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

    held = holders(found, true, len(names)) if metric.kind == "classes" else None
    return from_sums(metric, sum_by_unit(rows, found), found, unit=unit, held=held, classes=names)


def from_sums(
    metric: Metric,
    sums: Floats,
    found: Units,
    *,
    unit: Unit,
    held: npt.NDArray[np.bool_] | None = None,
    classes: Sequence[Any] = (),
) -> Sample | Interval:
    """A sample of statistics that are summed already; or why there can be no interval.

    Args:
        metric: the metric.
        sums: its statistics, ``(units, seeds, k)``.
        found: the units.
        unit: what they are.
        held: whether a unit has an utterance of a class, ``(units, classes)``; None where classes
            are no strata.
        classes: the class names, for reasons.
    """
    whole = sums.sum(axis=0)
    for scored, score in zip(whole, metric.value(whole), strict=True):
        if np.isnan(score):
            return no_interval(f"the score is undefined ({metric.why_undefined(scored)})", found.n)
    if held is not None:
        if unit != "utterance":
            found = within_class(found, held)
        if found.within_class or metric.averages_over_classes:
            reason = _too_few_per_class(held.sum(axis=0), classes, unit)
            if reason:
                return no_interval(reason, found.n)
    if found.n < FEWEST_UNITS:
        return no_interval(
            f"{found.n} {unit}{'s' * (found.n != 1)}; at least {FEWEST_UNITS} are needed", found.n
        )
    return Sample(sums, found, unit, found.smallest < FEWEST_FOR_BOOTSTRAP)


def as_numbers(
    metric: Metric,
    truth: Values,
    prediction: Values,
    n_classes: int | None,
    classes: Sequence[Any] | None,
) -> tuple[np.ndarray, np.ndarray, list[Any]]:
    """Truth ``(n,)`` and predictions ``(seeds, n)`` as numbers or indices, and the class names.

    Raises:
        UndefinedMetricError: a class is missing.
        ValueError: a value is none of ``classes``.
    """
    true, predicted = np.asarray(truth), np.atleast_2d(np.asarray(prediction))
    if metric.kind != "classes":
        return true, predicted, []
    if all(np.issubdtype(one.dtype, np.integer) for one in (true, predicted)):
        size = n_classes or int(max(true.max(initial=0), predicted.max(initial=0))) + 1
        return true, predicted, list(classes) if classes is not None else list(range(size))
    names = list(classes) if classes is not None else found_classes(true, predicted)
    return encode(true, names, "true labels"), encode(predicted, names, "predicted labels"), names


def _too_few_per_class(n_holders: np.ndarray, names: Sequence[Any], unit: Unit) -> str | None:
    present = np.flatnonzero(n_holders)
    few = [one for one in present if n_holders[one] < FEWEST_PER_CLASS]
    if not few or len(present) < 2:
        return None
    if len(few) == len(present):
        return f"one {unit} per class"
    listed = ", ".join(str(names[int(one)]) for one in few)
    return f"one {unit} of class {listed}; at least {FEWEST_PER_CLASS} of each are needed"
