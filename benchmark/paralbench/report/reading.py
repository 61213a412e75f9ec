"""A run's tables as figures read them: an absent table is empty, an absent column is missing.

Folders that an earlier version wrote, or that hold some of the tables only, can be read: what lacks
is a section without data, never an error.
"""

import math
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from paralbench.metrics import METRICS
from paralbench.report.run_tables import RunTables
from paralbench.tables import TABLES, RunFolder, frames, slots

# A pandas data frame and a column of one. pandas' own types are unions that no checker can follow.
Frame = Any
Column = Any

DEFAULT_RECIPE = "paralbench"
LAYERWISE = "layers"  # the recipe with a probe for each layer


@dataclass(frozen=True)
class Measure:
    """A task's primary metric.

    Attributes:
        metric: its id.
        higher: whether more is better.
        title: the noun phrase for readers.
        perfect: the best value there is.
    """

    metric: str
    higher: bool
    title: str
    perfect: float

    @property
    def heading(self) -> str:
        """As headings write it, with the direction that is better: ``UAR ↑``."""
        name = self.metric.upper() if len(self.metric) < 5 else self.metric
        return f"{name} {'↑' if self.higher else '↓'}"

    def skill(self, value: float, chance: float | None) -> float:
        """The share of the way from chance (0) to perfect (1); below 0 is worse than chance.

        NaN where the chance level is not known or is already perfect.
        """
        if chance is None or math.isnan(chance) or chance == self.perfect:
            return math.nan
        return (value - chance) / (self.perfect - chance)


def measure(metric: str, higher: bool | None = None) -> Measure:
    """What is known of a metric; one that this version does not know is taken as it is."""
    known = METRICS.get(metric)
    up = (known.higher_is_better if known else True) if higher is None else higher
    low, high = known.range if known else (0.0, 1.0)
    return Measure(metric, up, known.title if known else metric, high if up else low)


@dataclass(frozen=True)
class Run:
    """A run folder, or a folder of published tables.

    Attributes:
        folder: where the tables are.
        name: what reports call the run: its folder's name.
    """

    folder: RunFolder
    name: str
    _read: dict[str, Frame] = field(default_factory=dict, repr=False)

    @classmethod
    def open(cls, path: Path | str) -> "Run":
        """Open a folder.

        Raises:
            StoreError: there is no run there.
        """
        run = cls(RunFolder(path), Path(path).resolve().name)
        run.table("scores")
        return run

    def table(self, name: str) -> Frame:
        """All rows of a table with every declared column; read once.

        Raises:
            StoreError: a file of the table is damaged.
        """
        if name not in self._read:
            frame = self.folder.read(name)
            lacking = {c: None for c in TABLES[name].names if c not in frame.columns}
            self._read[name] = frame.assign(**lacking) if lacking else frame
        return self._read[name]

    @cached_property
    def facts(self) -> dict[tuple[str, str, str], tuple[str, ...]]:
        """What the manifest says: (kind, id, key) to its values, each once, in their order."""
        found: dict[tuple[str, str, str], dict[str, None]] = {}
        rows = self.table("manifest")[["kind", "id", "key", "value"]].dropna().drop_duplicates()
        for row in frames.records(rows):
            found.setdefault((row["kind"], row["id"], row["key"]), {})[str(row["value"])] = None
        return {key: tuple(values) for key, values in found.items()}

    def fact(self, kind: str, id: str, key: str) -> str | None:
        """One value of the manifest; None where it says nothing of it."""
        return self.facts.get((kind, id, key), (None,))[0]

    @cached_property
    def measures(self) -> dict[str, Measure]:
        """Task, or harmonised label, to its primary metric.

        Where the manifest says nothing, the first metric of the task's rows is taken.
        """
        scores = self.table("scores")
        found = {}
        for task, rows in scores.groupby("task", sort=True):
            name = self.fact("task", str(task), "primary_metric") or str(rows["metric"].iloc[0])
            better = self.fact("task", str(task), "higher_is_better")
            found[str(task)] = measure(name, None if better is None else better == "true")
        return found

    @cached_property
    def compared(self) -> RunTables:
        """The tables as rankings and leaderboards take them."""
        return RunTables.read(self.folder)

    @cached_property
    def scores(self) -> Frame:
        """Scores with ``train_share`` filled and three columns more.

        ``probe`` (recipe and normalisation in words), ``floor`` (whether the recipe does not
        listen) and ``primary`` (whether the metric is the task's first).
        """
        frame = self.table("scores")
        names = {task: one.metric for task, one in self.measures.items()}
        return frame.assign(
            train_share=frame["train_share"].astype(float).fillna(1.0),
            probe=[
                probe_name(recipe, normalisation)
                for recipe, normalisation in zip(
                    frame["recipe"], frame["normalisation"], strict=True
                )
            ],
            floor=frame["recipe"].isin(slots.FLOORS),
            primary=frame["metric"] == frame["task"].map(names),
        )

    @cached_property
    def pooled(self) -> Frame:
        """Scores of all folds together, seeds averaged, all training speakers, everybody."""
        scores = self.scores
        keep = (scores["fold"] == "all") & (scores["seed"] == "mean") & whole(scores)
        return frames.rows(scores, keep & (scores["train_share"] == 1.0)).reset_index(drop=True)

    @property
    def probes(self) -> list[str]:
        """The probes that upstreams were compared with, the default one first."""
        rows = self.pooled[~self.pooled["floor"] & (self.pooled["recipe"] != LAYERWISE)]
        counts = rows.groupby("probe").size().to_dict()
        return sorted(counts, key=lambda name: (name != DEFAULT_RECIPE, -counts[name], name))

    def parts(self, probe: str) -> tuple[str, str]:
        """A probe's recipe and normalisation."""
        rows = self.scores[self.scores["probe"] == probe]
        return str(rows["recipe"].iloc[0]), str(rows["normalisation"].iloc[0])

    @property
    def upstreams(self) -> list[str]:
        """The upstreams that have scores."""
        return sorted(set(self.table("scores")["upstream"]) - {slots.NO_UPSTREAM})

    @property
    def suites(self) -> list[str]:
        """The suites that the rows name."""
        return sorted(set(self.table("scores")["suite"].dropna()))


def whole(scores: Frame) -> Column:
    """Which rows are about everybody and every class, ``(n,)`` bool."""
    return scores["group"].isna() & scores["class"].isna()


def probe_name(recipe: str, normalisation: str) -> str:
    """A recipe and a normalisation in words."""
    return recipe if normalisation in ("none", "") else f"{recipe}, {normalisation}-normalised"
