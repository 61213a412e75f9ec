"""The ranking of upstreams across tasks, and what the tasks can and cannot tell apart."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from paralbench.errors import ParalbenchError
from paralbench.metrics import METRICS
from paralbench.metrics.base import Floats
from paralbench.report.comparison import Comparison, Standings, compare, comparer, standings
from paralbench.report.run_tables import RunTables, row_name
from paralbench.report.usable import Table, usable
from paralbench.statistics import bayes, ranking
from paralbench.statistics.ranking import LEVEL, Verdict

__all__ = ["Comparison", "Ranking", "compare", "rank"]

ROPE = 0.01  # of the way from chance to perfect: less is the same in practice
SAMPLES = 20_000  # of each pair's posterior
DEPENDENT = "{} in common are not independent, and the tests trust them too much"

FRAME = ("upstream", "place", "group", "mean_rank", "borda", "win_rate", "skill")
FRAME += ("best_place", "worst_place", "best_in", "tied_in")
PAIRS = ("first", "second", "difference", "p_value", "p_holm", "different")
PAIRS += ("probability_first", "probability_same", "probability_second")


@dataclass(frozen=True)
class Ranking:
    """Upstreams ranked over the columns that all of them have.

    Attributes:
        title: what is ranked.
        columns: the columns that count: tasks, or ``LABEL: TRAIN -> TEST``.
        frame: a row per upstream, best first: ``upstream, place, group, mean_rank, borda,
            win_rate, skill, best_place, worst_place, best_in, tied_in``. ``group`` is 1 for the
            best and all that are not told apart from it, and so on; ``skill`` the mean share of
            the way from chance to perfect; the range of places is over leaving each column out in
            turn; ``best_in`` and ``tied_in`` count the columns where it is best, or is not told
            apart from the best by the paired difference over speakers.
        ranks: upstream by column, 1 is best, ties share the mean of their ranks.
        pairs: a row per pair, better mean rank first: ``first, second, difference`` (of skills, the
            mean over the columns), ``p_value, p_holm`` (Wilcoxon's signed-rank test on the skills),
            ``different``, ``probability_first, probability_same, probability_second`` (the
            Bayesian signed-rank test).
        cliques: runs of upstreams in the order of mean ranks of which no pair is told apart.
        friedman: whether all rank alike.
        rope: skills that differ by less are the same in practice.
        missing: (upstream, column) to why there is no score that counts.
        notes: what a reader has to know.
    """

    title: str
    columns: tuple[str, ...]
    frame: pd.DataFrame
    ranks: pd.DataFrame
    pairs: pd.DataFrame
    cliques: tuple[tuple[str, ...], ...]
    friedman: Verdict
    rope: float
    missing: dict[tuple[str, str], str]
    notes: tuple[str, ...]


def rank(
    tables: RunTables,
    *,
    setting: str = "within",
    recipe: str = "paralbench",
    normalisation: str = "none",
    label: str | None = None,
    upstreams: Sequence[str] = (),
    rope: float = ROPE,
    ties: bool = True,
    seed: int = 0,
) -> Ranking:
    """Rank the upstreams of a run.

    A column counts if every upstream has a score there that is not stamped: no leaking split, no
    upstream that was trained on the test corpus, nothing transductive among what is not. Scores of
    several metrics are compared as skills, the share of the way from chance to perfect.

    Args:
        tables: a run's tables.
        setting: ``within``, or one of the transfer settings, whose columns are their pairs.
        recipe: the probe recipe.
        normalisation: ``none`` or ``speaker``.
        label: the one task or harmonised label to rank by.
        upstreams: the upstreams to rank; by default all.
        rope: half-width of the region of practical equivalence, in skill.
        ties: whether to compare with the best of each column, from the predictions.
        seed: of resamples and posterior draws.

    Raises:
        UnknownNameError: an upstream that has no scores here.
        ParalbenchError: nothing was run in this setting with this recipe.
    """
    table = usable(tables, setting, recipe, normalisation, label)
    if not table.found:
        raise ParalbenchError(
            f"{tables.run.path}: no scores of setting {setting!r}, recipe {recipe!r}, "
            f"normalisation {normalisation!r}" + (f", label {label!r}." if label else ".")
        )
    table = table.only(upstreams) if upstreams else table
    values, skills, higher = _values(table)
    ranked = ranking.ranks(values, higher)
    names = list(table.upstreams)
    whole = np.asarray(np.isfinite(skills).all(axis=0))
    notes = [*table.notes, *_about_skills(table, whole), *_about_tasks(table, int(whole.sum()))]
    if not table.columns or len(names) < 2:
        few = f"{len(names)} upstream{'s' * (len(names) != 1)}, {len(table.columns)} columns"
        return _nothing(table, (*notes, f"No ranking of {few}: 2 and 1 are needed."), rope)
    stand = ranking.standing(ranked)
    order = np.lexsort((np.array(names), stand.mean_rank))
    names = [names[one] for one in order]
    plain, corrected = ranking.pairwise(skills[order][:, whole])
    alike = corrected >= LEVEL
    compared = table.columns.values() if ties else ()
    marks = [standings(rows, comparer(tables, seed=seed)) for rows in compared]
    values_of = (
        names,
        stand.place[order],
        ranking.groups(alike),
        stand.mean_rank[order],
        stand.borda[order],
        stand.win_rate[order],
        skills[order][:, whole].mean(axis=1) if whole.any() else [np.nan] * len(names),
        stand.best_place[order],
        stand.worst_place[order],
        [sum(name in mark.best for mark in marks) for name in names],
        [sum(name in mark.tied for mark in marks) for name in names],
    )
    frame = pd.DataFrame(dict(zip(FRAME, values_of, strict=True)))
    return Ranking(
        title=table.title,
        columns=tuple(table.columns),
        frame=frame,
        ranks=pd.DataFrame(ranked[order], index=pd.Index(names), columns=pd.Index(table.columns)),
        pairs=_pairs(names, skills[order][:, whole], plain, corrected, rope, seed),
        cliques=tuple(tuple(names[i] for i in run) for run in ranking.cliques(alike)),
        friedman=ranking.friedman(ranked),
        rope=rope,
        missing=table.missing,
        notes=(*notes, *_about_marks(table, marks)),
    )


def _values(table: Table) -> tuple[Floats, Floats, list[bool]]:
    """Scores and skills ``(upstreams, columns)``, and each column's direction."""
    values = np.full((len(table.upstreams), len(table.columns)), np.nan)
    chance, best, higher = [], [], []
    for index, rows in enumerate(table.columns.values()):
        by_name = {row_name(row): row for row in rows}
        values[:, index] = [by_name[name].value for name in table.upstreams]
        metric = METRICS[rows[0].metric]
        higher.append(metric.higher_is_better)
        best.append(metric.range[1] if metric.higher_is_better else metric.range[0])
        known = [row.chance for row in rows if not pd.isna(row.chance)]
        chance.append(np.mean(known) if known else np.nan)
    return values, ranking.skill(values, np.array(chance), np.array(best)), higher


def _pairs(
    names: list[str], skills: Floats, plain: Floats, corrected: Floats, rope: float, seed: int
) -> pd.DataFrame:
    rows = []
    for i, j in combinations(range(len(names)), 2):
        gained = skills[i] - skills[j]
        known = len(gained) > 0
        belief = bayes.signed_rank(gained, rope, seed=seed, samples=SAMPLES) if known else None
        rows.append(
            (
                names[i],
                names[j],
                float(gained.mean()) if known else np.nan,
                plain[i, j],
                corrected[i, j],
                bool(corrected[i, j] < LEVEL),
                *((belief.first, belief.rope, belief.second) if belief else [np.nan] * 3),
            )
        )
    return pd.DataFrame(rows, columns=pd.Index(PAIRS))


def _about_skills(table: Table, whole: np.ndarray) -> list[str]:
    lacking = [column for column, known in zip(table.columns, whole, strict=True) if not known]
    if not lacking:
        return []
    return [
        f"Chance is unknown or perfect for {', '.join(lacking)}: ranked, but not in the tests, "
        "which need all scores on one scale."
    ]


def _about_tasks(table: Table, n: int) -> list[str]:
    """What so many tasks can tell apart, and which of them are not independent."""
    pairs = len(table.upstreams) * (len(table.upstreams) - 1) // 2
    notes = []
    if table.columns and pairs and ranking.smallest_p(n) * pairs >= LEVEL:
        smallest = ranking.smallest_p(n)
        why = f"and {pairs} pairs of upstreams are compared"
        if smallest >= LEVEL:
            why = "above 0.05, and of so few the Bayesian test is too sure as well"
        notes.append(
            f"{n} {table.thing}{'s' * (n != 1)} cannot tell {len(table.upstreams)} upstreams "
            "apart, however large the differences: the smallest p-value of Wilcoxon's signed-rank "
            f"test is {smallest:.3g}, {why}."
        )
    if table.thing == "corpus pair" and len(table.columns) > 1:
        notes.append(f"{DEPENDENT.format('Corpus pairs that have a corpus')}.")
        return notes
    by_corpus: dict[str, list[str]] = {}
    for column, rows in table.columns.items():
        by_corpus.setdefault(rows[0].test_corpus, []).append(column)
    shared = [
        f"{', '.join(found)} ({corpus})"
        for corpus, found in sorted(by_corpus.items())
        if len(found) > 1
    ]
    if shared:
        notes.append(f"{DEPENDENT.format('Tasks that have a corpus')}: {'; '.join(shared)}.")
    return notes


def _about_marks(table: Table, marks: list[Standings]) -> list[str]:
    reasons: dict[str, set[str]] = {}
    for column, mark in zip(table.columns, marks, strict=False):
        for reason in mark.unknown.values():
            reasons.setdefault(reason, set()).add(column)
    return [
        f"Not compared with the best of {', '.join(sorted(which))}: {why}."
        for why, which in sorted(reasons.items())
    ]


def _nothing(table: Table, notes: tuple[str, ...], rope: float) -> Ranking:
    none = Verdict(None, None, "nothing to rank")
    empty = pd.DataFrame(columns=pd.Index(FRAME))
    pairs = pd.DataFrame(columns=pd.Index(PAIRS))
    return Ranking(
        table.title, (), empty, pd.DataFrame(), pairs, (), none, rope, table.missing, notes
    )
