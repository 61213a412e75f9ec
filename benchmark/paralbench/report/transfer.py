"""Transfer tables: what a probe trained on one corpus is worth on another."""

import pandas as pd

from paralbench.report.leaderboard import Leaderboard, RunTables, build, metric_text
from paralbench.tables.frames import rows


def transfer_tables(
    tables: RunTables, *, recipe: str = "paralbench", normalisation: str = "none"
) -> list[Leaderboard]:
    """For each harmonised label, scores by ordered pair of domains (columns) and upstream."""
    pairs = rows(tables.scores, tables.scores["setting"] == "pair")
    return [
        build(
            tables,
            setting="pair",
            title=f"Transfer of {label}, {metric_text(*tables.primary[label])}: train -> test, "
            f"recipe {recipe}, normalisation {normalisation}",
            recipe=recipe,
            normalisation=normalisation,
            label=label,
        )
        for label in sorted(set(pairs["task"]))
    ]


def transfer_matrix(tables: RunTables, label: str, upstream: str) -> pd.DataFrame:
    """One upstream's scores for one label: rows train, columns test, missing where not run."""
    scores = tables.scores
    found = rows(
        scores,
        (scores["setting"] == "pair")
        & (scores["task"] == label)
        & (scores["upstream"] == upstream)
        & (scores["recipe"] == "paralbench")
        & (scores["normalisation"] == "none")
        & (scores["layer"] == "mix"),
    )
    return found.pivot_table(index="train_corpora", columns="test_corpus", values="value")
