"""Which upstreams generalise best across corpora, and how sure that is.

Beside it stands whether that is the ranking within the corpora.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from paralbench.metrics.base import Floats
from paralbench.report.leaderboard import Leaderboard, Score
from paralbench.report.run_tables import RunTables
from paralbench.statistics.across_corpora import (
    FEWEST_CORPORA,
    Agreement,
    Pair,
    agreement,
    corpora_of,
    no_agreement,
    place_range,
    places,
    resampled_pairs,
    without_each_corpus,
    without_each_pair,
)
from paralbench.tables.frames import column, records, rows

RESAMPLES = 2000

READ = ("cell", "upstream", "train_corpora", "test_corpus", "fold", "seed", "layer", "train_share")
READ += ("group", "class", "metric", "value", "chance", "leakage", "contaminated", "transductive")
SCORES = ("upstream", "place", "score", "ci_low", "ci_high", "place_low", "place_high")
SCORES += ("best_without_a_pair", "worst_without_a_pair", "best_without_a_corpus")
SCORES += ("worst_without_a_corpus", "in_corpus", "place_in_corpus", "drop")


@dataclass(frozen=True)
class Generalisation:
    """The upstreams' scores across all pairs of a label that all of them have.

    Attributes:
        label: the label map.
        measure: what the scores are: ``uar-normalised``, or ``ccc`` for numbers.
        pairs: (train, test) of each pair that counts.
        frame: a row per upstream, best first; see :data:`SCORES`. ``score`` is the mean over the
            pairs, with its interval and that of the place over resampled corpora; the range of
            places when each pair, or all pairs of each corpus, are left out; ``in_corpus`` the mean
            of the ceilings on the same test utterances and classes, and ``drop`` what is lost.
        by_language: a row per upstream and relation of the languages: ``upstream, languages,
            n_pairs, score``.
        agreement: of the ranking with that within the corpora.
        notes: what a reader has to know.
    """

    label: str
    measure: str
    pairs: tuple[Pair, ...]
    frame: pd.DataFrame
    by_language: pd.DataFrame
    agreement: Agreement
    notes: tuple[str, ...]


def generalisation(
    tables: RunTables,
    label: str,
    *,
    recipe: str = "paralbench",
    normalisation: str = "none",
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Generalisation | None:
    """Rank the upstreams by their mean score across the pairs of a label.

    Classes are scored by chance-normalised UAR, since the classes, and so chance, differ by pair;
    numbers by CCC. Rows of leaking splits and of upstreams that were trained on the tested corpus
    do not count, nor do, unless they are asked for, those that read unlabelled test data.

    Args:
        tables: a run's tables.
        label: the label map's id.
        recipe: the probe recipe.
        normalisation: ``none``, or one that reads unlabelled test data.
        seed: of resamples and permutations.
        resamples: of corpora.

    Returns:
        None where there is no pair that two upstreams have.
    """
    found, measure = _scores(tables, label, recipe, normalisation)
    if found.empty:
        return None
    grid = found.pivot(index="upstream", columns=["train_corpora", "test_corpus"], values="value")
    whole = grid.dropna(axis="columns")
    if len(whole) < 2 or not whole.shape[1]:
        return None
    pairs = tuple((str(train), str(test)) for train, test in whole.columns.to_list())
    names, scores = [str(name) for name in whole.index], whole.to_numpy(dtype=np.float64)
    own = _in_corpus(tables, measure, found, names, pairs)
    have = np.asarray(~np.isnan(own).any(axis=0))
    if have.any():
        kept = [pair for pair, one in zip(pairs, have.tolist(), strict=True) if one]
        both = scores[:, have], own[:, have]
        compared = agreement(*both, kept, seed=seed, resamples=resamples)
    else:
        why = "no pair has a ceiling of every upstream; run the protocol `ceiling`"
        compared = no_agreement(why, len(names))
    frame = _standing(names, scores, own[:, have], scores[:, have], pairs, seed, resamples)
    notes = []
    if left := grid.shape[1] - len(pairs):
        notes.append(f"{left} pairs are left out, which some upstream lacks.")
    if have.any() and not have.all():
        notes.append(f"Within corpora: {int(have.sum())} of {len(pairs)} pairs have a ceiling.")
    if (n_corpora := len(corpora_of(pairs))) < FEWEST_CORPORA:
        notes.append(
            f"No interval over corpora: {n_corpora} corpora; at least {FEWEST_CORPORA} are needed."
        )
    if compared.reason:
        notes.append(f"Not compared with the ranking within corpora: {compared.reason}.")
    by_language = _by_language(tables, found, names, pairs, scores)
    return Generalisation(label, measure, pairs, frame, by_language, compared, tuple(notes))


def generalisation_tables(
    tables: RunTables, *, recipe: str = "paralbench", normalisation: str = "none"
) -> list[Leaderboard]:
    """For each label that has pairs its ranking, as a leaderboard: scores, ceilings, drops."""
    pairs = rows(tables.scores, tables.scores["setting"] == "pair")
    boards = []
    for label in sorted(set(pairs["task"])):
        found = generalisation(tables, label, recipe=recipe, normalisation=normalisation)
        if found is not None:
            boards.append(_board(found, recipe, normalisation))
    return boards


def _scores(
    tables: RunTables, label: str, recipe: str, normalisation: str
) -> tuple[pd.DataFrame, str]:
    """The pairs' scores on one scale: ``cell, upstream, train_corpora, test_corpus, value``."""
    wanted = ("pair", label, recipe, normalisation)
    keys = ("setting", "task", "recipe", "normalisation")
    cells = [one["cell"] for one in tables.planned if tuple(one[key] for key in keys) == wanted]
    scores = tables.run.read_cells("scores", cells, READ)
    found = rows(
        scores,
        (scores["fold"] == "all")
        & (scores["seed"] == "mean")
        & (scores["train_share"] == 1.0)
        & scores["group"].isna()
        & scores["class"].isna()
        & scores["layer"].isin(["mix", "chosen"])
        & (scores["leakage"] == "")
        & ~scores["contaminated"].astype(bool)
        & (~scores["transductive"].astype(bool) | (normalisation != "none"))
        & scores["metric"].isin(["uar", "ccc"]),
    )
    measure = "uar-normalised" if "uar" in set(found["metric"]) else "ccc"
    found = rows(found, found["metric"] == measure.removesuffix("-normalised"))
    if measure == "uar-normalised":
        chance = column(found, "chance").astype(float)
        found = found.assign(value=(column(found, "value") - chance) / (1 - chance))
    kept = ["cell", "upstream", "train_corpora", "test_corpus", "value"]
    return found.loc[:, kept].reset_index(drop=True), measure


def _standing(
    names: list[str],
    scores: Floats,
    own: Floats,
    beside: Floats,
    pairs: tuple[Pair, ...],
    seed: int,
    resamples: int,
) -> pd.DataFrame:
    """The frame of a ranking.

    Args:
        names: of the upstreams.
        scores: across corpora, ``(upstreams, pairs)``.
        own: within corpora, of the pairs that have a ceiling.
        beside: across corpora, of the same pairs.
        pairs: what the columns of ``scores`` are.
        seed: of the resamples.
        resamples: of corpora.
    """
    value = scores.mean(axis=1)
    nothing = np.full(len(names), np.nan)
    low = high = place_low = place_high = within = place_within = drop = nothing
    if len(corpora_of(pairs)) >= FEWEST_CORPORA:
        drawn = resampled_pairs(pairs, resamples, np.random.default_rng(seed)) @ scores.T
        low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
        place_low, place_high = np.quantile(
            places(drawn), [0.025, 0.975], axis=0, method="closest_observation"
        )
    if own.shape[1]:
        within = own.mean(axis=1)
        place_within, drop = places(within), within - beside.mean(axis=1)
    columns = (names, places(value), value, low, high, place_low, place_high)
    columns += place_range(scores, without_each_pair(pairs))
    columns += place_range(scores, without_each_corpus(pairs))
    columns += (within, place_within, drop)
    frame = pd.DataFrame(dict(zip(SCORES, columns, strict=True)))
    return frame.sort_values(["place", "upstream"], ignore_index=True)


def _in_corpus(
    tables: RunTables, measure: str, found: pd.DataFrame, names: list[str], pairs: tuple[Pair, ...]
) -> Floats:
    """The ceilings of the pairs, ``(upstreams, pairs)``; NaN where there is none."""
    columns = ["cell", "layer", "metric", "ceiling"]
    drops = tables.run.read_cells("drops", found["cell"], columns)
    about = rows(drops, (drops["metric"] == measure) & drops["layer"].isin(["mix", "chosen"]))
    ceiling = {row["cell"]: row["ceiling"] for row in records(about)}
    place = {
        (row["upstream"], (row["train_corpora"], row["test_corpus"])): row["cell"]
        for row in records(found)
    }
    values = [[ceiling.get(place[name, pair]) for pair in pairs] for name in names]
    return np.array(values, dtype=np.float64)


def _by_language(
    tables: RunTables,
    found: pd.DataFrame,
    names: list[str],
    pairs: tuple[Pair, ...],
    scores: Floats,
) -> pd.DataFrame:
    """Mean scores of the pairs within a language and across languages."""
    columns = ["cell", "kind", "key", "value"]
    manifest = tables.run.read_cells("manifest", found["cell"], columns)
    told = rows(manifest, (manifest["kind"] == "transfer") & (manifest["key"] == "languages"))
    relation = dict(zip(told["cell"], told["value"], strict=True))
    of_pair = {
        (row["train_corpora"], row["test_corpus"]): relation.get(row["cell"], "unknown")
        for row in records(found)
    }
    kinds = np.array([of_pair[pair] for pair in pairs])
    lines = [
        (name, kind, int((kinds == kind).sum()), float(scores[place, kinds == kind].mean()))
        for place, name in enumerate(names)
        for kind in sorted(set(kinds))
    ]
    return pd.DataFrame(lines, columns=["upstream", "languages", "n_pairs", "score"])


def _board(found: Generalisation, recipe: str, normalisation: str) -> Leaderboard:
    few = f"{len(corpora_of(found.pairs))} corpora"
    heads: dict[str, Callable[[dict[str, float]], Score | None]] = {
        "score": lambda row: _score(row["score"], row["ci_low"], row["ci_high"], few),
        "in_corpus": lambda row: _score(row["in_corpus"]),
        "drop": lambda row: _score(row["drop"]),
    }
    lines, mean_rank = {}, {}
    for row in records(found.frame):
        scores = {name: make(row) for name, make in heads.items()}
        lines[row["upstream"]] = {name: one for name, one in scores.items() if one is not None}
        mean_rank[row["upstream"]] = row["place"]
    return Leaderboard(
        title=f"Generalisation of {found.label}, {found.measure}: mean over {len(found.pairs)} "
        f"pairs, recipe {recipe}, normalisation {normalisation}",
        columns={
            "score": ("across corpora ↑", 0.0),
            "in_corpus": ("within them ↑", 0.0),
            "drop": ("drop ↓", None),
        },
        rows=lines,
        mean_rank=mean_rank,
        notes=(*found.notes, *_said(found.agreement)),
    )


def _score(value: float, low: float = np.nan, high: float = np.nan, few: str = "") -> Score | None:
    if np.isnan(value):
        return None
    if np.isnan(low):
        return Score(value, None, None, "", few or "a mean over pairs")
    return Score(value, low, high, "", None)


def _said(agreement: Agreement) -> list[str]:
    if agreement.kendall is None:
        return []
    interval = ""
    if agreement.low is not None and agreement.high is not None:
        interval = f" [{agreement.low:.2f}, {agreement.high:.2f}]"
    return [
        f"With the ranking within the same corpora: Kendall's tau {agreement.kendall:.2f}"
        f"{interval}, p {agreement.p_value:.3g} ({agreement.p_method}), Spearman's rho "
        f"{agreement.spearman:.2f}, {agreement.n} upstreams."
    ]
