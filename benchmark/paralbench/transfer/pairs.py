"""Ordered pairs of domains: train on all of one, test on all of the other."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd

from paralbench.cards import HarmonisedCard
from paralbench.splits.fold import Fold
from paralbench.tables.frames import column, rows
from paralbench.transfer.harmonise import Harmonised, common_classes


@dataclass(frozen=True)
class Pair:
    """The utterances of both sides on their common classes, and the one fold.

    Attributes:
        frame: rows of train, then of test, with the label in ``target``.
        classes: what both sides have; empty for regression.
        fold: train and test.
        left_out: ``corpus, utterance, reason, detail`` of utterances that are on neither side.
    """

    frame: pd.DataFrame
    classes: tuple[str, ...]
    fold: Fold
    left_out: pd.DataFrame


def ordered_pairs(card: HarmonisedCard, here: Collection[str]) -> list[tuple[str, str]]:
    """Every ordered pair of the domains that are here, or those of them that the card lists."""
    pairs = card.pairs or tuple((a, b) for a in card.domains for b in card.domains if a != b)
    return [(train, test) for train, test in pairs if train in here and test in here]


def make_pair(
    card: HarmonisedCard, name: str, train: Harmonised, test: Harmonised, *, selects: bool = False
) -> Pair:
    """Put two domains together, on the classes that both have.

    Args:
        card: the label map.
        name: of the fold.
        train: the training domain.
        test: the test domain.
        selects: whether a development part is to be drawn from train. Then training utterances of
            unknown speakers are left out where others have one, as ``speaker-unknown``: they may
            be of a development speaker.

    Raises:
        SplitError: they share fewer than two classes.
    """
    left_out = [train.left_out, test.left_out]
    sides, classes = [train.frame, test.frame], ()
    if card.target == "classes":
        classes = common_classes(card, set(train.frame["target"]), set(test.frame["target"]))
        kept = []
        for side in sides:
            fits = column(side, "target").isin(classes).to_numpy()
            left_out.append(_left_out(rows(side, ~fits), "class-not-shared", "target"))
            kept.append(rows(side, fits))
        sides = kept
    if selects:
        unknown = column(sides[0], "speaker").isna().to_numpy()
        if unknown.any() and not unknown.all():
            left_out.append(_left_out(rows(sides[0], unknown), "speaker-unknown", None))
            sides = [rows(sides[0], ~unknown), sides[1]]
    frame = pd.concat(sides, ignore_index=True)
    n_train = len(sides[0])
    fold = Fold(name, np.arange(n_train), np.arange(n_train, len(frame)))
    return Pair(frame, classes, fold, pd.concat(left_out, ignore_index=True))


def _left_out(frame: pd.DataFrame, reason: str, detail: str | None) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "corpus": frame["corpus"],
            "utterance": frame["utterance"],
            "reason": reason,
            "detail": None if detail is None else frame[detail],
        }
    )
