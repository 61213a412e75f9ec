"""Ranks across tasks, and which upstreams they do not tell apart."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from paralbench.report.figures.board import board
from paralbench.report.reading import Frame, Run
from paralbench.statistics.ranking import LEVEL, cliques, pairwise, ranks, smallest_p, standing


@dataclass(frozen=True)
class Ranking:
    """The ranking of the upstreams of one probe.

    Attributes:
        rows: ``probe, name, rank, place, best_place, worst_place, win_rate, skill, n_tasks``, best
            first; the range of places is over leaving each task out in turn.
        cliques: ``probe, first, last``: runs of upstreams, best first, of which no pair is told
            apart by Wilcoxon's signed-rank test on the skills, corrected by Holm, at 5 %.
        tasks: the tasks that were ranked.
        reason: why there is no ranking, or why nothing can be told apart; None: all is well.
    """

    rows: Frame
    cliques: Frame
    tasks: tuple[str, ...]
    reason: str | None


ROWS = ["probe", "name", "rank", "place", "best_place", "worst_place", "win_rate", "skill"]
ROWS += ["n_tasks"]


def ranking(run: Run, probe: str) -> Ranking:
    """Rank the upstreams over the tasks that all of them have, without stamped rows."""
    table = skills(board(run), probe)
    none = pd.DataFrame(columns=ROWS), pd.DataFrame(columns=["probe", "first", "last"])
    if len(table) < 2 or table.shape[1] < 1:
        few = f"{len(table)} upstream{'s' * (len(table) != 1)}"
        return Ranking(
            *none, (), f"{few} with {table.shape[1]} tasks in common; ranks need 2 and 1"
        )
    ranked = ranks(table.to_numpy())
    found = standing(ranked)
    order = np.lexsort((table.index.to_numpy().astype(str), found.mean_rank))
    rows = pd.DataFrame(
        {
            "probe": probe,
            "name": table.index,
            "rank": found.mean_rank,
            "place": found.place,
            "best_place": found.best_place,
            "worst_place": found.worst_place,
            "win_rate": found.win_rate,
            "skill": table.mean(axis="columns").to_numpy(),
            "n_tasks": table.shape[1],
        }
    ).iloc[order]
    rows = rows.reset_index(drop=True)
    _, corrected = pairwise(table.to_numpy()[order])
    runs = cliques(corrected >= LEVEL)
    names = list(rows["name"])
    bars = pd.DataFrame(
        [{"probe": probe, "first": names[run[0]], "last": names[run[-1]]} for run in runs],
        columns=["probe", "first", "last"],
    )
    tasks = tuple(map(str, table.columns))
    comparisons = len(rows) * (len(rows) - 1) // 2
    reason = None
    if smallest_p(len(tasks)) * comparisons >= LEVEL and not (corrected < LEVEL).any():
        reason = (
            f"{len(tasks)} task{'s' * (len(tasks) != 1)} cannot tell {len(rows)} upstreams apart, "
            "however large the differences are: each task is one observation"
        )
    return Ranking(rows, bars, tasks, reason)


def skills(rows: Frame, probe: str) -> Frame:
    """Skill of each upstream on the tasks that every upstream has without a bad stamp.

    Returns:
        upstreams by tasks, complete.
    """
    mine = rows[~rows["floor"] & (rows["probe"] == probe)]
    everyone = mine["name"].unique()
    clean = mine[~mine["stamps"].str.contains("leaks|trained on|unlabelled", regex=True)]
    table = clean.pivot_table(index="name", columns="task", values="skill")
    return table.reindex(everyone).dropna(axis="columns").dropna(axis="index")
