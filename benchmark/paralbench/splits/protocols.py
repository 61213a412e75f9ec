"""The split protocols: a frame of utterances and a card's ``split`` become folds."""

from collections.abc import Collection
from pathlib import Path

import numpy as np
import pandas as pd

from paralbench.cards.task import Split
from paralbench.errors import SplitError
from paralbench.splits.balance import into_folds
from paralbench.splits.columns import column_of, complete, identities, names_in, some
from paralbench.splits.fold import Fold
from paralbench.splits.groups import count_classes, keep_together
from paralbench.splits.predefined import PARTS, predefined

__all__ = ["Fold", "make_folds"]

# The one fold's name where the owners keep the labels of their test part.
DEVELOPMENT_AS_TEST = "official, development as test"

_HELD_OUT = {"leave-one-speaker-out": "speaker", "leave-one-session-out": "session"}


def make_folds(
    frame: pd.DataFrame,
    split: Split,
    label: str,
    classes: Collection[str] | None,
    folder: Path,
    left_out: Collection[str] = (),
) -> list[Fold]:
    """Divide utterances as a card asks.

    Args:
        frame: one row per utterance: the manifest's columns, the label, and ``content``.
        split: the card's protocol and its settings.
        label: the column of the label.
        classes: the task's classes; None for regression.
        folder: the card's folder, where ``split.file`` lies.
        left_out: utterances that a predefined list may name although the frame lacks them.

    Returns:
        the folds. Every class of the task is in every training part, and nothing is in two parts;
        that they share no speaker, session or audio is for the gate to say.

    Raises:
        SplitError: the corpus does not fit the protocol; the message says what is missing, and
            which class, speaker or utterance it is about.
    """
    _check_label(column_of(frame, label), label, classes)
    if split.protocol == "official":
        folds = [_official(frame, split)]
    elif split.protocol == "predefined":
        folds = predefined(frame, folder / str(split.file), left_out)
    elif split.protocol == "speaker-k-fold":
        folds = _speaker_k_fold(frame, split, label, classes)
    else:
        folds = _leave_one_out(frame, _HELD_OUT.get(split.protocol) or str(split.column))
    for fold in folds:
        _check_parts(frame, fold, label, classes)
    return folds


def _check_label(target: pd.Series, label: str, classes: Collection[str] | None) -> None:
    missing = int(target.isna().sum())
    if missing:
        raise SplitError(f"{missing} of {len(target)} utterances have no {label}; leave them out.")
    if classes is None:
        return
    found = set(names_in(target))
    unknown, absent = sorted(found - set(classes)), sorted(set(classes) - found)
    if unknown:
        raise SplitError(
            f"{label}: {some(unknown)} not among the task's classes {', '.join(classes)}."
        )
    if absent:
        raise SplitError(f"{label}: no utterance of class {some(absent)}; the task names it.")


def _official(frame: pd.DataFrame, split: Split) -> Fold:
    owners = column_of(frame, "split")
    if owners.isna().all():
        raise SplitError("the corpus has no official split; choose another protocol.")
    missing = int(owners.isna().sum())
    other = sorted(set(names_in(owners)) - {None, *PARTS})
    if missing or other:
        what = [f"{missing} of {len(frame)} utterances in no part"] if missing else []
        what += [f"parts named {some(other)}"] if other else []
        raise SplitError(
            f"the official split has {' and '.join(what)}; only {', '.join(PARTS)} are known. Keep "
            "those with `where: {split: [...]}` on the task card."
        )
    rows = {part: np.flatnonzero((owners == part).to_numpy(dtype=bool)) for part in PARTS}
    if split.test == "development" and not len(rows["test"]):
        return Fold(DEVELOPMENT_AS_TEST, rows["train"], rows["development"])
    in_development = rows["development"] if len(rows["development"]) else None
    return Fold("official", rows["train"], rows["test"], in_development)


def _leave_one_out(frame: pd.DataFrame, column: str) -> list[Fold]:
    values = complete(frame, column, f"each {column} is to be left out in turn")
    names = sorted(set(values))
    if len(names) < 2:
        raise SplitError(
            f"there is one {column} ({names[0]}); at least 2 are needed to leave one out."
        )
    return [
        Fold(one, np.flatnonzero(values != one), np.flatnonzero(values == one)) for one in names
    ]


def _speaker_k_fold(
    frame: pd.DataFrame, split: Split, label: str, classes: Collection[str] | None
) -> list[Fold]:
    n_folds = split.folds or 0
    speakers = complete(frame, "speaker", "folds are made of whole speakers")
    n_speakers = len(set(speakers))
    if n_speakers < n_folds:
        raise SplitError(
            f"{n_speakers} speakers are fewer than {n_folds} folds; ask for at most {n_speakers}."
        )
    group = keep_together(frame, split.leaks)
    n_groups = len(np.unique(group))
    if n_groups < n_folds:
        raise SplitError(
            f"the {n_speakers} speakers are linked by shared sessions or audio into {n_groups} "
            f"groups, fewer than {n_folds} folds. Ask for fewer folds, or declare the kind under "
            "`split.leaks` if it does no harm."
        )
    target = column_of(frame, label)
    counts, _ = count_classes(group, target, classes)
    names = names_in(target)
    for name in classes or ():
        rows = names == name
        if len(np.unique(group[rows])) == 1:
            raise SplitError(
                f"{label}: all of class {name} is from {some(sorted(set(speakers[rows])))} "
                "(one speaker, or speakers linked by shared sessions or audio), so that the fold "
                "that tests it cannot train it."
            )
    fold = into_folds(counts, n_folds, np.random.default_rng(split.seed))[group]
    return [
        Fold(str(one + 1), np.flatnonzero(fold != one), np.flatnonzero(fold == one))
        for one in range(n_folds)
    ]


def _check_parts(
    frame: pd.DataFrame, fold: Fold, label: str, classes: Collection[str] | None
) -> None:
    for part, rows in fold.parts().items():
        if not len(rows):
            raise SplitError(f"fold {fold.name!r} has no {part} utterances.")
    if classes is None:
        return
    target = names_in(column_of(frame, label))
    absent = sorted(set(classes) - set(target[fold.train]))
    if absent:
        held = identities(frame, "speaker")[target == absent[0]] if "speaker" in frame else []
        speakers = sorted({name for name in held if name is not None})
        who = f" (the speakers of {absent[0]}: {some(speakers)})" if speakers else ""
        raise SplitError(
            f"fold {fold.name!r}: no training utterance of class {some(absent)}{who}, so that it "
            "cannot be learned. Take another protocol, or leave the class out of the task."
        )
