"""Scores within corpora: who is how good at what."""

import math
from types import SimpleNamespace

import pandas as pd

from paralbench.report.reading import LAYERWISE, Frame, Run
from paralbench.report.run_tables import row_name
from paralbench.tables import frames

COLUMNS = [
    *("cell", "name", "listed", "floor", "task", "probe", "metric", "heading", "higher", "value"),
    *("low", "high", "chance", "skill", "n_train", "n_utterances", "n_speakers", "split"),
    *("selection", "stamps", "method"),
]


def board(run: Run) -> Frame:
    """One row per upstream, task and probe: the primary metric within its corpus.

    ``listed`` is what the leaderboard calls a row: for a probe on one layer with that layer.
    Floors (the most frequent class, the clip's length alone) are rows beside every probe, called
    ``(majority)`` and ``(duration)``.

    Returns:
        the columns of :data:`COLUMNS`; ``skill`` is the share of the way from chance to perfect.
    """
    pooled = run.pooled
    rows = frames.rows(
        pooled,
        (pooled["setting"] == "within") & pooled["primary"] & (pooled["recipe"] != LAYERWISE),
    )
    rows = _described(run, rows)
    floors = rows[rows["floor"]]
    parts = [rows[~rows["floor"]], *(floors.assign(probe=probe) for probe in run.probes)]
    if not run.probes:
        parts.append(floors)
    return pd.concat(parts, ignore_index=True)[COLUMNS]


def seeds(run: Run) -> Frame:
    """The same scores for each seed: ``name, task, probe, seed, value``."""
    scores = run.scores
    rows = scores[
        (scores["setting"] == "within")
        & scores["primary"]
        & ~scores["floor"]
        & (scores["recipe"] != LAYERWISE)
        & (scores["fold"] == "all")
        & (scores["seed"] != "mean")
        & scores["group"].isna()
        & scores["class"].isna()
        & (scores["train_share"] == 1.0)
    ]
    found = rows.rename(columns={"upstream": "name"})
    return found[["name", "task", "probe", "seed", "value"]].reset_index(drop=True)


def _described(run: Run, rows: Frame) -> Frame:
    measures = [run.measures[task] for task in rows["task"]]
    chance = rows["chance"].astype(float)
    return rows.assign(
        name=names(rows),
        listed=[row_name(SimpleNamespace(**row)) for row in _named(rows)],
        heading=[one.heading for one in measures],
        higher=[one.higher for one in measures],
        low=rows["ci_low"].astype(float),
        high=rows["ci_high"].astype(float),
        chance=chance,
        skill=[
            one.skill(value, known)
            for one, value, known in zip(measures, rows["value"], chance, strict=True)
        ],
        stamps=[stamps(row) for row in frames.records(rows)],
        method=rows["interval_method"],
    )


def _named(rows: Frame) -> list[dict[str, str]]:
    return frames.records(rows[["recipe", "upstream", "layer"]])


def names(rows: Frame) -> list[str]:
    """What rows of the scores table are called: their upstream, or their floor in brackets."""
    return [
        f"({recipe})" if floor else upstream
        for recipe, floor, upstream in zip(
            rows["recipe"], rows["floor"], rows["upstream"], strict=True
        )
    ]


def stamps(row: dict[str, object]) -> str:
    """What has to be known of a row before it is compared, in words."""
    found = []
    if row["leakage"]:
        found.append(f"split leaks {row['leakage']}")
    if row["contaminated"]:
        found.append("upstream trained on the test corpus")
    if row["transductive"]:
        found.append("read unlabelled test data")
    if row["selection"] == "fixed":
        found.append("hyper-parameters fixed")
    return "; ".join(found)


def known(value: float | None) -> bool:
    """Whether there is a number."""
    return value is not None and not math.isnan(value)
