"""A problem: the utterances, targets and folds of one task or transfer setting."""

from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from paralbench.cards import Catalogue, HarmonisedCard, TaskCard
from paralbench.errors import SplitError
from paralbench.probes.target import Target
from paralbench.runner.data import AUDIT_COLUMNS, Corpora, CorpusData
from paralbench.runner.plan import Cell
from paralbench.splits.fold import Fold
from paralbench.splits.protocols import DEVELOPMENT_AS_TEST, make_folds
from paralbench.tables.frames import column, rows


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
    unit: Literal["speaker", "session", "utterance"]
    speakers_known: bool
    leaks: tuple[str, ...]
    selection: str
    fixed: Any
    audit: pd.DataFrame
    content: list[dict[str, Any]] = field(default_factory=list)

    @property
    def by_session(self) -> bool:
        """Whether examples are sessions; then the frame's utterances are merged before training."""
        return self.card.unit == "session"

    def target(self) -> Target:
        """The labels, as probes take them."""
        if not self.classes:
            values = self.frame["target"].to_numpy(dtype="float64")
            return Target.of_numbers(values, float(self.card.low or 0), float(self.card.high or 1))
        index = {name: i for i, name in enumerate(self.classes)}
        return Target.of_classes([index[name] for name in self.frame["target"]], len(index))

    def units(self, tested: np.ndarray) -> np.ndarray | None:
        """What intervals resample, of the rows at these positions, ``(len(tested),)``.

        None where a tested row has none: training rows may be of unknown speakers.
        """
        if self.unit == "speaker" and not self.speakers_known:
            return None
        return self.names(self.unit, tested)

    def speakers(self) -> np.ndarray | None:
        """The speaker of every row ``(n,)``; None where one has none."""
        return self.names("speaker", np.arange(len(self.frame)))

    def names(self, kind: str, chosen: np.ndarray) -> np.ndarray | None:
        """Values of a column at these positions, unique across corpora; None if one is missing."""
        part = self.frame.iloc[chosen]
        found = column(part, kind)
        if found.isna().to_numpy().any():
            return None
        return (part["corpus"] + "/" + found.astype(str)).to_numpy(dtype=object)

    def without(self, out: np.ndarray) -> "Problem":
        """The problem without some rows ``(n,)``; the folds keep what is left of them.

        Raises:
            SplitError: a fold loses all of a part.
        """
        if not out.any():
            return self
        new = np.cumsum(~out) - 1
        folds = []
        for fold in self.folds:
            parts = {name: new[rows[~out[rows]]] for name, rows in fold.parts().items()}
            empty = [name for name, rows in parts.items() if not len(rows)]
            if empty:
                raise SplitError(
                    f"fold {fold.name!r}: no {empty[0]} utterance is left after {int(out.sum())} "
                    "without features were left out."
                )
            folds.append(Fold(fold.name, parts["train"], parts["test"], parts.get("development")))
        frame = self.frame[~out].reset_index(drop=True)
        return replace(self, frame=frame, folds=folds)


def build_problem(cell: Cell, catalogue: Catalogue, corpora: Corpora) -> Problem:
    """The problem of a cell.

    Raises:
        SplitError: the corpus cannot be split as the card asks.
        CorpusNotFoundError: a corpus is not on this machine.
    """
    if cell.setting == "within":
        return within(catalogue.tasks.get(cell.task), corpora.get(cell.train))
    from paralbench.runner.pairs import transfer_problem

    card = catalogue.harmonised.get(cell.task)
    data = {id: corpora.get(id) for id in cell.corpora}
    return transfer_problem(card, cell.setting, cell.train, cell.test, data)


def within(card: TaskCard, data: CorpusData) -> Problem:
    """A task within its corpus."""
    frame, dropped = labelled(card, data)
    left_out = {*data.audit.loc[~data.audit["kept"], "utterance"], *dropped["utterance"]}
    folds = make_folds(frame, card.split, "target", card.classes or None, card.folder, left_out)
    return Problem(
        card=card,
        frame=frame,
        classes=card.classes,
        folds=folds,
        split=DEVELOPMENT_AS_TEST if folds[0].name == DEVELOPMENT_AS_TEST else card.split.protocol,
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
    for name, values in card.where.items():
        frame = rows(frame, column(frame, name).isin(values))
    if card.label not in frame.columns:
        raise SplitError(f"{card.id}: {data.card.id} has no label {card.label!r}.")
    label = column(frame, card.label)
    if card.target == "classes":
        fits = label.isin(card.classes)
        why = ["class-not-in-task" if isinstance(v, str) else "label-missing" for v in label[~fits]]
    else:
        fits = label.notna()
        why = ["label-missing" for _ in label[~fits]]
    left_out = rows(frame, ~fits)
    dropped = pd.DataFrame(
        {
            "corpus": left_out["corpus"],
            "utterance": left_out["utterance"],
            "kept": False,
            "reason": why,
            "detail": [v if isinstance(v, str) else None for v in label[~fits]],
        },
        columns=AUDIT_COLUMNS,
    )
    kept = rows(frame, fits).reset_index(drop=True)
    if kept.empty:
        raise SplitError(f"{card.id}: no utterance of {data.card.id} carries {card.label!r}.")
    return kept.assign(target=kept[card.label]), dropped
