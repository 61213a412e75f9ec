"""The leaderboard: one row per upstream, one column per task, every number with its interval."""

from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import pandas as pd

from paralbench.report.comparison import comparer, standings
from paralbench.report.run_tables import RunTables, row_name, score_rows, where
from paralbench.statistics.ranking import ranks
from paralbench.tables.slots import FLOORS

__all__ = ["Leaderboard", "RunTables", "Score", "build", "leaderboard", "metric_text"]

BEST = "* is the best upstream of each {0}"
TIED = "≈ one that is not told apart from it: paired differences over speakers, corrected by Holm "
TIED += "within the {0}, at 5 %"


@dataclass(frozen=True)
class Score:
    """One cell of a leaderboard."""

    value: float
    low: float | None
    high: float | None
    stamp: str  # "" or marks such as "leaky", "contaminated", "transductive"
    reason: str | None  # why there is no interval
    best: bool = False  # of those in its column that may be ranked
    tied: bool = False  # not told apart from the best


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
                    "best": score.best,
                    "tied": score.tied,
                    "mean_rank": self.mean_rank.get(row),
                }
                for row, scores in self.rows.items()
                for column, score in scores.items()
            ]
        )


def leaderboard(
    tables: RunTables,
    *,
    recipe: str = "paralbench",
    normalisation: str = "none",
    ties: bool = True,
) -> Leaderboard:
    """The within-corpus leaderboard of one recipe, with the floors beneath.

    Args:
        tables: a run's tables.
        recipe: the probe recipe.
        normalisation: ``none``, or ``speaker`` (transductive: never ranked with the others).
        ties: whether to compare each score with the best of its column, from the predictions.
    """
    return build(
        tables,
        setting="within",
        title=f"Leaderboard: within corpus, recipe {recipe}, normalisation {normalisation}",
        recipe=recipe,
        normalisation=normalisation,
        ties=ties,
    )


def build(
    tables: RunTables,
    *,
    setting: str,
    title: str,
    recipe: str,
    normalisation: str,
    label: str | None = None,
    ties: bool = True,
) -> Leaderboard:
    """Scores of one setting by upstream and column (a task, or an ordered pair of domains)."""
    probes = score_rows(
        tables, setting=setting, recipes=[recipe], normalisation=normalisation, task=label
    )
    floors = score_rows(tables, setting=setting, recipes=FLOORS, task=label)
    columns: dict[str, tuple[str, float | None]] = {}
    rows: dict[str, dict[str, Score]] = {}
    ranked: dict[str, list[SimpleNamespace]] = {}
    leaky: dict[str, str] = {}
    no_interval: dict[str, set[str]] = {}
    for row in [*probes, *floors]:
        name = row_name(row)
        column = where(setting, row.task, row.train_corpora, row.test_corpus)
        heading = _heading(column, row.task, setting, tables.primary)
        chance = None if pd.isna(row.chance) else float(row.chance)
        columns.setdefault(column, (heading, chance))
        rows.setdefault(name, {})[column] = _score(row)
        if row.leakage:
            leaky[heading] = row.leakage
        if row.recipe in FLOORS:
            continue
        if pd.isna(row.ci_low):
            reason = str(row.interval_method).removeprefix("none: ")
            no_interval.setdefault(reason, set()).add(column)
        if not row.leakage and not row.contaminated:
            ranked.setdefault(column, []).append(row)
    mean_rank = _mean_ranks(ranked, tables.primary)
    order = sorted(rows, key=lambda name: (name.startswith("("), mean_rank.get(name, 1e9), name))
    notes = [
        f"No interval for {', '.join(sorted(which))}: {why}."
        for why, which in sorted(no_interval.items())
    ]
    if ties:
        notes += _mark(tables, rows, ranked, "task" if setting == "within" else "pair")
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


def _mark(
    tables: RunTables,
    rows: dict[str, dict[str, Score]],
    ranked: dict[str, list[SimpleNamespace]],
    thing: str,
) -> list[str]:
    """Mark the best scores and their ties; returns what is to be said of it."""
    compare = comparer(tables)
    told, compared = False, False
    unknown: dict[str, set[str]] = {}
    for column, found in ranked.items():
        if len(found) < 2:
            continue
        place = standings(found, compare)
        told = True
        compared |= len(place.best) + len(place.unknown) < len(found)
        for name in (*place.best, *place.tied):
            scores, best = rows[name], name in place.best
            scores[column] = replace(scores[column], best=best, tied=not best)
        for reason in place.unknown.values():
            unknown.setdefault(reason, set()).add(column)
    said = f"{BEST}, {TIED}." if compared else f"{BEST}."
    notes = [said.format(thing)] if told else []
    return notes + [
        f"Not compared with the best of {', '.join(sorted(which))}: {why}."
        for why, which in sorted(unknown.items())
    ]


def _heading(column: str, task: str, setting: str, primary: dict[str, tuple[str, bool]]) -> str:
    # The pairs of a table share their metric, which its title names.
    return column if setting == "pair" else f"{column} {metric_text(*primary[task])}"


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


def _mean_ranks(
    ranked: dict[str, list[SimpleNamespace]], primary: dict[str, tuple[str, bool]]
) -> dict[str, float]:
    """Mean rank of each row over the columns that every ranked row has (1 is best)."""
    names = sorted({row_name(row) for found in ranked.values() for row in found})
    complete = [found for found in ranked.values() if len(found) == len(names)]
    if not complete:
        return {}
    values = np.array([[row.value for row in sorted(found, key=row_name)] for found in complete]).T
    higher = [primary[found[0].task][1] for found in complete]
    return dict(zip(names, ranks(values, higher).mean(axis=1).tolist(), strict=True))


def _missing(tables: RunTables, setting: str, recipe: str, label: str | None) -> list[str]:
    reasons = tables.why_failed()
    notes = []
    for plan in tables.planned:
        wanted = plan["setting"] == setting and plan["recipe"] in (recipe, *FLOORS)
        if wanted and (label is None or plan["task"] == label) and plan["cell"] in reasons:
            what = where(setting, plan["task"], plan["train"], plan["test"])
            notes.append(f"{plan['upstream']} on {what}: failed: {reasons[plan['cell']]}")
    return notes
