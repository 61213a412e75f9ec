"""From predictions to rows of the ``scores`` table: every metric, its interval, its chance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from paralbench.errors import UndefinedMetricError
from paralbench.metrics import METRICS, Metric
from paralbench.statistics.bootstrap import interval


@dataclass(frozen=True)
class Outcome:
    """Out-of-fold predictions of one probe (one layer, or the mix).

    Attributes:
        layer: ``mix``, or the index of the layer.
        truth: class indices, or numbers in the label's own unit, ``(n,)``.
        prediction: the same for each seed, ``(seeds, n)``.
        fold: the name of the fold that tested each utterance, ``(n,)``.
        units: what intervals resample, ``(n,)``; None where unknown.
        unit: what that is: speaker, session or utterance.
        classes: the class names; empty for regression.
        n_train: training utterances of each fold, by its name.
    """

    layer: str
    truth: np.ndarray
    prediction: np.ndarray
    fold: np.ndarray
    units: np.ndarray | None
    unit: Literal["speaker", "session", "utterance"]
    classes: tuple[str, ...]
    n_train: Mapping[str, int]

    @property
    def seeds(self) -> list[str]:
        """The names of the seeds."""
        return [str(seed) for seed in range(len(self.prediction))]


def score_rows(
    outcome: Outcome, metrics: Sequence[str], common: Mapping[str, Any], seed: int
) -> list[dict[str, Any]]:
    """Score an outcome.

    Rows with ``fold = all`` score the pooled out-of-fold predictions, per seed and, with the
    interval, averaged over the seeds (``seed = mean``). Rows per fold and their mean have no
    interval. A score that is not defined (a fold with one class, say) is no row.

    Args:
        outcome: the predictions.
        metrics: metric names; the first is primary.
        common: the columns that all rows share.
        seed: seed of the resamples.

    Raises:
        UndefinedMetricError: the primary metric is undefined on all of the data.
    """
    rows: list[dict[str, Any]] = []
    for name in metrics:
        try:
            rows += _metric_rows(METRICS[name], outcome, common, seed)
        except UndefinedMetricError:
            if name == metrics[0]:
                raise
    return rows


def _metric_rows(
    metric: Metric, outcome: Outcome, common: Mapping[str, Any], seed: int
) -> list[dict[str, Any]]:
    n_classes = len(outcome.classes) or None
    statistics = metric.statistics(outcome.truth, outcome.prediction, n_classes)
    shared = {
        **common,
        "layer": outcome.layer,
        "metric": metric.name,
        "train_share": 1.0,
        "group": None,
        "class": None,
        "ci_low": None,
        "ci_high": None,
        "interval_method": None,
    }

    def row(fold: str, seed: str, value: float, chosen: np.ndarray, **more: Any) -> dict[str, Any]:
        sizes = [outcome.n_train[name] for name in sorted(set(outcome.fold[chosen]))]
        speakers = outcome.units if outcome.unit == "speaker" else None
        return {
            **shared,
            "fold": fold,
            "seed": seed,
            "value": float(value),
            "chance": _chance(metric, outcome, chosen),
            "n_train": round(float(np.mean(sizes))),
            "n_utterances": int(chosen.sum()),
            "n_speakers": None if speakers is None else len(set(speakers[chosen])),
            **more,
        }

    everything = np.ones(len(outcome.truth), dtype=bool)
    pooled = metric.value(statistics.sum(axis=-2))  # (seeds,)
    if np.isnan(pooled).any():
        raise UndefinedMetricError(
            f"{metric.name} is undefined: "
            f"{metric.why_undefined(statistics[int(np.isnan(pooled).argmax())].sum(axis=0))}."
        )
    names = np.array(outcome.classes, dtype=object)
    found = interval(
        metric,
        names[outcome.truth] if n_classes else outcome.truth,
        names[outcome.prediction] if n_classes else outcome.prediction,
        outcome.units,
        seed=seed,
        unit=outcome.unit,
        classes=outcome.classes or None,
    )
    rows = [row("all", name, pooled[i], everything) for i, name in enumerate(outcome.seeds)]
    rows.append(
        row(
            "all",
            "mean",
            pooled.mean(),
            everything,
            ci_low=found.low,
            ci_high=found.high,
            interval_method=found.method,
        )
    )
    folds = sorted(set(outcome.fold))
    if len(folds) > 1:
        values = []
        for fold in folds:
            chosen = outcome.fold == fold
            scores = metric.value(statistics[:, chosen].sum(axis=-2))
            if not np.isnan(scores).any() and _complete(metric, outcome, chosen):
                values.append(scores.mean())
                rows.append(row(fold, "mean", scores.mean(), chosen))
        if len(values) == len(folds):
            rows.append(row("mean", "mean", float(np.mean(values)), everything))
    return rows


def _complete(metric: Metric, outcome: Outcome, chosen: np.ndarray) -> bool:
    """Whether a fold's score measures what the whole's does: no class has left an average."""
    if not metric.averages_over_classes:
        return True
    return len(set(outcome.truth[chosen])) == len(set(outcome.truth))


def _chance(metric: Metric, outcome: Outcome, chosen: np.ndarray) -> float | None:
    try:
        return metric.chance(outcome.truth[chosen])
    except UndefinedMetricError:
        return None


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
        probabilities: ``(seeds, n, classes)``, or None for regression.
        cell: the cell.
    """
    parts = []
    for index, seed in enumerate(outcome.seeds):
        part = frame[["corpus", "utterance", "speaker", "gender", "language"]].copy()
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
