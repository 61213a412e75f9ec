"""How much worse a transfer setting is than the tested corpus by itself, on the same utterances."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from paralbench.metrics import METRICS, NormalisedAverageRecall
from paralbench.metrics.base import Metric
from paralbench.runner.transfer_predictions import Predicted, in_common
from paralbench.statistics.paired import Difference, difference
from paralbench.tables.frames import column, records, rows

Row = dict[str, Any]

RESAMPLES = 2000
NORMALISED = NormalisedAverageRecall.name
NOTHING = "no utterance is predicted by both"


@dataclass(frozen=True)
class Ceiling:
    """What a setting is compared with, or why there is nothing.

    Attributes:
        cell: of the ceiling.
        layers: its predictions by layer.
        n_train: its training utterances by layer.
        reason: why there is none.
    """

    cell: str | None
    layers: Mapping[str, Predicted]
    n_train: Mapping[str, int]
    reason: str | None = None


def with_normalised(scores: pd.DataFrame) -> pd.DataFrame:
    """Rows of ``scores`` with chance-normalised UAR beside every UAR, and its interval.

    It is a linear map of UAR, so that no resample has to be drawn again.
    """
    about = rows(scores, (scores["metric"] == "uar") & scores["chance"].notna())
    if about.empty:
        return scores
    chance = column(about, "chance").astype(float)
    mapped = {
        name: (column(about, name).astype(float) - chance) / (1 - chance)
        for name in ("value", "ci_low", "ci_high")
    }
    added = about.assign(metric=NORMALISED, chance=0.0, **mapped)
    return pd.concat([scores, added], ignore_index=True)


def drop_rows(
    cell: str,
    metrics: Sequence[str],
    classes: tuple[str, ...],
    layers: Mapping[str, Predicted],
    scores: pd.DataFrame,
    ceiling: Ceiling,
    languages: str | None,
    seed: int,
) -> list[Row]:
    """Rows of the table ``drops``.

    Args:
        cell: the setting's.
        metrics: of the card; chance-normalised UAR is added.
        classes: the class names; empty for regression.
        layers: the setting's predictions by layer.
        scores: its pooled scores, averaged over the seeds: ``layer, metric, value, n_train,
            n_utterances, n_speakers``.
        ceiling: what it is compared with.
        languages: how training and test languages are related.
        seed: of the resamples.
    """
    found: list[Row] = []
    for score in records(scores):
        layer, name = score["layer"], score["metric"]
        if name not in metrics:
            continue
        row = {
            "cell": cell,
            "ceiling_cell": ceiling.cell,
            "layer": layer,
            "metric": name,
            "value": score["value"],
            "ceiling": None,
            "drop": None,
            "ci_low": None,
            "ci_high": None,
            "interval_method": None,
            "n_train": score["n_train"],
            "n_train_ceiling": ceiling.n_train.get(layer),
            "n_utterances": score["n_utterances"],
            "n_speakers": score["n_speakers"],
            "languages": languages,
            "reason": ceiling.reason,
        }
        if ceiling.reason is None and layer not in ceiling.layers:
            row["reason"] = f"the ceiling has no layer {layer}"
        if row["reason"] is None:
            row |= _compared(METRICS[name], classes, layers[layer], ceiling.layers[layer], seed)
        found.append(row)
        if name == "uar" and len(classes):
            found.append(_normalised(row, _n_present(row, classes, layers[layer], ceiling)))
    return found


def _compared(
    metric: Metric, classes: tuple[str, ...], setting: Predicted, ceiling: Predicted, seed: int
) -> Row:
    one, other = in_common(setting, ceiling)
    if not len(one.names):
        return {"reason": NOTHING}
    sign = 1.0 if metric.higher_is_better else -1.0
    found = _difference(metric, classes, one, other, seed)
    value, top = (_score(metric, classes, side) for side in (one, other))
    if found.value is None or value is None or top is None:
        return {"reason": found.reason}
    ends = sorted(sign * end for end in (found.low, found.high) if end is not None)
    return {
        "value": value,
        "ceiling": top,
        "drop": sign * found.value,
        "ci_low": ends[0] if ends else None,
        "ci_high": ends[1] if ends else None,
        "interval_method": found.method,
        "n_utterances": len(one.names),
        "n_speakers": len(set(one.units))
        if one.unit == "speaker" and one.units is not None
        else None,
    }


def _difference(
    metric: Metric, classes: tuple[str, ...], one: Predicted, other: Predicted, seed: int
) -> Difference:
    """The ceiling's score minus the setting's."""
    return difference(
        metric,
        one.truth,
        other.prediction,
        one.prediction,
        one.units,
        seed=seed,
        unit=one.unit,
        resamples=RESAMPLES,
        n_classes=len(classes) or None,
        classes=classes or None,
    )


def _score(metric: Metric, classes: tuple[str, ...], side: Predicted) -> float | None:
    """The mean over seeds; None where it is undefined."""
    sums = metric.statistics(side.truth, side.prediction, len(classes) or None).sum(axis=-2)
    value = float(metric.value(sums).mean())
    return None if np.isnan(value) else value


def _n_present(row: Row, classes: tuple[str, ...], setting: Predicted, ceiling: Ceiling) -> int:
    """The classes that a row's UAR is an average of."""
    if row["drop"] is not None:
        setting = in_common(setting, ceiling.layers[row["layer"]])[0]
    return len(np.unique(setting.truth))


def _normalised(row: Row, n_classes: int) -> Row:
    """A row about UAR as one about chance-normalised UAR."""
    chance = 1 / n_classes
    mapped: Row = {}
    for name in ("value", "ceiling"):
        mapped[name] = None if row[name] is None else (row[name] - chance) / (1 - chance)
    for name in ("drop", "ci_low", "ci_high"):
        mapped[name] = None if row[name] is None else row[name] / (1 - chance)
    return {**row, "metric": NORMALISED, **mapped}
