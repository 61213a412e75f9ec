"""The tables that leaderboards and rankings are drawn from, and what their rows are called."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from types import SimpleNamespace
from typing import Any

import pandas as pd

from paralbench.tables import TABLES, RunFolder, frames, slots
from paralbench.tables.slots import FLOORS

# What of the predictions comparisons read.
COMPARED = ["cell", "seed", "layer", "corpus", "utterance", "speaker", "session", "truth"]
COMPARED += ["prediction"]


@dataclass(frozen=True)
class RunTables:
    """The tables that reports are drawn from, read once.

    Attributes:
        scores: primary metric only, folds pooled, seeds averaged, no groups or classes.
        failures: the failed cells.
        primary: task id to metric, its direction (``higher`` or ``lower``).
        skipped: what the run left out, with the reasons.
        planned: the parts of each slot, and its ``cell``.
        classes: cell to its class names, joined by blanks.
        run: where they were read; predictions are read from there when they are compared.
    """

    scores: pd.DataFrame
    failures: pd.DataFrame
    primary: dict[str, tuple[str, bool]]
    skipped: tuple[str, ...]
    planned: tuple[dict[str, str], ...]
    classes: dict[str, str]
    run: RunFolder

    @classmethod
    def read(cls, run: RunFolder) -> "RunTables":
        """Read a run folder, or a folder of published tables.

        Raises:
            StoreError: there is no run there.
        """
        scores, manifest = run.read("scores"), run.read("manifest")
        tasks = frames.records(frames.rows(manifest, manifest["kind"] == "task"))
        facts = {(row["id"], row["key"]): row["value"] for row in tasks}
        primary = {
            id: (metric, facts.get((id, "higher_is_better")) == "true")
            for (id, key), metric in facts.items()
            if key == "primary_metric"
        }
        is_primary = [
            primary.get(task, ("", True))[0] == metric
            for task, metric in zip(scores["task"], scores["metric"], strict=True)
        ]
        kept = frames.rows(
            scores,
            pd.Series(is_primary, index=scores.index, dtype=bool)
            & (scores["fold"] == "all")
            & (scores["seed"] == "mean")
            & scores["group"].isna()
            & scores["class"].isna()
            & (scores["train_share"] == 1.0),
        )
        return cls(
            scores=kept.reset_index(drop=True),
            failures=run.read("failures"),
            primary=primary,
            skipped=run.skipped(),
            planned=tuple(
                {**slots.split(slot), "cell": cell} for slot, cell in run.cells().items()
            ),
            classes={row["cell"]: row["value"] or "" for row in tasks if row["key"] == "classes"},
            run=run,
        )

    @cached_property
    def _by_cell(self) -> dict[str, pd.DataFrame]:
        """The predictions of published tables, read once: each reading goes through all of them."""
        found = self.run.read_cells("predictions", set(self.scores["cell"]), COMPARED)
        return {str(cell): part for cell, part in found.groupby("cell", sort=False)}

    def predictions(self, cell: str, layer: str) -> pd.DataFrame:
        """The predictions of a cell's probe, without probabilities; empty where there are none."""
        if self.run.published("predictions"):
            found = self._by_cell.get(cell, TABLES["predictions"].empty())
        else:
            found = self.run.read_cells("predictions", [cell], COMPARED)
        return frames.rows(found, found["layer"] == layer).reset_index(drop=True)

    def why_failed(self) -> dict[str, str]:
        """Failed cell to the first line of what it said."""
        return {
            row["cell"]: row["message"].splitlines()[0] for row in frames.records(self.failures)
        }


def score_rows(
    tables: RunTables,
    *,
    setting: str,
    recipes: Sequence[str],
    normalisation: str | None = None,
    task: str | None = None,
) -> list[SimpleNamespace]:
    """Rows of the scores of a setting, their columns as attributes."""
    scores = tables.scores
    keep = (scores["setting"] == setting) & frames.column(scores, "recipe").isin(list(recipes))
    if normalisation is not None:
        keep &= scores["normalisation"] == normalisation
    if task is not None:
        keep &= scores["task"] == task
    return [
        SimpleNamespace(**{key: value for key, value in row.items() if key != "class"})
        for row in frames.records(frames.rows(scores, keep))
    ]


def row_name(row: Any) -> str:
    """What leaderboards call the row of a score: its upstream, and its layer if it has but one."""
    if row.recipe in FLOORS:
        return f"({row.recipe})"
    return row.upstream if row.layer in ("mix", "chosen") else f"{row.upstream}, layer {row.layer}"


def where(setting: str, task: str, train: str, test: str) -> str:
    """What a column is about: a task, or training and test corpora."""
    return task if setting == "within" else f"{train} -> {test}"
