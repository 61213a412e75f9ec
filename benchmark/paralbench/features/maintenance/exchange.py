"""What travels between a home and an address: its account, and sending what the address lacks.

As in merging, spaces meet by their keys and rows by the sha256 of their audio. Shards travel whole;
one is not sent if all its rows are there already, also in other shards.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from paralbench.errors import StoreError
from paralbench.features.maintenance.spaces import (
    Progress,
    adding_up,
    part_folders,
    read_description,
    space_folders,
    text_folders,
)
from paralbench.features.store import DESCRIPTION
from paralbench.features.travelling import is_shard, travels
from paralbench.storage.index import KEYS
from paralbench.storage.maintenance import fault, read_keys
from paralbench.storage.remote import Remote
from paralbench.storage.shards import DamagedShardError, Header, list_shards, read_array_by
from paralbench.storage.sorted_keys import ABSENT, SortedKeys


@dataclass
class Exchanged:
    """What went to an address, or came from it.

    Attributes:
        spaces: how many were looked at.
        rows: that travelled, by the name of the part: means, moments, excluded, frames, audio.
        files, nbytes: of these, about.
        known: rows that the other side had already.
        damaged: files whose content is not what their name says, with the reason; none travelled.
        refused: files and spaces that were passed over, with the reason.
    """

    spaces: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    files: int = 0
    nbytes: int = 0
    known: int = 0
    damaged: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)

    def add(self, part: str, rows: int, size: int) -> None:
        """Count a shard that travels."""
        kind = part.partition("/")[0]
        self.rows[kind] = self.rows.get(kind, 0) + rows
        self.files, self.nbytes = self.files + 1, self.nbytes + size


class Rows(NamedTuple):
    """What a shard says of itself: its keys ``(n, 4)`` uint64, and its header."""

    keys: np.ndarray
    header: Header


def push_store(
    home: Path,
    remote: Remote,
    *,
    audio: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Exchanged:
    """Send the features of a home that an address lacks.

    Every shard is checked before it is sent. Doing it again sends nothing, so it can be interrupted
    and repeated, and several machines may do it at once.

    Args:
        home: a PARALBENCH_HOME; it is only read.
        remote: where they go.
        audio: send decoded audio too, and what is known of the files it came from.
        dry_run: only count.
        progress: told the bytes that were sent, and those that are to be sent.

    Raises:
        StoreError: the home has no features, or the address cannot be read or written.
    """
    spaces = space_folders(home / "features")
    if not spaces and not (audio and list_shards(home / "audio" / "pcm")):
        raise StoreError(f"{home}: no features here that could be sent.")
    push = _Push(home, remote)
    for space in spaces:
        if read_description(space) is None:
            push.done.refused[str(space)] = NO_DESCRIPTION
            continue
        push.done.spaces += 1
        texts = (path for folder in text_folders(space) for path in folder.glob("*.json"))
        push.others([space / DESCRIPTION, *texts])
        for part in part_folders(space):
            push.shards(part.relative_to(space).as_posix(), part)
    if audio:
        push.shards("audio", home / "audio" / "pcm")
        push.others((home / "audio" / "files").glob("*/*.parquet"))
    if not dry_run:
        total = sum(path.stat().st_size for path in push.files.values())
        remote.send(push.files, adding_up(total, progress))
    return push.done


NO_DESCRIPTION = "it has no description.json that is its own"


@dataclass
class _Push:
    """Collects the files that are to be sent."""

    home: Path
    remote: Remote
    done: Exchanged = field(default_factory=Exchanged)
    files: dict[str, Path] = field(default_factory=dict)

    def shards(self, part: str, folder: Path) -> None:
        """The shards of a folder that hold a row which is in none that is there."""
        mine = {self._name(path): path for path in list_shards(folder)}
        there = self.remote.sizes(self._name(folder))
        known = SortedKeys()
        for name, found in zip(there, rows_of(self.remote, there, self.home), strict=True):
            if isinstance(found, Rows):
                known.add(found.keys, np.arange(len(found.keys)))
            else:
                self.done.damaged[f"{self.remote}/{name}"] = found
        for name, path in mine.items():
            size = path.stat().st_size
            if not is_shard(name) or (read := read_keys(path)) is None:
                self.done.damaged[str(path)] = fault(path) or "its name is no checksum"
                continue
            fresh = known.find(read[0]) == ABSENT
            rows = int(fresh.sum())
            self.done.known += len(fresh) - rows
            if not rows:
                continue
            if (why := fault(path)) is not None:
                self.done.damaged[str(path)] = why
                continue
            known.add(read[0], np.arange(len(fresh)))
            self.done.add(part, rows, size)
            self.files[name] = path

    def others(self, paths: Iterable[Path]) -> None:
        """Descriptions, plans, budgets and lists of files that are not there."""
        mine = {self._name(path): path for path in sorted(paths)}
        there: dict[str, int] = {}
        for folder in sorted({name.rpartition("/")[0] for name in mine}):
            there.update(self.remote.sizes(folder))
        new = {name: path for name, path in mine.items() if name not in there and travels(name)}
        self.files.update(new)
        self.done.files += len(new)

    def _name(self, path: Path) -> str:
        return path.relative_to(self.home).as_posix()


def rows_of(remote: Remote, sizes: dict[str, int], home: Path) -> list[Rows | str]:
    """The keys of shards at an address, or what is wrong with a shard.

    Each costs two small reads, but for those of which this home has the same.
    """

    def look(name: str) -> Rows | str:
        here = home / name
        if is_shard(name) and here.exists() and here.stat().st_size == sizes[name]:
            read = read_keys(here)
            if read is not None:
                return Rows(*read)
        where = f"{remote}/{name}"
        try:
            keys, header = read_array_by(
                lambda start, count: remote.read(name, start, count), sizes[name], KEYS, where
            )
        except DamagedShardError as error:
            return str(error).removeprefix(f"{where}: ")
        if keys is None or keys.dtype != np.uint64 or keys.shape[1:] != (4,):
            return "no shard of a store"
        return Rows(keys, header)

    return remote.each(look, sizes)
