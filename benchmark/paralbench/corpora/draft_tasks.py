"""Which tasks a corpus can carry, tried on its manifest."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

from paralbench.cards.corpus import CorpusCard
from paralbench.cards.task import Split
from paralbench.corpora.draft_words import Role
from paralbench.errors import SplitError
from paralbench.splits.develop import development
from paralbench.splits.protocols import make_folds

Protocol = Literal["official", "leave-one-speaker-out", "speaker-k-fold"]

_MOST_LEFT_OUT = 12  # speakers, each a fold of its own
_FOLDS = 5
_SPEAKERS_FOR_AGE = 20


@dataclass(frozen=True)
class Proposal:
    """A task, or the reason why there is none."""

    label: str
    split: Protocol | None
    why_not: str = ""


def propose(card: CorpusCard, roles: list[Role], frame: pd.DataFrame) -> list[Proposal]:
    """A task for each label that is understood, with a split that works without its audio.

    Labels whose meaning is only guessed come with a task if no other label has one.
    """
    labels = [role for role in roles if role.kind is not None]
    sure = [role for role in labels if role.sure and role.column not in ("gender", "age")]
    found = []
    for role in labels:
        if sure and not role.sure:
            found.append(Proposal(role.column, None, "what it is has to be said first"))
        elif card.speakers == "unknown":
            found.append(Proposal(role.column, None, "who speaks has to be known; see above"))
        else:
            found.append(_try(card, role, frame))
    return found


def _try(card: CorpusCard, role: Role, frame: pd.DataFrame) -> Proposal:
    rows = frame.dropna(subset=[role.column]).reset_index(drop=True)
    n_speakers = len(set(rows["speaker"].dropna().tolist()))
    if role.column == "age" and n_speakers < _SPEAKERS_FOR_AGE:
        return Proposal("age", None, f"{n_speakers} speakers are few to tell ages by")
    reasons = []
    for protocol in _protocols(rows, n_speakers):
        try:
            _divide(card, role, rows, protocol)
        except SplitError as error:
            reasons.append(f"{protocol}: {error}")
        else:
            return Proposal(role.column, protocol)
    return Proposal(role.column, None, reasons[0])


def _protocols(rows: pd.DataFrame, n_speakers: int) -> list[Protocol]:
    by_speaker: list[Protocol] = ["leave-one-speaker-out", "speaker-k-fold"]
    if n_speakers > _MOST_LEFT_OUT:
        by_speaker.remove("leave-one-speaker-out")
    parts: dict[str, set[str]] = {}
    for part, speaker in zip(rows["split"].tolist(), rows["speaker"].tolist(), strict=True):
        parts.setdefault(str(part), set()).add(str(speaker))
    known = {"train", "test"} <= set(parts) <= {"train", "development", "test"}
    apart = sum(map(len, parts.values())) == len(set().union(*parts.values()))
    return ["official", *by_speaker] if known and apart else by_speaker


def _divide(card: CorpusCard, role: Role, rows: pd.DataFrame, protocol: Protocol) -> None:
    """Make the folds and their development parts.

    Raises:
        SplitError: the corpus does not fit the protocol.
    """
    folds = _FOLDS if protocol == "speaker-k-fold" else None
    classes = card.labels[role.column].values or None
    made = make_folds(rows, Split(protocol=protocol, folds=folds), role.column, classes, Path())
    for fold in made:
        if fold.development is None:
            development(rows, fold.train, role.column)
