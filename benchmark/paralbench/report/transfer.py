"""Transfer tables: what a probe trained on other corpora is worth on one."""

from dataclasses import replace

import pandas as pd

from paralbench.report.leaderboard import Leaderboard, RunTables, build, metric_text
from paralbench.tables import slots
from paralbench.tables.frames import column, records, rows

# The settings that have a table of their own, and what stands over its columns.
SETTINGS = {
    "pair": "train -> test",
    "leave-one-corpus-out": "all others -> test",
    "pooled": "all others and other speakers of the tested corpus -> test",
    "ceiling": "other speakers of the tested corpus -> test",
}


def transfer_tables(
    tables: RunTables, *, recipe: str = "paralbench", normalisation: str = "none"
) -> list[Leaderboard]:
    """For each harmonised label and setting, scores by what is tested (columns) and upstream.

    Args:
        tables: a run's tables.
        recipe: the probe recipe.
        normalisation: ``none``, or one that reads unlabelled test data.
    """
    boards = []
    for label in sorted(set(tables.scores["task"])):
        about = rows(tables.scores, tables.scores["task"] == label)
        for setting, words in SETTINGS.items():
            if setting in set(about["setting"]):
                board = build(
                    tables,
                    setting=setting,
                    title=f"Transfer of {label}, {metric_text(*tables.primary[label])}: {words}, "
                    f"recipe {recipe}, normalisation {normalisation}",
                    recipe=recipe,
                    normalisation=normalisation,
                    label=label,
                )
                boards.append(_short_headings(board, setting))
    return boards


def _short_headings(board: Leaderboard, setting: str) -> Leaderboard:
    """Name a column by what is tested, where what trains is all that is left."""
    if setting == "pair":
        return board
    columns = {}
    for name, (_, chance) in board.columns.items():
        train, _, test = name.rpartition(" -> ")
        classes = slots.classes_of(train)
        columns[name] = (f"{test}, {', '.join(classes)}" if classes else test, chance)
    return replace(board, columns=columns)


def transfer_matrix(
    tables: RunTables,
    label: str,
    upstream: str,
    *,
    recipe: str = "paralbench",
    normalisation: str = "none",
) -> pd.DataFrame:
    """One upstream's scores for one label: rows train, columns test, missing where not run."""
    scores = tables.scores
    found = rows(
        scores,
        (scores["setting"] == "pair")
        & (scores["task"] == label)
        & (scores["upstream"] == upstream)
        & (scores["recipe"] == recipe)
        & (scores["normalisation"] == normalisation)
        & scores["layer"].isin(["mix", "chosen"]),
    )
    return found.pivot_table(index="train_corpora", columns="test_corpus", values="value")


def growth_curves(
    tables: RunTables, label: str, *, recipe: str = "paralbench", normalisation: str = "none"
) -> pd.DataFrame:
    """Scores by the number of training corpora, each curve nested along a drawn order.

    Returns:
        a row per upstream, tested domain, order and step: ``upstream, test, order, n_corpora,
        train, n_train, value, ci_low, ci_high, chance``. ``order`` names the domains as they were
        added; a step that two orders share is in both.
    """
    scores = tables.scores
    found = rows(
        scores,
        (scores["setting"] == "growth")
        & (scores["task"] == label)
        & (scores["recipe"] == recipe)
        & (scores["normalisation"] == normalisation)
        & scores["layer"].isin(["mix", "chosen"]),
    )
    trained = [slots.domains_of(train) for train in found["train_corpora"]]
    found = found.assign(train=trained, n_corpora=[len(one) for one in trained])
    curves: list[dict[str, object]] = []
    kept = ("n_corpora", "n_train", "value", "ci_low", "ci_high", "chance")
    for _, steps in found.groupby(["upstream", "test_corpus"]):
        most = column(steps, "n_corpora").max()
        for order in sorted(steps.loc[steps["n_corpora"] == most, "train"]):
            for step in records(steps.sort_values("n_corpora")):
                if step["train"] == order[: step["n_corpora"]]:
                    place = {"upstream": step["upstream"], "test": step["test_corpus"]}
                    place |= {"order": "+".join(order), "train": "+".join(step["train"])}
                    curves.append(place | {name: step[name] for name in kept})
    names = ["upstream", "test", "order", "n_corpora", "train", "n_train", *kept[2:]]
    return pd.DataFrame(curves, columns=names)


def layer_profile(tables: RunTables, label: str, *, normalisation: str = "none") -> pd.DataFrame:
    """Scores of each layer by setting, of the recipe ``layers``.

    Which layer transfers best differs by pair, and from the best one within the corpus.

    Returns:
        a row per upstream, setting, train, test and layer: ``upstream, setting, train, test,
        layer, value, chance, best``; ``best`` marks the best layer of each setting.
    """
    scores = tables.scores
    found = rows(
        scores,
        (scores["recipe"] == "layers")
        & (scores["task"] == label)
        & (scores["normalisation"] == normalisation)
        & (scores["setting"] != "within"),
    )
    found = found.rename(columns={"train_corpora": "train", "test_corpus": "test"})
    found = found.assign(layer=found["layer"].astype(int))
    keys = ["upstream", "setting", "train", "test"]
    found = found.sort_values([*keys, "layer"], ignore_index=True)
    values = column(found, "value") * (1 if tables.primary.get(label, ("", True))[1] else -1)
    best = values.groupby([found[key] for key in keys]).transform("max")
    return found.assign(best=values == best).loc[:, [*keys, "layer", "value", "chance", "best"]]
