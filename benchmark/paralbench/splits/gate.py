"""The leakage gate: what train, development and test share."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from paralbench.errors import LeakageError
from paralbench.splits.columns import KINDS, column_of, identities, names_in
from paralbench.splits.fold import Fold, Positions

_MOST_EXAMPLES = 3
_PLURALS = {
    "utterance": ("utterance", "utterances"),
    "speaker": ("speaker", "speakers"),
    "session": ("session", "sessions"),
    "content": ("recording with the same audio", "recordings with the same audio"),
    "transcript": ("text read by the same speaker", "texts read by the same speaker"),
}


@dataclass(frozen=True)
class Leak:
    """Something that two parts of a fold share.

    Attributes:
        kind: ``speaker``, ``session``, ``content`` (the same audio, under whatever name),
            ``transcript`` (the same words by the same speaker), or ``utterance``: a row that is in
            both parts.
        parts: the two parts.
        count: how many speakers, sessions or recordings they share.
        utterances: how many utterances of each part that touches.
        examples: for the first few of them, an utterance on either side.
    """

    kind: str
    parts: tuple[str, str]
    count: int
    utterances: tuple[int, int]
    examples: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        shown = "; ".join(f"{left} | {right}" for left, right in self.examples)
        more = ", ..." if self.count > len(self.examples) else ""
        return (
            f"{self.kind}: {self.parts[0]} and {self.parts[1]} share {self.count} "
            f"{_PLURALS[self.kind][self.count != 1]} ({self.utterances[0]} and "
            f"{self.utterances[1]} utterances), such as {shown}{more}"
        )


def check(frame: pd.DataFrame, fold: Fold, allow: Collection[str] = ()) -> list[Leak]:
    """Find what the parts of a fold share, and refuse it unless it is allowed.

    A missing speaker, session or content equals nothing.

    Args:
        frame: one row per utterance, with ``utterance``, ``speaker``, ``session``, ``content``,
            and ``transcript`` where there are any.
        fold: positions of rows.
        allow: kinds that may leak: those the card declares, or all of them under
            ``--allow-leakage``. A row that is in two parts is never allowed.

    Returns:
        the leaks that were allowed, whose kinds have to be stamped on every score.

    Raises:
        LeakageError: parts share what is not allowed; the message lists kind, number and examples.
        SplitError: one of the columns is not there, so that nothing can be promised.
    """
    names = identities(frame, "utterance")
    columns = {"utterance": np.arange(len(frame)).astype(str).astype(object)}
    columns.update({kind: identities(frame, kind) for kind in KINDS})
    if "transcript" in frame:
        columns["transcript"] = _spoken_by(columns["speaker"], frame)
    leaks = []
    for left, right in combinations(fold.parts().items(), 2):
        for kind, values in columns.items():
            leak = _shared(kind, values, names, left, right)
            if leak:
                leaks.append(leak)
    refused = [leak for leak in leaks if leak.kind not in allow or leak.kind == "utterance"]
    if refused:
        listed = "\n".join(f"  {leak}" for leak in refused)
        raise LeakageError(
            f"fold {fold.name!r} leaks:\n{listed}\n"
            "Choose a split that keeps them on one side. What a corpus cannot keep apart is "
            "declared under `split.leaks` on the task card, with the reason; --allow-leakage runs "
            "anyway and stamps every row."
        )
    return leaks


def _shared(
    kind: str,
    values: np.ndarray,
    names: np.ndarray,
    left: tuple[str, Positions],
    right: tuple[str, Positions],
) -> Leak | None:
    # Most parts share nothing, and the development part of each seed comes through here.
    if not set(values[left[1]]) & set(values[right[1]]) - {None}:
        return None
    sides = [_by_value(values[rows], names[rows]) for _, rows in (left, right)]
    both = [value for value in sides[0] if value in sides[1]]
    first, second = (sum(len(side[value]) for value in both) for side in sides)
    return Leak(
        kind,
        (left[0], right[0]),
        len(both),
        (first, second),
        tuple((sides[0][value][0], sides[1][value][0]) for value in both[:_MOST_EXAMPLES]),
    )


def _spoken_by(speakers: np.ndarray, frame: pd.DataFrame) -> np.ndarray:
    """Speaker and words ``(n,)``, without case and punctuation; None where either is missing."""
    found = np.empty(len(frame), dtype=object)
    texts = names_in(column_of(frame, "transcript"))
    found[:] = [
        f"{speaker}: {words}" if speaker is not None and words else None
        for speaker, words in zip(speakers, map(_words, texts), strict=True)
    ]
    return found


def _words(text: str | None) -> str:
    return " ".join(re.findall(r"\w+", (text or "").lower()))


def _by_value(values: np.ndarray, names: np.ndarray) -> dict[str, list[str]]:
    """The utterances of each value that is not missing, in the order of the rows."""
    found: dict[str, list[str]] = {}
    for value, name in zip(values, names, strict=True):
        if value is not None:
            found.setdefault(value, []).append(name)
    return found
