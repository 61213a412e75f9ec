"""The problem of a transfer setting."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from paralbench.cards import Fixed, HarmonisedCard
from paralbench.errors import SplitError
from paralbench.runner.data import AUDIT_COLUMNS, CorpusData
from paralbench.runner.problem import Problem
from paralbench.tables import slots
from paralbench.tables.frames import column, rows
from paralbench.transfer.harmonise import Harmonised, harmonise
from paralbench.transfer.pairs import put_together

KIND = "transfer"  # of the manifest's rows about a setting

# What the tables call the way in which utterances are divided, where it is not the setting itself.
_BY_SPEAKER = "speaker-k-fold"


def transfer_problem(
    card: HarmonisedCard, setting: str, train: str, test: str, data: Mapping[str, CorpusData]
) -> Problem:
    """Train on one or several domains, test on one.

    Args:
        card: the label map.
        setting: a protocol of :mod:`paralbench.transfer.protocols`.
        train: the training domains, as in slots: ``a+b`` or ``a+b[anger,fear]``.
        test: the tested domain.
        data: the corpora of all of them.

    Raises:
        SplitError: a corpus lacks the label, the sides share fewer than two classes, or speakers
            that are to be divided are not known.
    """
    domains = slots.domains_of(train)
    names = tuple(one for one in card.domains if one in domains or one == test)
    fixed = _fixed(card, domains)
    found = put_together(
        card,
        f"{train} -> {test}",
        domains,
        test,
        {name: _side(card, name, data) for name in names},
        only=slots.classes_of(train),
        selects=fixed is None,
    )
    tested = [data[id].card for id in card.domains[test].corpora]
    dropped = rows(found.left_out.assign(kept=False), AUDIT_COLUMNS)
    used = {id: data[id] for name in names for id in card.domains[name].corpora}
    return Problem(
        card=card,
        frame=found.frame,
        classes=found.classes,
        folds=found.folds,
        split=_BY_SPEAKER if test in domains else setting,
        unit=tested[0].resample,
        speakers_known=all(one.speakers == "known" for one in tested),
        leaks=(),
        selection="development" if fixed is None else "fixed",
        fixed=fixed,
        audit=pd.concat([*(one.audit for one in used.values()), dropped], ignore_index=True),
        content=[_content(card, names), *(one.card.content() for one in used.values())],
    )


def transfer_facts(problem: Problem) -> list[tuple[str, str]]:
    """What the tables are to know of a transfer setting: languages, and what was trained on.

    Returns:
        keys and values: ``train_languages``, ``test_languages``, and their relation
        ``languages`` (``same``, ``cross``, or ``mixed`` where some of the training languages are
        the tested ones), where the corpora tell; ``train_domains``; and for each class
        ``train_count CLASS``, a mean over folds. None within a corpus.
    """
    if "domain" not in problem.frame.columns:
        return []
    folds = problem.folds
    trained = pd.concat([problem.frame.iloc[fold.train] for fold in folds])
    tested = pd.concat([problem.frame.iloc[fold.test] for fold in folds])
    spoken, heard = (_languages(side) for side in (trained, tested))
    facts = [("train_domains", "+".join(dict.fromkeys(trained["domain"])))]
    if spoken and heard:
        facts += [
            ("train_languages", " ".join(spoken)),
            ("test_languages", " ".join(heard)),
            ("languages", _relation(set(spoken), set(heard))),
        ]
    for name in problem.classes:
        count = int((column(trained, "target") == name).sum())
        facts.append((f"train_count {name}", f"{count / len(folds):g}"))
    return facts


def _languages(side: pd.DataFrame) -> list[str]:
    return sorted(set(column(side, "language").dropna().astype(str)))


def _relation(spoken: set[str], heard: set[str]) -> str:
    if not spoken & heard:
        return "cross"
    return "same" if spoken == heard else "mixed"


def _fixed(card: HarmonisedCard, train: tuple[str, ...]) -> Fixed | None:
    """The hyper-parameters, where nothing can be selected on any of the training domains."""
    if card.fixed is not None:
        return card.fixed
    own = [card.domains[name].fixed for name in train]
    if None in own:
        return None
    if len(set(own)) > 1:
        raise SplitError(
            f"{card.id}: nothing can be selected on any of {', '.join(train)}, and their fixed "
            "hyper-parameters differ; give them the same ones, or the card `fixed`."
        )
    return own[0]


def _content(card: HarmonisedCard, names: tuple[str, ...]) -> dict[str, Any]:
    """The card as far as the setting depends on it: another corpus on it changes no key of this."""
    content = card.content()
    return {**content, "domains": {name: content["domains"][name] for name in names}, "pairs": []}


def _side(card: HarmonisedCard, name: str, data: Mapping[str, CorpusData]) -> Harmonised:
    frames = {id: data[id].frame for id in card.domains[name].corpora}
    return harmonise(card, name, frames)
