"""The leaderboard: one row per upstream, one column per task, every number with its interval."""

from dataclasses import dataclass
from types import SimpleNamespace

import pandas as pd

from paralbench.tables import RunFolder, frames, slots
from paralbench.tables.slots import FLOORS


@dataclass(frozen=True)
class Score:
    """One cell of a leaderboard."""

    value: float
    low: float | None
    high: float | None
    stamp: str  # "" or marks such as "leaky", "contaminated", "transductive"
    reason: str | None  # why there is no interval


@dataclass(frozen=True)
class Leaderboard:
    """Scores by upstream and task.

    Attributes:
        title: what it shows.
        columns: column id to its heading and its chance level.
        rows: row name (an upstream or a floor) to column id to score; a missing cell is absent.
        mean_rank: row name to its mean rank over the columns that may be ranked.
        notes: what a reader has to know: missing cells with their reasons, intervals that could
            not be made, columns kept out of the ranking.
    """

    title: str
    columns: dict[str, tuple[str, float | None]]
    rows: dict[str, dict[str, Score]]
    mean_rank: dict[str, float]
    notes: tuple[str, ...]

    def frame(self) -> pd.DataFrame:
        """The same as a tidy frame: a row per upstream and column."""
        return pd.DataFrame(
            [
                {
                    "upstream": row,
                    "column": column,
                    "heading": self.columns[column][0],
                    "value": score.value,
                    "ci_low": score.low,
                    "ci_high": score.high,
                    "chance": self.columns[column][1],
                    "stamp": score.stamp,
                    "mean_rank": self.mean_rank.get(row),
                }
                for row, scores in self.rows.items()
                for column, score in scores.items()
            ]
        )


@dataclass(frozen=True)
class RunTables:
    """The tables that reports are drawn from, read once.

    Attributes:
        scores: primary metric only, folds pooled, seeds averaged, no groups or classes.
        failures: the failed cells.
        primary: task id to metric, its direction (``higher`` or ``lower``).
        slots: cell to its slot, "setting|task|train|test|upstream|recipe|normalisation".
    """

    scores: pd.DataFrame
    failures: pd.DataFrame
    primary: dict[str, tuple[str, bool]]
    skipped: tuple[str, ...]
    planned: tuple[dict[str, str], ...]

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
        failures = run.read("failures")
        found = {cell: slot for slot, cell in run.cells().items()}
        planned = tuple({**slots.split(slot), "cell": cell} for cell, slot in found.items())
        return cls(kept.reset_index(drop=True), failures, primary, run.skipped(), planned)


def leaderboard(
    tables: RunTables, *, recipe: str = "paralbench", normalisation: str = "none"
) -> Leaderboard:
    """The within-corpus leaderboard of one recipe, with the floors beneath.

    Args:
        tables: a run's tables.
        recipe: the probe recipe.
        normalisation: ``none``, or ``speaker`` (transductive: never ranked with the others).
    """
    return build(
        tables,
        setting="within",
        title=f"Leaderboard: within corpus, recipe {recipe}, normalisation {normalisation}",
        recipe=recipe,
        normalisation=normalisation,
    )


def build(
    tables: RunTables,
    *,
    setting: str,
    title: str,
    recipe: str,
    normalisation: str,
    label: str | None = None,
) -> Leaderboard:
    """Scores of one setting by upstream and column (a task, or an ordered pair of domains)."""
    scores = frames.rows(tables.scores, tables.scores["setting"] == setting)
    if label is not None:
        scores = frames.rows(scores, scores["task"] == label)
    probes = frames.rows(
        scores, (scores["recipe"] == recipe) & (scores["normalisation"] == normalisation)
    )
    floors = frames.rows(scores, frames.column(scores, "recipe").isin(FLOORS))
    columns: dict[str, tuple[str, float | None]] = {}
    rows: dict[str, dict[str, Score]] = {}
    ranked: list[tuple[str, str, float]] = []
    leaky: dict[str, str] = {}
    no_interval: dict[str, set[str]] = {}
    for found in frames.records(pd.concat([probes, floors])):
        row = SimpleNamespace(**{key: value for key, value in found.items() if key != "class"})
        name = _name(row)
        column = _column(row, setting)
        heading = _heading(row, setting, tables.primary)
        chance = None if pd.isna(row.chance) else float(row.chance)
        columns.setdefault(column, (heading, chance))
        rows.setdefault(name, {})[column] = _score(row)
        if row.leakage:
            leaky[heading] = row.leakage
        if pd.isna(row.ci_low) and row.recipe not in FLOORS:
            reason = str(row.interval_method).removeprefix("none: ")
            no_interval.setdefault(reason, set()).add(column)
        if row.recipe not in FLOORS and not row.leakage and not row.contaminated:
            better = tables.primary[row.task][1]
            ranked.append((column, name, row.value if better else -row.value))
    mean_rank = _mean_ranks(ranked)
    order = sorted(rows, key=lambda name: (name.startswith("("), mean_rank.get(name, 1e9), name))
    notes = [
        f"No interval for {', '.join(sorted(which))}: {why}."
        for why, which in sorted(no_interval.items())
    ]
    notes += [
        f"{head}: not ranked, the split leaks: {what}." for head, what in sorted(leaky.items())
    ]
    notes += _missing(tables, setting, recipe, label)
    return Leaderboard(
        title,
        dict(sorted(columns.items())),
        {name: rows[name] for name in order},
        mean_rank,
        tuple(notes),
    )


def _name(row: SimpleNamespace) -> str:
    if row.recipe in FLOORS:
        return f"({row.recipe})"
    return row.upstream if row.layer == "mix" else f"{row.upstream}, layer {row.layer}"


def _column(row: SimpleNamespace, setting: str) -> str:
    return row.task if setting == "within" else f"{row.train_corpora} -> {row.test_corpus}"


def _heading(row: SimpleNamespace, setting: str, primary: dict[str, tuple[str, bool]]) -> str:
    column = _column(row, setting)
    # The pairs of a table share their metric, which its title names.
    return column if setting == "pair" else f"{column} {metric_text(*primary[row.task])}"


def metric_text(metric: str, higher_is_better: bool) -> str:
    """A metric as headings write it, with the direction that is better."""
    return f"{metric.upper() if len(metric) < 5 else metric} {'↑' if higher_is_better else '↓'}"


def _score(row: SimpleNamespace) -> Score:
    stamps = [row.leakage and "leaky", row.contaminated and "contaminated"]
    stamps += [row.transductive and "transductive", row.selection == "fixed" and "fixed"]
    has = not pd.isna(row.ci_low)
    return Score(
        float(row.value),
        float(row.ci_low) if has else None,
        float(row.ci_high) if has else None,
        ", ".join(stamp for stamp in stamps if stamp),
        None if has else row.interval_method,
    )


def _mean_ranks(ranked: list[tuple[str, str, float]]) -> dict[str, float]:
    """Mean rank of each row over the columns that every ranked row has (1 is best)."""
    if not ranked:
        return {}
    frame = pd.DataFrame(ranked, columns=["column", "name", "value"])
    table = frame.pivot_table(index="name", columns="column", values="value")
    complete = table.dropna(axis="columns")
    if complete.empty:
        return {}
    ranks = complete.rank(ascending=False, method="average")
    return {str(name): float(rank) for name, rank in ranks.mean(axis="columns").items()}


def _missing(tables: RunTables, setting: str, recipe: str, label: str | None) -> list[str]:
    reasons = {row["cell"]: row["message"] for row in frames.records(tables.failures)}
    notes = []
    for plan in tables.planned:
        wanted = plan["setting"] == setting and plan["recipe"] in (recipe, *FLOORS)
        if wanted and (label is None or plan["task"] == label) and plan["cell"] in reasons:
            what = plan["task"] if setting == "within" else f"{plan['train']} -> {plan['test']}"
            first = reasons[plan["cell"]].splitlines()[0]
            notes.append(f"{plan['upstream']} on {what}: failed: {first}")
    return notes
