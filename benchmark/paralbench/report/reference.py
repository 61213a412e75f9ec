"""Figures that others published, and a run beside them.

A published figure comes from another probe, split or release of a corpus, so it is a place to look
at, not a bar to be tested against: nothing is said of significance.
"""

from pathlib import Path

import pandas as pd

from paralbench.errors import ParalbenchError
from paralbench.report.compare import COLUMNS, Changes
from paralbench.report.reading import Column, Frame, Run
from paralbench.tables import frames

REFERENCE = ("source", "citation", "upstream", "task", "metric", "value", "note")


def read_reference(file: Path) -> Frame:
    """A table of published figures, its columns those of :data:`REFERENCE`.

    Raises:
        ParalbenchError: it cannot be read, lacks a column, or a value is no number.
    """
    try:
        frame: Frame = pd.read_csv(file, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise ParalbenchError(f"{file}: cannot be read: {error}.") from None
    missing = [name for name in REFERENCE if name not in frame.columns]
    if missing:
        raise ParalbenchError(f"{file}: lacks the columns {missing}; it needs {list(REFERENCE)}.")
    numbers: Column = pd.to_numeric(frame["value"], errors="coerce")
    if numbers.isna().any():
        line = int(numbers.isna().to_numpy().argmax()) + 2
        bad = frame["value"].iloc[line - 2]
        raise ParalbenchError(f"{file}, line {line}: value: {bad!r} is no number.")
    return frame.assign(value=numbers)


def compare_reference(run: Path, file: Path) -> Changes:
    """A run's scores within corpora beside published figures, by upstream, task and metric.

    Args:
        run: a run folder.
        file: a CSV file of published figures, such as those in ``results/reference``.

    Returns:
        a row per published figure and probe of the run, the published figure first.

    Raises:
        StoreError: there is no run, or a table is damaged.
        ParalbenchError: the file is no table of published figures.
    """
    opened, reference = Run.open(run), read_reference(file)
    pooled = opened.pooled
    scores = pooled[(pooled["setting"] == "within") & pooled["layer"].isin(["mix", "chosen"])]
    lines = []
    for row in frames.records(reference):
        mine = scores[
            (scores["upstream"] == row["upstream"])
            & (scores["task"] == row["task"])
            & (scores["metric"] == row["metric"])
        ]
        line = dict.fromkeys(COLUMNS) | {
            "what": row["task"],
            "upstream": row["upstream"],
            "metric": row["metric"],
            "first": row["value"],
            "verdict": "only in the first",
            "reason": f"{row['source']}, {row['citation']}: {row['note']}",
        }
        if mine.empty:
            lines.append(line)
        for one in frames.records(mine):
            lines.append(
                line
                | {
                    "probe": one["probe"],
                    "layer": one["layer"],
                    "second": one["value"],
                    "difference": one["value"] - row["value"],
                    # The interval of the run's score, moved by the published figure.
                    "low": one["ci_low"] - row["value"],
                    "high": one["ci_high"] - row["value"],
                    "verdict": "beside a published figure",
                }
            )
    notes = (
        "The first are published figures, from another probe, split or release; the interval is "
        "that of the run's score alone.",
    )
    return Changes(file.stem, opened.name, pd.DataFrame(lines, columns=pd.Index(COLUMNS)), notes)
