"""What changed between two runs."""

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd

from paralbench.metrics import METRICS
from paralbench.report.comparison import Compare, comparer
from paralbench.report.figures.cells import title
from paralbench.report.reading import Frame, Run, measure
from paralbench.report.run_tables import COMPARED, RunTables
from paralbench.statistics.multiple import holm
from paralbench.statistics.ranking import LEVEL
from paralbench.tables import RunFolder, frames

KEY = ["setting", "task", "train_corpora", "test_corpus", "upstream", "recipe", "normalisation"]
KEY += ["layer", "metric"]
# What a score depends on beside its key; where one differs, it is said.
DEPENDS = {
    "revision": "weights",
    "variant": "variant",
    "split": "split",
    "selection": "selection",
    "precision": "precision",
    "features_key": "features",
    "cards_key": "cards or recipe",
    "paralbench_version": "version",
    "n_train": "training utterances",
    "n_utterances": "test utterances",
}
COLUMNS = [
    *("what", "upstream", "probe", "layer", "metric", "first", "second", "difference", "low"),
    *("high", "p_value", "p_holm", "verdict", "reason", "changed"),
]
SAME = 1e-9  # scores that differ by less are equal


@dataclass(frozen=True)
class Changes:
    """Two runs side by side.

    Attributes:
        first, second: what the two are called.
        frame: a row per score of either, with the columns of :data:`COLUMNS`. ``difference`` is
            the second minus the first, with its interval over speakers; ``verdict`` is ``equal``,
            ``better`` or ``worse`` (significant, corrected by Holm over all rows), ``not told
            apart``, ``not comparable`` (``reason`` says why), ``only in the first`` or ``only in
            the second``; ``changed`` names what the score depends on and is not the same.
        notes: what a reader has to know.
    """

    first: str
    second: str
    frame: Frame
    notes: tuple[str, ...]


def compare_runs(first: Path, second: Path, *, every: bool = False, seed: int = 0) -> Changes:
    """Compare two runs.

    Args:
        first: a run folder, the one that was before.
        second: another.
        every: all metrics, and not the tasks' primary ones alone.
        seed: of the resamples.

    Raises:
        StoreError: there is no run, or a table is damaged.
    """
    one, two = Run.open(first), Run.open(second)
    rows = _rows(one, every), _rows(two, every)
    merged = rows[0].merge(rows[1], on=KEY, how="outer", suffixes=("_1", "_2"), indicator=True)
    compare = comparer(_both(one, two), seed=seed)
    lines = [_line(row, compare) for row in frames.records(merged)]
    frame = _judged(pd.DataFrame(lines, columns=pd.Index(COLUMNS)))
    note = (
        "A difference is the second minus the first; its interval is over the speakers of the "
        "utterances that both tested, for the probes as they were trained. p-values are corrected "
        "by Holm over all rows."
    )
    names = (one.name, two.name) if one.name != two.name else (str(first), str(second))
    return Changes(*names, frame, (note,))


def _rows(run: Run, every: bool) -> Frame:
    rows = run.pooled
    rows = rows if every else rows[rows["primary"]]
    return rows[[*KEY, "cell", "value", "probe", "interval_method", *DEPENDS]]


@dataclass(frozen=True)
class _Both(RunTables):
    """The predictions of two runs as if they were one; a cell's name begins with its run's."""

    other: RunFolder

    def predictions(self, cell: str, layer: str) -> pd.DataFrame:
        """The predictions of a cell's probe; empty where there are none."""
        number, _, name = cell.partition(" ")
        folder = self.run if number == "1" else self.other
        found = folder.read_cells("predictions", [name], COMPARED)
        return frames.rows(found, found["layer"] == layer).reset_index(drop=True)


def _both(one: Run, two: Run) -> RunTables:
    classes = {}
    for number, run in (("1", one), ("2", two)):
        rows = run.table("manifest")
        rows = rows[(rows["kind"] == "task") & (rows["key"] == "classes")]
        pairs = zip(rows["cell"], rows["value"], strict=True)
        classes |= {f"{number} {cell}": joined or "" for cell, joined in pairs}
    nothing = pd.DataFrame()
    return _Both(nothing, nothing, {}, (), (), classes, one.folder, two.folder)


def _line(row: dict[str, Any], compare: Compare) -> dict[str, Any]:
    line: dict[str, Any] = dict.fromkeys(COLUMNS)
    parts = row["setting"], row["task"], row["train_corpora"], row["test_corpus"]
    line |= {key: row[key] for key in ("upstream", "layer", "metric")}
    side = "2" if row["_merge"] == "right_only" else "1"
    line |= {"what": title(*parts), "probe": row[f"probe_{side}"]}
    if row["_merge"] != "both":
        which = "first" if side == "1" else "second"
        return line | {which: row[f"value_{side}"], "verdict": f"only in the {which}"}
    first, second = row["value_1"], row["value_2"]
    line |= {"first": first, "second": second, "difference": second - first}
    line["changed"] = ", ".join(
        word for key, word in DEPENDS.items() if _differ(row[f"{key}_1"], row[f"{key}_2"])
    )
    if abs(second - first) <= SAME:
        return line | {"verdict": "equal"}
    if row["metric"] not in METRICS:
        return line | {"reason": "this metric is not made of predicted classes or numbers alone"}
    found = compare(_as_row(row, "2"), _as_row(row, "1")).difference
    line |= {"low": found.low, "high": found.high, "p_value": found.p_value}
    return line | {"reason": found.reason if found.p_value is None else None}


def _differ(one: Any, two: Any) -> bool:
    return not (one == two or (pd.isna(one) and pd.isna(two)))


def _as_row(row: dict[str, Any], side: str) -> SimpleNamespace:
    own = ("cell", "value", "interval_method")
    return SimpleNamespace(
        **{key: row[key] for key in KEY},
        **{key: row[f"{key}_{side}"] for key in own if key != "cell"},
        cell=f"{side} {row[f'cell_{side}']}",
    )


def _judged(frame: Frame) -> Frame:
    """Correct the p-values for their number and say what they mean."""
    known = frame["p_value"].notna()
    corrected = frame["p_value"].astype(float)
    corrected[known] = holm(corrected[known].to_numpy())
    verdicts = []
    for line, p in zip(frames.records(frame), corrected, strict=True):
        if isinstance(line["verdict"], str):
            verdicts.append(line["verdict"])
        elif pd.isna(p):
            verdicts.append("not comparable")
        elif p >= LEVEL:
            verdicts.append("not told apart")
        else:
            up = measure(line["metric"]).higher
            verdicts.append("better" if (line["difference"] > 0) == up else "worse")
    return frame.assign(p_holm=corrected, verdict=verdicts)
