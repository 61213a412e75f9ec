"""From predictions to rows of the tables: every metric, class and group, with its uncertainty."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from paralbench.errors import UndefinedMetricError
from paralbench.metrics import METRICS, BrierScore, CalibrationError, Metric, Recall
from paralbench.metrics.base import Floats
from paralbench.runner.calibration import bin_rows
from paralbench.runner.groups import Comparison, compare, gap_row, group_columns, group_scores
from paralbench.runner.outcome import Mask, Outcome, Tally
from paralbench.statistics.interval import Interval, no_interval
from paralbench.tables import TABLES

Row = dict[str, Any]

# Where bins are few, resamples have larger errors than the whole, each of them.
_BIASED = "resamples of bins are biased"


def tables_of(
    outcome: Outcome,
    frame: pd.DataFrame,
    probabilities: np.ndarray | None,
    metrics: Sequence[str],
    common: Mapping[str, Any],
    seed: int,
    *,
    detail: bool = True,
    train_share: float = 1.0,
) -> dict[str, pd.DataFrame]:
    """The tables of an outcome.

    In ``scores``, rows with ``fold = all`` score the pooled out-of-fold predictions, per seed and,
    with the interval, averaged over the seeds (``seed = mean``). Rows per fold and their mean have
    no interval. A score that is not defined (a fold with one class, say) is no row.

    Args:
        outcome: the predictions.
        frame: the tested utterances' manifest rows, in the order of the predictions.
        probabilities: ``(seeds, n, classes)``, or None where the probe gives none.
        metrics: metric names; the first is primary.
        common: the columns that all rows of ``scores`` share; ``cell`` and ``label`` are read.
        seed: seed of the resamples and permutations.
        detail: whether recall per class, groups and calibration are wanted too.
        train_share: share of the training speakers that the probe was trained on. With less than
            all of them there are the pooled scores averaged over seeds, and nothing else.

    Returns:
        ``scores``, ``predictions``, ``confusion``, ``calibration`` and ``gaps``.

    Raises:
        UndefinedMetricError: the primary metric is undefined on all of the data.
    """
    whole = train_share == 1.0
    detail = detail and whole
    tally = Tally(outcome, group_columns(frame) if detail else None)
    scorer = Scorer(tally, common, seed, train_share)
    where = {"cell": common["cell"], "layer": outcome.layer}
    sums = _sums(tally, metrics)
    rows, gaps, bins = [], [], []
    for name, summed in sums.items():
        metric = METRICS[name]
        rows += scorer.pooled(metric, summed) if whole else scorer.mean(metric, summed)
        if whole:
            rows += scorer.by_fold(metric, summed)
    if detail and outcome.classes:
        rows += scorer.by_class(sums[metrics[0]])
    if detail and probabilities is not None:
        brier, error = BrierScore(), CalibrationError()
        rows += scorer.pooled(brier, tally.sums(brier, probabilities))
        summed = tally.sums(error, probabilities)
        rows += scorer.pooled(error, summed, no_interval(_BIASED, 0))
        bins = [where | row for row in bin_rows(summed)]
    for column in tally.group:
        comparison = compare(tally, column, common["label"])
        for name, summed in sums.items():
            rows += scorer.by_group(METRICS[name], summed, comparison)
            gaps.append(where | gap_row(tally, comparison, METRICS[name], summed, seed))
    predictions, confusion = TABLES["predictions"].empty(), TABLES["confusion"].empty()
    if whole:
        predictions = prediction_frame(outcome, frame, probabilities, common["cell"])
        confusion = confusion_frame(outcome, common["cell"])
    return {
        "scores": pd.DataFrame(rows, columns=TABLES["scores"].names),
        "predictions": predictions,
        "confusion": confusion,
        "calibration": pd.DataFrame(bins, columns=TABLES["calibration"].names),
        "gaps": pd.DataFrame(gaps, columns=TABLES["gaps"].names),
    }


def join_tables(parts: Iterable[Mapping[str, pd.DataFrame]]) -> dict[str, pd.DataFrame]:
    """Put the tables of several outcomes (layers, shares) together; parts without rows are left."""
    found: dict[str, list[pd.DataFrame]] = {}
    for part in parts:
        for name, frame in part.items():
            found.setdefault(name, []).extend([frame] if len(frame) else [])
    return {
        name: pd.concat(frames, ignore_index=True) if frames else TABLES[name].empty()
        for name, frames in found.items()
    }


def _sums(tally: Tally, metrics: Sequence[str]) -> dict[str, Floats]:
    """Statistics ``(bundles, seeds, k)`` of each metric that is defined on the whole.

    Raises:
        UndefinedMetricError: the first is not.
    """
    found: dict[str, Floats] = {}
    for name in metrics:
        metric = METRICS[name]
        try:
            # All metrics of classes have the same statistics.
            shared = metric.kind == "classes" and metrics[0] in found
            summed = found[metrics[0]] if shared else tally.sums(metric)
            for whole in summed.sum(axis=0):
                if np.isnan(metric.value(whole)):
                    raise UndefinedMetricError(
                        f"{name} is undefined: {metric.why_undefined(whole)}."
                    )
        except UndefinedMetricError:
            if name == metrics[0]:
                raise
        else:
            found[name] = summed
    return found


class Scorer:
    """Makes rows of the ``scores`` table."""

    def __init__(self, tally: Tally, common: Mapping[str, Any], seed: int, train_share: float):
        """Score a tally; ``common`` are the columns that all rows share."""
        self.tally, self.seed = tally, seed
        self.common = {
            **common,
            "layer": tally.outcome.layer,
            "train_share": train_share,
        }
        names = sorted({str(name) for name in tally.outcome.fold})
        self.folds = names  # in the order of the tally's numbers
        self.n_train = np.array([tally.outcome.n_train[name] for name in names])

    def pooled(self, metric: Metric, sums: Floats, found: Interval | None = None) -> list[Row]:
        """The pooled score of each seed, then their mean; with ``found`` as its interval if given.

        Args:
            metric: the metric.
            sums: its statistics, ``(bundles, seeds, k)``.
            found: the interval; by default it is made.
        """
        chosen = self.tally.everything
        values = metric.value(sums.sum(axis=0))
        shared = self._about(metric, chosen)
        seeds = [
            shared | {"seed": seed, "value": float(value)}
            for seed, value in zip(self.tally.outcome.seeds, values, strict=True)
        ]
        return seeds + self.mean(metric, sums, found=found)

    def mean(
        self,
        metric: Metric,
        sums: Floats,
        chosen: Mask | None = None,
        found: Interval | None = None,
        *,
        of_class: str | None = None,
        group: str | None = None,
    ) -> list[Row]:
        """The score averaged over the seeds, with its interval, of all or some bundles."""
        taken = self.tally.everything if chosen is None else chosen
        value = metric.value(sums[taken].sum(axis=0)).mean()
        if found is None:
            found = self.tally.interval(metric, sums, taken, self.seed, by_class=of_class is None)
        row = self._about(metric, taken) | {
            "seed": "mean",
            "value": float(value),
            "group": group,
            "class": of_class,
            "ci_low": found.low,
            "ci_high": found.high,
            "interval_method": found.method,
        }
        return [row]

    def by_fold(self, metric: Metric, sums: Floats) -> list[Row]:
        """The score of each fold, averaged over the seeds, and the mean of the folds."""
        if len(self.folds) < 2:
            return []
        whole = sums.sum(axis=0)
        rows = []
        for code, fold in enumerate(self.folds):
            chosen = self.tally.fold == code
            total = sums[chosen].sum(axis=0)
            if metric.comparable(total, whole).all():
                value = float(metric.value(total).mean())
                rows.append(
                    self._about(metric, chosen) | {"fold": fold, "seed": "mean", "value": value}
                )
        if len(rows) == len(self.folds):
            value = float(np.mean([row["value"] for row in rows]))
            mean = {"fold": "mean", "seed": "mean", "value": value}
            rows.append(self._about(metric, self.tally.everything) | mean)
        return rows

    def by_class(self, sums: Floats) -> list[Row]:
        """The recall of each class that occurs, on its utterances.

        Args:
            sums: statistics of any metric of classes, ``(bundles, seeds, k)``.
        """
        rows = []
        for position, name in enumerate(self.tally.outcome.classes):
            chosen = self.tally.held[:, position]
            if chosen.any():
                rows += self.mean(Recall(position), sums, chosen, of_class=name)
        return rows

    def by_group(self, metric: Metric, sums: Floats, comparison: Comparison) -> list[Row]:
        """The score of each group that can be compared."""
        rows = []
        for name in group_scores(metric, sums, comparison):
            group = f"{comparison.column}={name}"
            rows += self.mean(metric, sums, comparison.groups[name], group=group)
        return rows

    def _about(self, metric: Metric, chosen: Mask) -> Row:
        """What a row says of some bundles beside the score."""
        tally = self.tally
        truth = tally.outcome.truth[chosen[tally.of]]
        return {
            **self.common,
            "fold": "all",
            "group": None,
            "class": None,
            "metric": metric.name,
            "ci_low": None,
            "ci_high": None,
            "interval_method": None,
            "chance": metric.chance(truth),
            "n_train": round(float(self.n_train[np.unique(tally.fold[chosen])].mean())),
            "n_utterances": len(truth),
            "n_speakers": tally.n_speakers(chosen),
        }


def prediction_frame(
    outcome: Outcome,
    frame: pd.DataFrame,
    probabilities: np.ndarray | None,
    cell: str,
) -> pd.DataFrame:
    """Rows of the ``predictions`` table.

    Args:
        outcome: the predictions.
        frame: the tested utterances' manifest rows, in the order of the predictions.
        probabilities: ``(seeds, n, classes)``, or None where the probe gives none.
        cell: the cell.
    """
    parts = []
    for index, seed in enumerate(outcome.seeds):
        part = frame[["corpus", "utterance", "speaker", "session", "gender", "language"]].copy()
        part.insert(0, "fold", outcome.fold)
        part.insert(0, "layer", outcome.layer)
        part.insert(0, "seed", seed)
        part.insert(0, "cell", cell)
        part["truth"] = _spoken(outcome.truth, outcome.classes)
        part["prediction"] = _spoken(outcome.prediction[index], outcome.classes)
        if probabilities is not None:
            for column, name in enumerate(outcome.classes):
                part[f"probability {name}"] = probabilities[index, :, column]
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def confusion_frame(outcome: Outcome, cell: str) -> pd.DataFrame:
    """Rows of the ``confusion`` table, summed over the seeds; none for regression."""
    size = len(outcome.classes)
    rows = []
    if size:
        flat = outcome.truth[None, :] * size + outcome.prediction
        counts = np.bincount(flat.ravel(), minlength=size * size).reshape(size, size)
        rows = [
            (cell, outcome.layer, truth, prediction, int(counts[i, j]))
            for i, truth in enumerate(outcome.classes)
            for j, prediction in enumerate(outcome.classes)
        ]
    return pd.DataFrame(rows, columns=["cell", "layer", "truth", "prediction", "count"])


def _spoken(values: np.ndarray, classes: tuple[str, ...]) -> list[str]:
    if classes:
        return [classes[index] for index in values]
    return [repr(float(value)) for value in values]
