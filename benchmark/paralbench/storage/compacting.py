"""Making few large shards of many small ones, and leaving out rows that are there twice.

It is safe while other processes read and write the folder, and at any kill: a shard is removed only
when others that hold its rows are on the disk, and were read whole and found to be as written.
"""

import fcntl
import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from paralbench.storage.maintenance import fault, read_keys
from paralbench.storage.rows import join_rows, layout_of
from paralbench.storage.shards import Header, Shard, list_shards, write_shard
from paralbench.storage.sorted_keys import SortedKeys

# Shards are made into larger ones of about this size; those of half of it are left as they are.
SHARD_BYTES = 64 * 2**20


@dataclass
class Compacted:
    """What :func:`compact` did, or would do.

    Attributes:
        before, after: shards that were small or held rows twice, and those made of them.
        doubles: rows that were there more than once.
        nbytes: of these rows, about.
        damaged: shards that were left alone because their checksum is wrong.
    """

    before: int = 0
    after: int = 0
    doubles: int = 0
    nbytes: int = 0
    damaged: list[Path] = field(default_factory=list)


def compact(folder: Path, *, dry_run: bool = False, shard_bytes: int = SHARD_BYTES) -> Compacted:
    """Make few large shards of many small ones, and leave out rows that are there twice.

    Shards are joined where they hold the same arrays and say the same of how they were made. Of a
    row that is there twice the first one stays, which is the one that is read.

    Args:
        folder: of one store.
        dry_run: only count; then damage is not looked for.
        shard_bytes: about what a shard is to take.

    Raises:
        StoreError: a shard cannot be read or written.
    """
    done = Compacted()
    if not folder.is_dir():
        return done
    with _alone_in(folder):
        for batch in _to_join(_shards(folder), done, dry_run, shard_bytes):
            done.before += len(batch)
            done.after += _rewrite(batch, done, dry_run)
    return done


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """One at a time: what one takes for a row's second place may be another's only one."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with suppress(OSError):  # where folders cannot be locked, such as on NFS
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@dataclass(frozen=True)
class _Keyed:
    path: Path
    nbytes: int
    keys: np.ndarray
    header: Header


@dataclass(frozen=True)
class _Live:
    """A shard and those of its rows that no other shard has before it."""

    shard: _Keyed
    rows: np.ndarray

    @property
    def doubles(self) -> int:
        return len(self.shard.keys) - len(self.rows)


def _shards(folder: Path) -> list[_Keyed]:
    found = []
    for path in list_shards(folder):
        with suppress(FileNotFoundError):  # another process set it aside
            read = read_keys(path)
            if read is not None and len(read[0]):
                found.append(_Keyed(path, path.stat().st_size, *read))
    return found


def _to_join(
    shards: Sequence[_Keyed], done: Compacted, dry_run: bool, most: int
) -> Iterator[list[_Live]]:
    """Portions of about ``most`` bytes of shards that are small or hold rows twice."""
    groups: defaultdict[object, list[_Live]] = defaultdict(list)
    for one in _live_rows(shards, done, dry_run):
        if one.doubles or one.shard.nbytes < most / 2:
            header = one.shard.header
            groups[layout_of(header), tuple(sorted(header.metadata.items()))].append(one)
            done.doubles += one.doubles
            done.nbytes += round(one.shard.nbytes * one.doubles / len(one.shard.keys))
    for group in groups.values():
        for batch in _portions(group, most):
            if len(batch) > 1 or batch[0].doubles:
                yield batch


def _live_rows(shards: Sequence[_Keyed], done: Compacted, dry_run: bool) -> list[_Live]:
    """The rows that stay of each shard; a damaged shard does not stand in for a whole one."""
    damaged: set[int] = set()
    checked: set[int] = set()
    while True:
        known, found, firsts = SortedKeys(), [], set()
        for number, shard in enumerate(shards):
            if number in damaged:
                continue
            places = np.arange(len(shard.keys)) | number << 32
            known.add(shard.keys, places)
            stands = known.find(shard.keys)
            firsts.update(np.unique(stands[stands != places] >> 32).tolist())
            found.append(_Live(shard, np.flatnonzero(stands == places)))
        wrong = set() if dry_run else {n for n in firsts - checked if _is_wrong(shards[n].path)}
        checked |= firsts
        if not wrong:
            return found
        damaged |= wrong
        done.damaged += [shards[number].path for number in sorted(wrong)]


def _portions(group: Sequence[_Live], most: int) -> Iterator[list[_Live]]:
    batch: list[_Live] = []
    for one in group:
        if batch and sum(other.shard.nbytes for other in batch) + one.shard.nbytes > most:
            yield batch
            batch = []
        batch.append(one)
    if batch:
        yield batch


def _rewrite(batch: Sequence[_Live], done: Compacted, dry_run: bool) -> int:
    """Write one shard of the live rows of several and remove these; how many there are then."""
    if dry_run:
        return int(any(len(one.rows) for one in batch))
    parts = []
    for one in batch:
        if not one.shard.path.exists():
            continue
        if _is_wrong(one.shard.path):
            done.damaged.append(one.shard.path)
        else:
            parts.append((Shard.open(one.shard.path), one.rows))
    made = None
    if any(len(rows) for _, rows in parts):
        made = write_shard(batch[0].shard.path.parent, join_rows(parts), parts[0][0].metadata)
    for shard, _ in parts:
        if shard.path != made:
            shard.path.unlink(missing_ok=True)
    return int(made is not None)


def _is_wrong(path: Path) -> bool:
    """Whether a shard is damaged or gone."""
    try:
        return fault(path) is not None
    except FileNotFoundError:
        return True
