"""A problem: the utterances, targets and folds of one task or transfer pair."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from paralbench.cards import Catalogue, HarmonisedCard, TaskCard
from paralbench.errors import SplitError
from paralbench.runner.data import AUDIT_COLUMNS, Corpora, CorpusData
from paralbench.runner.plan import Cell
from paralbench.splits.protocols import Fold, make_folds


@dataclass(frozen=True)
class Problem:
    """What a probe is trained and tested on, whatever the upstream.

    Attributes:
        card: the task card or the harmonised label map.
        frame: manifest rows with ``corpus``, ``content``, ``seconds``, and the label in the column
            ``target``: class names, or numbers.
        classes: class names in the order of their indices; empty for regression.
        folds: positional indices into ``frame``.
        split: the protocol's name, for the tables.
        unit: what intervals resample: ``speaker``, ``session``, ``utterance``.
        speakers_known: whether the test corpora name their speakers.
        leaks: kinds of leakage that the card declares and that are therefore let pass.
        selection: ``development`` or ``fixed``, with ``fixed`` the hyper-parameters.
        audit: what was left out or remarked, see the ``audit`` table.
        content: what else enters the cell's key: the cards, as plain data.
    """

    card: TaskCard | HarmonisedCard
    frame: pd.DataFrame
    classes: tuple[str, ...]
    folds: list[Fold]
    split: str
    unit: str
    speakers_known: bool
    leaks: tuple[str, ...]
    selection: str
    fixed: Any
    audit: pd.DataFrame
    content: list[dict[str, Any]] = field(default_factory=list)

    def targets(self) -> np.ndarray:
        """Class indices ``(n,)`` int64, or numbers ``(n,)`` float64."""
        if not self.classes:
            return self.frame["target"].to_numpy(dtype="float64")
        index = {name: i for i, name in enumerate(self.classes)}
        return np.array([index[name] for name in self.frame["target"]], dtype=np.int64)

    def units(self) -> np.ndarray | None:
        """What intervals resample, ``(n,)``, by names that are unique across corpora."""
        if self.unit == "speaker" and not self.speakers_known:
            return None
        column = self.frame[self.unit]
        if column.isna().any():
            return None
        return (self.frame["corpus"] + "/" + column.astype(str)).to_numpy(dtype=object)


def build_problem(cell: Cell, catalogue: Catalogue, corpora: Corpora) -> Problem:
    """The problem of a cell.

    Raises:
        SplitError: the corpus cannot be split as the card asks.
        CorpusNotFoundError: a corpus is not on this machine.
    """
    if cell.setting == "within":
        return within(catalogue.tasks.get(cell.task), corpora.get(cell.train))
    from paralbench.runner.pairs import pair

    card = catalogue.harmonised.get(cell.task)
    return pair(card, cell.train, cell.test, {id: corpora.get(id) for id in cell.corpora})


def within(card: TaskCard, data: CorpusData) -> Problem:
    """A task within its corpus."""
    frame, dropped = labelled(card, data)
    folds = make_folds(frame, card.split, "target", card.classes or None, card.folder)
    return Problem(
        card=card,
        frame=frame,
        classes=card.classes,
        folds=folds,
        split=card.split.protocol,
        unit=data.card.resample,
        speakers_known=data.card.speakers == "known",
        leaks=card.split.leaks,
        selection=card.selection,
        fixed=card.fixed,
        audit=pd.concat([data.audit, dropped], ignore_index=True),
        content=[card.content(), data.card.content()],
    )


def labelled(card: TaskCard, data: CorpusData) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows that carry the task's label, and audit rows for those that do not."""
    frame = data.frame
    for column, values in card.where.items():
        frame = frame[frame[column].isin(values)]
    if card.label not in frame.columns:
        raise SplitError(f"{card.id}: {data.card.id} has no label {card.label!r}.")
    label = frame[card.label]
    if card.target == "classes":
        fits = label.isin(card.classes)
        why = ["label-missing" if pd.isna(v) else "class-not-in-task" for v in label[~fits]]
    else:
        fits = label.notna()
        why = ["label-missing"] * int((~fits).sum())
    left_out = frame[~fits]
    dropped = pd.DataFrame(
        {
            "corpus": left_out["corpus"],
            "utterance": left_out["utterance"],
            "kept": False,
            "reason": why,
            "detail": [None if pd.isna(v) else str(v) for v in label[~fits]],
        },
        columns=AUDIT_COLUMNS,
    )
    kept = frame[fits].reset_index(drop=True)
    if kept.empty:
        raise SplitError(f"{card.id}: no utterance of {data.card.id} carries {card.label!r}.")
    return kept.assign(target=kept[card.label]), dropped
