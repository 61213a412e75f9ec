"""Learning curves: what the scores would be with more training speakers than there are."""

from typing import Any

import numpy as np
import pandas as pd

from paralbench.metrics import METRICS
from paralbench.statistics.learning_curve import LearningCurve, fit_learning_curve
from paralbench.tables import TABLES
from paralbench.tables.frames import column, records, rows

FURTHER = (2.0, 4.0)  # times the training speakers there are


def extrapolation_frame(scores: pd.DataFrame, metric: str, cell: str) -> pd.DataFrame:
    """Rows of the ``extrapolation`` table, for each layer.

    The curve goes through the pooled scores at shares of the training speakers, in training
    utterances: twice the speakers are taken for twice the utterances.

    Args:
        scores: rows of the ``scores`` table of one cell, with those at all ``train_share``.
        metric: the metric to extrapolate.
        cell: the cell.
    """
    pooled = (scores["fold"] == "all") & (scores["seed"] == "mean")
    about_all = scores["group"].isna() & scores["class"].isna()
    points = rows(scores, pooled & about_all & (scores["metric"] == metric))
    found: list[dict[str, Any]] = []
    for layer in dict.fromkeys(points["layer"]):
        of_layer = rows(points, points["layer"] == layer)
        about = {"cell": cell, "layer": layer, "metric": metric}
        found += [about | row for row in _extrapolate(of_layer, metric)]
    return pd.DataFrame(found, columns=TABLES["extrapolation"].names)


def _extrapolate(points: pd.DataFrame, name: str) -> list[dict[str, Any]]:
    metric = METRICS[name]
    full = [row["n_train"] for row in records(points) if row["train_share"] == 1.0]
    n = column(points, "n_train").to_numpy(dtype=np.float64)
    if full:
        curve = fit_learning_curve(
            n,
            column(points, "value").to_numpy(dtype=np.float64),
            higher_is_better=metric.higher_is_better,
            limits=metric.range,
        )
    else:
        curve = "no score with all training speakers"
    shared: dict[str, Any] = {"n_points": len(np.unique(n))}
    if isinstance(curve, LearningCurve):
        shared |= {"form": curve.form, "a": curve.a, "b": curve.b, "c": curve.c}
        shared |= {"rmse": curve.rmse, "reason": None}
        values = [float(curve(full[0] * times)) for times in FURTHER]
    else:
        sign = "-" if metric.higher_is_better else "+"
        shared |= {"form": f"a {sign} b n^-c", **dict.fromkeys(("a", "b", "c", "rmse"))}
        shared |= {"reason": curve}
        values = [None for _ in FURTHER]
    return [
        {**shared, "train_share": times, "value": value}
        for times, value in zip(FURTHER, values, strict=True)
    ]
