"""Transfer between corpora: trained on one, tested on another."""

import pandas as pd

from paralbench.report.figures.board import names, stamps
from paralbench.report.figures.cells import train_title
from paralbench.report.reading import LAYERWISE, Frame, Run
from paralbench.tables import frames, slots

ACROSS = ("pair", "leave-one-corpus-out", "pooled", "ceiling")
COLUMNS = [
    *("cell", "task", "heading", "name", "floor", "probe", "setting", "train", "test", "value"),
    *("low", "high", "chance", "skill", "n_train", "n_utterances", "n_speakers", "stamps"),
    "method",
]


def transfer(run: Run) -> Frame:
    """One row per label, upstream (or floor), probe, training and test corpus.

    ``skill`` is the share of the way from chance to perfect: the classes that two corpora share
    differ by pair, so the raw scores of two pairs have different chance levels. Where training and
    test corpus are the same it is the ceiling: trained on other speakers of the tested corpus.
    """
    pooled = run.pooled
    keep = pooled["setting"].isin(ACROSS) & pooled["primary"] & (pooled["recipe"] != LAYERWISE)
    # A ceiling on some of the classes has no place in a matrix of all of them.
    restricted = pooled["train_corpora"].str.contains("[", regex=False)
    rows = pooled[keep & ~((pooled["setting"] == "ceiling") & restricted)]
    measures = [run.measures[task] for task in rows["task"]]
    chance = rows["chance"].astype(float)
    rows = rows.assign(
        name=names(rows),
        heading=[one.heading for one in measures],
        train=[
            train_title(setting, train)
            for setting, train in zip(rows["setting"], rows["train_corpora"], strict=True)
        ],
        test=rows["test_corpus"],
        low=rows["ci_low"].astype(float),
        high=rows["ci_high"].astype(float),
        chance=chance,
        skill=[
            one.skill(value, known)
            for one, value, known in zip(measures, rows["value"], chance, strict=True)
        ],
        stamps=[stamps(row) for row in frames.records(rows)],
        method=rows["interval_method"],
    )
    floors = rows[rows["floor"]]
    parts = [rows[~rows["floor"]], *(floors.assign(probe=probe) for probe in run.probes)]
    order = ["task", "probe", "floor", "name", "setting", "train", "test"]
    found: Frame = pd.concat(parts, ignore_index=True)[COLUMNS]
    return found.sort_values(order, ignore_index=True)


def growth(run: Run) -> Frame:
    """Score by the number of training corpora: one row per label, upstream, probe and set of them.

    Rows are of the protocol ``growth`` alone: a pair may be scored on more classes.

    Returns:
        ``task, heading, name, probe, n_corpora, train, test, value, low, high, chance``. Empty
        where no more than one was tried.
    """
    pooled = run.pooled
    keep = (pooled["setting"] == "growth") & pooled["primary"] & ~pooled["floor"]
    rows = pooled[keep & (pooled["recipe"] != LAYERWISE)]
    rows = rows.rename(columns={"upstream": "name", "test_corpus": "test"})
    rows = rows.assign(
        heading=[run.measures[task].heading for task in rows["task"]],
        n_corpora=[len(slots.domains_of(train)) for train in rows["train_corpora"]],
        train=[train_title("growth", train) for train in rows["train_corpora"]],
        low=rows["ci_low"].astype(float),
        high=rows["ci_high"].astype(float),
        chance=rows["chance"].astype(float),
    )
    keys = ["task", "name", "probe", "test"]
    # Orders that end alike trained on the same set.
    corpora = rows["train_corpora"].map(lambda train: "+".join(sorted(slots.domains_of(train))))
    rows = rows[~rows[keys].assign(corpora=corpora).duplicated()]
    most = rows.groupby(keys)["n_corpora"].transform("max")
    columns = ["task", "heading", "name", "probe", "n_corpora", "train", "test", "value", "low"]
    columns += ["high", "chance"]
    order = [*keys, "n_corpora", "train"]
    return rows[most > 1][columns].sort_values(order, ignore_index=True)
