"""Transfer between corpora: trained on one, tested on another."""

import pandas as pd

from paralbench.report.figures.board import names, stamps
from paralbench.report.figures.cells import train_title
from paralbench.report.reading import LAYERWISE, Frame, Run
from paralbench.tables import frames

ACROSS = ("pair", "leave-one-corpus-out", "pooled")
COLUMNS = [
    *("cell", "task", "heading", "name", "floor", "probe", "setting", "train", "test", "value"),
    *("low", "high", "chance", "skill", "n_train", "n_utterances", "n_speakers", "stamps"),
    "method",
]


def transfer(run: Run) -> Frame:
    """One row per label, upstream (or floor), probe, training and test corpus.

    ``skill`` is the share of the way from chance to perfect: the classes that two corpora share
    differ by pair, so the raw scores of two pairs have different chance levels.
    """
    pooled = run.pooled
    keep = pooled["setting"].isin(ACROSS) & pooled["primary"] & (pooled["recipe"] != LAYERWISE)
    rows = pooled[keep]
    measures = [run.measures[task] for task in rows["task"]]
    chance = rows["chance"].astype(float)
    rows = rows.assign(
        name=names(rows),
        heading=[one.heading for one in measures],
        train=[
            train_title(setting, train)
            for setting, train in zip(rows["setting"], rows["train_corpora"], strict=True)
        ],
        test=rows["test_corpus"],
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
    floors = rows[rows["floor"]]
    parts = [rows[~rows["floor"]], *(floors.assign(probe=probe) for probe in run.probes)]
    order = ["task", "probe", "floor", "name", "setting", "train", "test"]
    found: Frame = pd.concat(parts, ignore_index=True)[COLUMNS]
    return found.sort_values(order, ignore_index=True)
