"""Rows of several shards as the arrays of one new shard."""

from collections.abc import Sequence

import numpy as np

from paralbench.errors import StoreError
from paralbench.storage.index import KEYS, KIND
from paralbench.storage.keyed import RaggedStore
from paralbench.storage.shards import Header, Shard

# A shard, and which of its rows.
Part = tuple[Shard, np.ndarray]

_OF_RAGGED = ("start", "length", "dtype")


def join_rows(parts: Sequence[Part]) -> dict[str, np.ndarray]:
    """The arrays of a shard that holds these rows, in their order, keys included.

    Raises:
        StoreError: the shards are of different kinds or hold different arrays.
    """
    if len({layout_of(shard) for shard, _ in parts}) != 1:
        paths = ", ".join(str(shard.path) for shard, _ in parts)
        raise StoreError(f"these shards hold different arrays and cannot be joined: {paths}.")
    if parts[0][0].metadata.get(KIND) == RaggedStore.kind:
        return _join_ragged(parts)
    names = parts[0][0].arrays
    return {name: np.concatenate([s.arrays[name][rows] for s, rows in parts]) for name in names}


def layout_of(shard: Shard | Header) -> tuple[str, ...]:
    """What must agree for rows to be in one store: the kind, and of each array type and shape."""
    arrays = shard.arrays if isinstance(shard, Shard) else shard.entries
    each = (f"{name} {one.dtype.str} {one.shape[1:]}" for name, one in arrays.items())
    return (shard.metadata.get(KIND, ""), *sorted(each))


def _join_ragged(parts: Sequence[Part]) -> dict[str, np.ndarray]:
    """Arrays of any length, end to end by their types, with new starts."""
    flat = [name for name in parts[0][0].arrays if name not in (KEYS, *_OF_RAGGED)]
    by_size = {parts[0][0].arrays[name].itemsize: name for name in flat}
    pieces: dict[str, list[np.ndarray]] = {
        name: [parts[0][0].arrays[name][:0]]  # so that a type without rows keeps its width
        for name in flat
    }
    ends, starts = dict.fromkeys(flat, 0), []
    for shard, rows in parts:
        places = (shard.arrays[name][rows].tolist() for name in _OF_RAGGED)
        for start, length, size in zip(*places, strict=True):
            name = by_size[size]
            pieces[name].append(shard.arrays[name][start : start + length])
            starts.append(ends[name])
            ends[name] += length
    kept = {
        name: np.concatenate([shard.arrays[name][rows] for shard, rows in parts])
        for name in (KEYS, "length", "dtype")
    }
    joined = {name: np.concatenate(ones) for name, ones in pieces.items()}
    return {**kept, "start": np.array(starts, np.int64), **joined}
