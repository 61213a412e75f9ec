"""A small part of a corpus that stays the same when files are added."""

from collections import Counter
from collections.abc import Sequence
from hashlib import sha256

import numpy as np
import pandas as pd

from paralbench.splits.columns import column_of, identities, names_in
from paralbench.splits.fold import Positions


def sample(frame: pd.DataFrame, n: int, by: str | Sequence[str], seed: int) -> Positions:
    """At most ``n`` utterances in equal shares of classes, each class spread over its speakers.

    A class that has too few leaves its share to the others. Utterances are ordered by a hash of
    their name, not by their row, so that another order of the rows changes nothing and further
    files change little.

    Args:
        frame: one row per utterance.
        n: at most that many.
        by: the column, or columns whose combinations are the classes. Utterances without any of
            these values are not taken.
        seed: another seed, another sample.

    Returns:
        positions of rows, ascending.

    Raises:
        SplitError: there is no such column.
        ValueError: n is below 1.
    """
    if n < 1:
        raise ValueError(f"n: {n} is not allowed; take at least 1 utterance.")
    columns = [names_in(column_of(frame, one)) for one in ([by] if isinstance(by, str) else by)]
    speakers, utterances = identities(frame, "speaker"), identities(frame, "utterance")
    order = [_hash(seed, name) for name in utterances]
    # For each class its utterances: first one of each speaker, then a second one of each, ...
    taken: Counter[tuple[object, ...]] = Counter()
    by_class: dict[tuple[object, ...], list[tuple[int, str, int]]] = {}
    for row in sorted(range(len(frame)), key=order.__getitem__):
        one = tuple(column[row] for column in columns)
        if all(value is None for value in one):
            continue
        speaker = speakers[row]
        # An unknown speaker is taken for somebody else each time.
        place = 0 if speaker is None else taken[one, speaker]
        taken[one, speaker] += 1
        by_class.setdefault(one, []).append((place, order[row], row))
    names = sorted(by_class, key=lambda one: _hash(seed, repr(one)))
    quota = _equal_shares([len(by_class[one]) for one in names], n)
    rows = [
        row
        for one, size in zip(names, quota, strict=True)
        for _, _, row in sorted(by_class[one])[:size]
    ]
    return np.array(sorted(rows), dtype=np.int64)


def _equal_shares(sizes: list[int], n: int) -> list[int]:
    """Divide n among classes of these sizes; what is left over goes to the first ones."""
    quota = [0] * len(sizes)
    left = min(n, sum(sizes))
    while left:
        open_ = [one for one, size in enumerate(sizes) if quota[one] < size]
        each = left // len(open_)
        for one in open_ if each else open_[:left]:
            more = min(each or 1, sizes[one] - quota[one])
            quota[one] += more
            left -= more
    return quota


def _hash(seed: int, name: str) -> str:
    return sha256(f"{seed}\n{name}".encode()).hexdigest()
