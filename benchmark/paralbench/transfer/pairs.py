"""Putting domains together: the utterances that train and those that are tested."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from paralbench.cards import HarmonisedCard, Split
from paralbench.errors import SplitError
from paralbench.splits.fold import Fold
from paralbench.splits.groups import keep_together
from paralbench.splits.protocols import make_folds
from paralbench.tables.frames import column, rows
from paralbench.transfer.harmonise import Harmonised, common_classes

MOST_FOLDS = 5  # of speakers, within the tested domain


@dataclass(frozen=True)
class Pair:
    """The utterances of both sides on their common classes, and the folds.

    Attributes:
        frame: rows with the label in ``target`` and their domain in ``domain``.
        classes: what both sides have; empty for regression.
        folds: one that trains on the other domains; or several that test each a part of the
            domain's speakers.
        left_out: ``corpus, utterance, reason, detail`` of utterances that are on neither side.
    """

    frame: pd.DataFrame
    classes: tuple[str, ...]
    folds: list[Fold]
    left_out: pd.DataFrame


def put_together(
    card: HarmonisedCard,
    name: str,
    train: Sequence[str],
    test: str,
    sides: Mapping[str, Harmonised],
    *,
    only: Sequence[str] = (),
    selects: bool = False,
) -> Pair:
    """Make the utterances and folds of a setting, on the classes that both sides have.

    A class counts as trained where any of the training domains has it. Rows are in the card's
    order of domains, whatever the order of ``train``: the same domains give the same probe.

    Args:
        card: the label map.
        name: of the setting, and of its fold.
        train: the training domains. With the tested one among them, its speakers are divided into
            folds, and each fold trains on the others beside all other domains.
        test: the tested domain.
        sides: the domains' utterances.
        only: classes that the setting is restricted to; all of them have to be trained.
        selects: whether a development part is to be drawn from train. Then training utterances of
            unknown speakers are left out where others of their domain have one, as
            ``speaker-unknown``: they may be of a development speaker. So are utterances of unknown
            speakers where speakers are divided.

    Raises:
        SplitError: the sides share fewer than two classes, a class of ``only`` is not trained, or
            the tested domain's speakers cannot be divided.
    """
    names = [one for one in card.domains if one in train or one == test]
    divided = test in train
    frames = {one: sides[one].frame.assign(domain=one) for one in names}
    left_out = [sides[one].left_out for one in names]
    classes: tuple[str, ...] = ()
    if card.target == "classes":
        classes = _classes(card, [frames[one] for one in train], frames[test], only)
        for one in names:
            fits = column(frames[one], "target").isin(classes).to_numpy(dtype=bool)
            left_out.append(_left_out(rows(frames[one], ~fits), "class-not-shared", "target"))
            frames[one] = rows(frames[one], fits)
    for one in names:
        unknown = column(frames[one], "speaker").isna().to_numpy(dtype=bool)
        wanted = divided if one == test else selects
        if wanted and unknown.any() and not unknown.all():
            left_out.append(_left_out(rows(frames[one], unknown), "speaker-unknown", None))
            frames[one] = rows(frames[one], ~unknown)
    frame = pd.concat([frames[one] for one in names], ignore_index=True)
    tested = np.flatnonzero((column(frame, "domain") == test).to_numpy(dtype=bool))
    others = np.setdiff1d(np.arange(len(frame)), tested)
    if divided:
        folds = _by_speaker(card, test, frame, tested, others, classes)
    else:
        folds = [Fold(name, others, tested)]
    return Pair(frame, classes, folds, pd.concat(left_out, ignore_index=True))


def _classes(
    card: HarmonisedCard, trained: list[pd.DataFrame], tested: pd.DataFrame, only: Sequence[str]
) -> tuple[str, ...]:
    have = {one for frame in trained for one in frame["target"]}
    wanted = set(tested["target"])
    if only:
        lacks = [one for one in only if one in wanted and one not in have]
        if lacks:
            raise SplitError(
                f"{card.id}: the setting is about the classes {', '.join(only)}, and no training "
                f"utterance is of {', '.join(lacks)}."
            )
        wanted &= set(only)
    return common_classes(card, have, wanted)


def _by_speaker(
    card: HarmonisedCard,
    test: str,
    frame: pd.DataFrame,
    tested: np.ndarray,
    others: np.ndarray,
    classes: tuple[str, ...],
) -> list[Fold]:
    part = frame.iloc[tested].reset_index(drop=True)
    if column(part, "speaker").isna().any():
        raise SplitError(
            f"{card.id}: domain {test!r} names no speakers, so that they cannot be divided into "
            "some to train on and others to test. Say so with `no_ceiling` on the card."
        )
    n_groups = len(np.unique(keep_together(part)))
    if n_groups < 2:
        raise SplitError(
            f"{card.id}: the {column(part, 'speaker').nunique()} speakers of domain {test!r} are "
            "one, or linked by shared sessions or audio, so that none can be held out. Say so with "
            "`no_ceiling` on the card."
        )
    split = Split(protocol="speaker-k-fold", folds=min(MOST_FOLDS, n_groups))
    folds = make_folds(part, split, "target", classes or None, Path())
    return [
        Fold(fold.name, np.sort(np.concatenate([others, tested[fold.train]])), tested[fold.test])
        for fold in folds
    ]


def _left_out(frame: pd.DataFrame, reason: str, detail: str | None) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "corpus": frame["corpus"],
            "utterance": frame["utterance"],
            "reason": reason,
            "detail": None if detail is None else frame[detail],
        }
    )
