"""Ranks across tasks, and who is best in each, as the leaderboard and ``rank`` have them."""

from dataclasses import dataclass

import pandas as pd

from paralbench.report.leaderboard import Leaderboard, leaderboard
from paralbench.report.ranking import FRAME, rank
from paralbench.report.reading import Frame, Run
from paralbench.statistics.ranking import LEVEL
from paralbench.tables import frames


@dataclass(frozen=True)
class Ranking:
    """The ranking of the upstreams of one probe.

    Attributes:
        rows: ``probe, name, rank, place, group, best_place, worst_place, win_rate, skill,
            n_tasks``, best first; the range of places is over leaving each task out in turn.
        cliques: ``probe, first, last``: runs of upstreams, best first, of which no pair is told
            apart by Wilcoxon's signed-rank test on the skills, corrected by Holm, at 5 %.
        pairs: ``probe, first, second, difference, p_value, p_holm, probability_first,
            probability_same, probability_second``.
        tasks: the tasks that were ranked.
        notes: what a reader has to know; why there is no ranking, if so.
    """

    rows: Frame
    cliques: Frame
    pairs: Frame
    tasks: tuple[str, ...]
    notes: tuple[str, ...]


def ranking(run: Run, probe: str) -> Ranking:
    """Rank the upstreams over the tasks that all of them have, without stamped rows."""
    recipe, normalisation = run.parts(probe)
    if not ((run.pooled["probe"] == probe) & (run.pooled["setting"] == "within")).any():
        note = f"Probe {probe} has no scores within a corpus."
        empty = pd.DataFrame(columns=pd.Index([*FRAME, "name", "rank", "probe", "n_tasks"]))
        cliques = pd.DataFrame(columns=pd.Index(["probe", "first", "last"]))
        return Ranking(empty, cliques, pd.DataFrame(), (), (note,))
    found = rank(run.compared, recipe=recipe, normalisation=normalisation, ties=False)
    rows = found.frame.rename(columns={"upstream": "name", "mean_rank": "rank"})
    rows = rows.assign(probe=probe, n_tasks=len(found.columns))
    cliques = [{"probe": probe, "first": one[0], "last": one[-1]} for one in found.cliques]
    return Ranking(
        rows,
        pd.DataFrame(cliques, columns=pd.Index(["probe", "first", "last"])),
        found.pairs.assign(probe=probe),
        found.columns,
        found.notes,
    )


def places(run: Run, probe: str) -> Leaderboard:
    """The leaderboard of a probe, its best scores and what is not told apart from them marked."""
    recipe, normalisation = run.parts(probe)
    return leaderboard(run.compared, recipe=recipe, normalisation=normalisation)


def leaders(found: Ranking) -> list[str]:
    """The best upstream by mean rank, and those behind it that are not told apart from it."""
    names = list(found.rows["name"])
    alike = [
        row["second"]
        for row in frames.records(found.pairs)
        if row["first"] == names[0] and row["p_holm"] >= LEVEL
    ]
    return names[:1] + [name for name in names if name in alike]
