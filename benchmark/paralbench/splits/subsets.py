"""Parts of a fold's training part, for learning curves: fewer and fewer speakers."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from paralbench.errors import SplitError
from paralbench.splits.columns import identities
from paralbench.splits.develop import development
from paralbench.splits.fold import Fold, Positions

_TRIES = 8  # draws of a share, until one can itself be divided
_FAR = 0.5  # of the wanted share; a part that misses it by more is another share


@dataclass(frozen=True, eq=False)
class Subset:
    """Part of the training part.

    Attributes:
        share: the wanted share of the training part.
        rows: positions of its utterances, ascending; None where it could not be drawn.
        reason: why not; None where it could.
    """

    share: float
    rows: Positions | None
    reason: str | None = None


def subsets(
    frame: pd.DataFrame,
    fold: Fold,
    label: str,
    shares: Sequence[float],
    seed: int,
    allow: Collection[str] = (),
    development_share: float | None = 0.2,
) -> list[Subset]:
    """Draw shares of the training speakers, each from the one above it, so that they are nested.

    A subset holds whole speakers and every class, in about the same shares, and can itself be
    divided into a part to fit on and a development part. Sessions and audio are kept together as
    in :func:`paralbench.splits.develop.development`.

    Args:
        frame: one row per utterance.
        fold: the fold; subsets are of its training part.
        label: the column of the label.
        shares: above 0, at most 1; 1 is the training part itself.
        seed: chooses among the draws that are equally good.
        allow: kinds that the card lets leak, see ``split.leaks``.
        development_share: what is later drawn from the subset; None where nothing is selected, or
            the fold has a development part of its own.

    Returns:
        a subset for each share, ascending; one that could not be drawn has a reason.

    Raises:
        ValueError: a share is not above 0 and at most 1.
    """
    wrong = [share for share in shares if not 0 < share <= 1]
    if wrong:
        raise ValueError(f"shares: {wrong[0]} is not above 0 and at most 1.")
    if fold.development is not None:
        development_share = None
    unknown = any(name is None for name in identities(frame.iloc[fold.train], "speaker"))
    found: list[Subset] = []
    above = fold.train
    for place, share in enumerate(sorted(set(shares), reverse=True)):
        # A start of its own for each share and try, whatever the tries before came to.
        starts = np.random.SeedSequence([seed, place]).generate_state(_TRIES).tolist()
        if share == 1:
            found.append(Subset(share, fold.train))
        elif unknown:
            found.append(Subset(share, None, "speakers unknown"))
        elif len(above) <= share * len(fold.train):
            found.append(Subset(share, None, "no smaller part than the one above could be drawn"))
        else:
            one = _draw(frame, fold.train, above, label, share, starts, allow, development_share)
            above = above if one.rows is None else one.rows
            found.append(one)
    return found[::-1]


def _draw(
    frame: pd.DataFrame,
    whole: Positions,
    above: Positions,
    label: str,
    share: float,
    starts: list[int],
    allow: Collection[str],
    development_share: float | None,
) -> Subset:
    """A share of ``whole`` out of ``above``: the first try that is near it and can be divided."""
    reason = "speakers are too few: no part of them holds every class and can be divided"
    for start in starts:
        try:
            _, rows = development(
                frame, above, label, share * len(whole) / len(above), start, allow=allow
            )
            if development_share is not None:
                development(frame, rows, label, development_share, start, allow=allow)
        except SplitError:
            continue
        reached = len(rows) / len(whole)
        if abs(reached - share) <= _FAR * share:
            return Subset(share, rows)
        reason = f"speakers are too few: the part drawn is {reached:.2f} of the utterances"
    return Subset(share, None, reason)
