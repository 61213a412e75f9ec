"""Out-of-fold predictions, and their statistics summed where no row of the tables divides them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from paralbench.metrics import Metric
from paralbench.metrics.base import Floats
from paralbench.statistics.bootstrap import interval_of
from paralbench.statistics.interval import Interval, no_interval
from paralbench.statistics.sample import from_sums
from paralbench.statistics.units import Units, sum_by_unit

Codes = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Outcome:
    """Out-of-fold predictions of one probe (one layer, the mix, or the chosen layers).

    Attributes:
        layer: ``mix``, ``chosen``, or the index of the layer.
        truth: class indices, or numbers in the label's own unit, ``(n,)``.
        prediction: the same for each seed, ``(seeds, n)``.
        fold: the name of the fold that tested each utterance, ``(n,)``.
        units: what intervals resample, ``(n,)``; None where unknown.
        unit: what that is: speaker, session or utterance.
        classes: the class names; empty for regression.
        n_train: training utterances of each fold, by its name.
        speaker: the speaker of each utterance, ``(n,)``, None where unknown; needed only where
            ``unit`` is another, for groups of speakers.
    """

    layer: str
    truth: np.ndarray
    prediction: np.ndarray
    fold: np.ndarray
    units: np.ndarray | None
    unit: Literal["speaker", "session", "utterance"]
    classes: tuple[str, ...]
    n_train: Mapping[str, int]
    speaker: np.ndarray | None = None

    @property
    def seeds(self) -> list[str]:
        """The names of the seeds."""
        return [str(seed) for seed in range(len(self.prediction))]

    @property
    def speakers(self) -> np.ndarray | None:
        """The speaker of each utterance, ``(n,)``; None where unknown."""
        return self.units if self.unit == "speaker" else self.speaker


def codes(values: Any) -> Codes:
    """Number the distinct values ``(n,)`` in the order of their names; -1 where one is missing."""
    array = np.asarray(values, dtype=object)
    known = ~pd.isna(array)
    found = np.full(len(array), -1, dtype=np.int64)
    found[known] = np.unique(array[known].astype(str), return_inverse=True)[1]
    return found


class Tally:
    """The utterances of an outcome, put together where class, unit, fold and groups are the same.

    Such a bundle is the smallest part that any row asks for. Statistics are summed over each
    bundle once; every score, interval and permutation starts from these sums.

    Attributes:
        outcome: the predictions.
        of: the bundle of each utterance, ``(n,)``.
        size: utterances of each bundle, ``(bundles,)``.
        fold, unit, speaker: of each bundle, numbered; -1 where unknown.
        group: for each column that groups speakers, the group of each bundle, numbered in the
            order of ``group_names``; -1 where unknown.
        held: whether a bundle is of a class, ``(bundles, classes)``; no columns for regression.
    """

    def __init__(self, outcome: Outcome, groups: Mapping[str, np.ndarray] | None = None):
        """Bundle the utterances; ``groups`` has names ``(n,)`` for each column, or None."""
        self.outcome = outcome
        n = len(outcome.truth)
        unknown = np.full(n, -1, dtype=np.int64)
        unit, speaker = outcome.units, outcome.speakers
        if outcome.unit == "utterance":
            units = codes(np.arange(n))
        else:
            units = unknown if unit is None else codes(unit)
        speakers = unknown if speaker is None else codes(speaker)
        grouped = {column: codes(names) for column, names in (groups or {}).items()}
        truth = [outcome.truth] if outcome.classes else []
        self.of, first = _bundles(units, speakers, codes(outcome.fold), *truth, *grouped.values())
        self.size = np.bincount(self.of)
        self.fold = codes(outcome.fold)[first]
        self.unit, self.speaker = units[first], speakers[first]
        self.group = {column: found[first] for column, found in grouped.items()}
        self.group_names = {
            column: sorted({str(name) for name in names if not pd.isna(name)})
            for column, names in (groups or {}).items()
        }
        self.held = np.zeros((len(first), len(outcome.classes)), dtype=bool)
        if outcome.classes:
            self.held[self.of, outcome.truth] = True
        self._units = Units(self.of, len(first), (np.arange(len(first)),))

    @property
    def everything(self) -> Mask:
        """All bundles."""
        return np.ones(len(self.size), dtype=bool)

    def sums(self, metric: Metric, prediction: np.ndarray | None = None) -> Floats:
        """A metric's statistics summed over each bundle, ``(bundles, seeds, k)``.

        Args:
            metric: the metric.
            prediction: for each seed; by default the predictions. Metrics of probabilities take
                ``(seeds, n, classes)``.

        Raises:
            UndefinedMetricError: a value is missing or not finite.
        """
        given = self.outcome.prediction if prediction is None else prediction
        size = len(self.outcome.classes) or None
        # A seed at a time, because the rows of all seeds may be large.
        parts = [
            sum_by_unit(metric.statistics(self.outcome.truth, one, size), self._units)
            for one in given
        ]
        return np.stack(parts, axis=1)

    def interval(
        self, metric: Metric, sums: Floats, chosen: Mask, seed: int, *, by_class: bool = True
    ) -> Interval:
        """The interval of the score of some bundles.

        Args:
            metric: the metric.
            sums: its statistics, ``(bundles, seeds, k)``.
            chosen: which bundles, ``(bundles,)``.
            seed: of the resamples.
            by_class: whether units that have one class each are resampled within it.
        """
        unit = self.outcome.unit
        missing = int(self.size[chosen & (self.unit < 0)].sum())
        total = int(self.size[chosen].sum())
        if missing == total:
            return no_interval(f"{unit}s unknown", 0)
        if missing:
            return no_interval(f"{unit} of {missing} of {total} utterances unknown", 0)
        names, of = np.unique(self.unit[chosen], return_inverse=True)
        units = Units(of.astype(np.int64), len(names), (np.arange(len(names)),))
        summed = sum_by_unit(np.moveaxis(sums[chosen], 0, 1), units)
        held = None
        if by_class and self.outcome.classes:
            held = np.zeros((len(names), len(self.outcome.classes)), dtype=bool)
            np.logical_or.at(held, of, self.held[chosen])
        classes = self.outcome.classes
        found = from_sums(metric, summed, units, unit=unit, held=held, classes=classes)
        return interval_of(metric, found, seed=seed)

    def n_speakers(self, chosen: Mask) -> int | None:
        """Speakers of some bundles; None where one is unknown."""
        found = np.unique(self.speaker[chosen])
        return None if found[0] < 0 else len(found)


def _bundles(*columns: Codes) -> tuple[Codes, Codes]:
    """The bundle of each row ``(n,)``, and a row of each; rows equal in all columns are one."""
    of = np.zeros(len(columns[0]), dtype=np.int64)
    first = np.zeros(1, dtype=np.int64)
    for column in columns:
        # Numbered anew each time, so that the product cannot leave 64 bits.
        joint = of * (int(column.max()) + 2) + column + 1
        _, first, of = np.unique(joint, return_index=True, return_inverse=True)
    return of, first
