"""A map from 32-byte keys to places, as sorted arrays: 40 bytes an entry, filled a million a go.

A dictionary of a million byte strings takes seconds to fill and some 200 bytes an entry. Here the
keys stand in a few sorted runs, the first as the largest; a lookup is a binary search in each by
the first eight bytes, and the other 24 are compared. Keys are sha256, so eight bytes hardly ever
agree where the rest does not; where they do, the result is the same and the search longer.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from paralbench.errors import StoreError

ABSENT = -1

# A run that is less than this many times as long as what is added is merged with it, so that there
# are few runs, and a store that grows by small portions is not sorted anew for each.
_MERGE_BELOW = 4


@dataclass(frozen=True)
class _Run:
    """Keys ``(n, 4)`` uint64 in order of the first word, none twice; their places ``(n,)``."""

    first: np.ndarray  # (n,) a contiguous copy of the first word, which is what is searched
    keys: np.ndarray
    places: np.ndarray


class SortedKeys:
    """Keys and their places, int64 from 0 up; a key that comes again keeps its first place."""

    def __init__(self):
        self._runs: list[_Run] = []

    def __len__(self) -> int:
        return sum(len(run.first) for run in self._runs)

    def add(self, keys: np.ndarray, places: np.ndarray) -> None:
        """Take in keys ``(n, 4)`` uint64 and their places ``(n,)``, those of one call in order."""
        if self._runs:
            new = self.find(keys) == ABSENT
            keys, places = keys[new], places[new]
        if not len(keys):
            return
        run = _sorted_run(keys, places)
        while self._runs and len(self._runs[-1].first) < _MERGE_BELOW * len(run.first):
            before = self._runs.pop()
            run = _sorted_run(
                np.concatenate([before.keys, run.keys]), np.concatenate([before.places, run.places])
            )
        self._runs.append(run)

    def find(self, keys: np.ndarray) -> np.ndarray:
        """The place of each key ``(n, 4)`` uint64; -1 where it has none."""
        found = np.full(len(keys), ABSENT, np.int64)
        wanted = np.ascontiguousarray(keys[:, 0])
        for run in self._runs:
            at = np.searchsorted(run.first, wanted)
            open_ = np.arange(len(keys))
            while len(open_):
                inside = at[open_] < len(run.first)
                open_ = open_[inside]
                open_ = open_[run.first[at[open_]] == wanted[open_]]
                hit = (run.keys[at[open_]] == keys[open_]).all(axis=1)
                found[open_[hit]] = run.places[at[open_[hit]]]
                open_ = open_[~hit]  # the first word agrees and the rest does not: the next one
                at[open_] += 1
        return found

    def find_one(self, key: bytes) -> int:
        """The place of one key of 32 bytes, -1 where it has none; ten times sooner than find."""
        word = np.uint64(int.from_bytes(key[:8], "little"))
        for run in self._runs:
            at = int(run.first.searchsorted(word))
            while at < len(run.first) and run.first[at] == word:
                if run.keys[at].tobytes() == key:
                    return int(run.places[at])
                at += 1
        return ABSENT


def _sorted_run(keys: np.ndarray, places: np.ndarray) -> _Run:
    """Sort, and keep the first of equal keys."""
    order = np.argsort(keys[:, 0])
    first = keys[order, 0]
    ties = first[1:] == first[:-1]
    if ties.any():
        # Only among these the other words decide, and then which one came first.
        at = np.flatnonzero(np.append(ties, False) | np.append(False, ties))
        tied = order[at]
        order[at] = tied[np.lexsort((tied, *keys[tied].T[::-1]))]
        again = np.zeros(len(order), bool)
        again[1:][ties] = (keys[order[1:][ties]] == keys[order[:-1][ties]]).all(axis=1)
        order = order[~again]
        first = keys[order, 0]
    return _Run(first, np.take(keys, order, axis=0), places[order])


def key_bytes(key: str) -> bytes:
    """The 32 bytes of a key.

    Raises:
        StoreError: the key is not a sha256 in hex digits.
    """
    try:
        data = bytes.fromhex(key)
    except ValueError:
        data = b""
    if len(data) != 32:
        raise StoreError(f"the key {key!r} is not a sha256, 64 hex digits.")
    return data


def pack_keys(keys: Sequence[str]) -> np.ndarray:
    """Keys as they are stored: ``(n, 4)`` uint64.

    Raises:
        StoreError: one of them is not a sha256 in hex digits.
    """
    try:
        data = bytes.fromhex("".join(keys)) if set(map(len, keys)) == {64} else b""
    except ValueError:
        data = b""
    if len(data) != 32 * len(keys):
        data = b"".join(key_bytes(key) for key in keys)
    return np.frombuffer(data, np.dtype("<u8")).reshape(len(keys), 4)


def hex_keys(packed: np.ndarray) -> list[str]:
    """Keys as text again: what :func:`pack_keys` was given."""
    text = np.ascontiguousarray(packed, np.dtype("<u8")).tobytes().hex()
    return [text[at : at + 64] for at in range(0, len(text), 64)]
