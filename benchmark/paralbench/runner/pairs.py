"""The problem of a transfer pair."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from paralbench.cards import HarmonisedCard
from paralbench.runner.data import AUDIT_COLUMNS, CorpusData
from paralbench.runner.problem import Problem
from paralbench.tables.frames import rows
from paralbench.transfer.harmonise import Harmonised, harmonise
from paralbench.transfer.pairs import make_pair


def pair(card: HarmonisedCard, train: str, test: str, data: Mapping[str, CorpusData]) -> Problem:
    """Train on one domain, test on another.

    Raises:
        SplitError: a corpus lacks the label, or the sides share fewer than two classes.
    """
    sides = {name: _side(card, name, data) for name in (train, test)}
    fixed = card.domains[train].fixed or card.fixed
    name = f"{train} -> {test}"
    found = make_pair(card, name, sides[train], sides[test], selects=fixed is None)
    tested = [data[id].card for id in card.domains[test].corpora]
    dropped = rows(found.left_out.assign(kept=False), AUDIT_COLUMNS)
    return Problem(
        card=card,
        frame=found.frame,
        classes=found.classes,
        folds=[found.fold],
        split="pair",
        unit=tested[0].resample,
        speakers_known=all(one.speakers == "known" for one in tested),
        leaks=(),
        selection="development" if fixed is None else "fixed",
        fixed=fixed,
        audit=pd.concat([*(one.audit for one in data.values()), dropped], ignore_index=True),
        content=[_content(card, train, test), *(one.card.content() for one in data.values())],
    )


def _content(card: HarmonisedCard, train: str, test: str) -> dict[str, Any]:
    """The card as far as the pair depends on it: another corpus on it changes no key of this."""
    content = card.content()
    domains = {name: content["domains"][name] for name in (train, test)}
    return {**content, "domains": domains, "pairs": [[train, test]]}


def _side(card: HarmonisedCard, name: str, data: Mapping[str, CorpusData]) -> Harmonised:
    frames = {id: data[id].frame for id in card.domains[name].corpora}
    return harmonise(card, name, frames)
