"""Which row of which shard holds a key: the part that the keyed and the ragged store share."""

import itertools
import threading
import warnings
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from paralbench.errors import StoreError
from paralbench.storage.atomic import clean_leftovers
from paralbench.storage.shards import (
    DamagedShardError,
    Header,
    Shard,
    read_array,
    shard_names,
    write_shard,
)
from paralbench.storage.sorted_keys import ABSENT, SortedKeys, key_bytes, pack_keys

KEYS = (
    "keys"  # (rows, 4) uint64: the 32 bytes of each sha256, as wide items so that they come first
)
KIND = "kind"

# A mapped shard holds a file descriptor, and 1024 is a common limit for them.
_OPEN_SHARDS = 64
# A shard that is listed and then gone is looked for anew this often.
_LISTINGS = 4


class StoreWarning(UserWarning):
    """Something in a store was set aside or passed over; nothing else of it is affected."""


class ShardIndex:
    """The shards of one folder and the keys of their rows.

    Only keys are kept in memory, 40 bytes a row. Another process's shards are seen after
    :meth:`refresh`. A damaged shard is renamed to ``*.damaged`` with a warning, and its rows are
    missing from then on. Safe for several threads of a process.

    Args:
        folder: created on the first write.
        kind: what wrote the shards; other shards are passed over with a warning.
    """

    def __init__(self, folder: Path, kind: str):
        self.folder, self.kind = folder, kind
        self._lock = threading.RLock()
        # Numbers are not used twice: a place found before a loss never names another shard.
        self._numbers = itertools.count()
        self._shards: dict[int, str] = {}
        self._passed_over: set[str] = set()
        self._rows = SortedKeys()  # to shard number << 32 | row
        self._open: OrderedDict[int, Shard] = OrderedDict()
        self.layout: Header | None = None  # of the first shard
        clean_leftovers(folder)
        self.refresh()

    def __len__(self) -> int:
        with self._lock:
            return len(self._rows)

    def __contains__(self, key: str) -> bool:
        with self._lock:
            return self._rows.find_one(key_bytes(key)) != ABSENT

    def missing(self, keys: Iterable[str]) -> list[str]:
        """Those of the keys that have no row, in order, each once."""
        asked = list(dict.fromkeys(keys))
        packed = pack_keys(asked)
        with self._lock:
            absent = self._rows.find(packed) == ABSENT
        return [asked[at] for at in np.flatnonzero(absent)]

    def refresh(self) -> None:
        """Take in what other processes wrote, and forget shards that are gone."""
        with self._lock:
            present = shard_names(self.folder)
            if not present.issuperset(self._shards.values()):
                self._forget()
            for _ in range(_LISTINGS):
                new = sorted(present.difference(self._shards.values(), self._passed_over))
                if self._take_in(new):
                    break
                # Another process made them into larger ones, and wrote those first.
                present = shard_names(self.folder)

    def add(
        self, keys: Sequence[str], arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]
    ) -> Path:
        """Write one shard of rows and take it in."""
        packed = pack_keys(keys)
        path = write_shard(
            self.folder, {KEYS: packed, **arrays}, {KIND: self.kind, **(metadata or {})}
        )
        with self._lock:
            if path.name not in self._shards.values():
                self._take_in([path.name])
        return path

    def locate(self, keys: Sequence[str]) -> np.ndarray:
        """Where each key's row is: ``(n, 2)`` int64, shard number and row.

        Raises:
            StoreError: a key has no row.
        """
        packed = pack_keys(keys)
        with self._lock:
            found = self._rows.find(packed)
        if (absent := np.flatnonzero(found == ABSENT)).size:
            lacking = list(dict.fromkeys(keys[at] for at in absent.tolist()))
            raise StoreError(
                f"{self.folder}: {len(lacking)} of {len(keys)} rows are missing, the first is "
                f"{lacking[0]}. Run the step that computes them again."
            )
        return np.stack([found >> 32, found & 0xFFFFFFFF], axis=1)

    def locate_one(self, key: str) -> tuple[int, int]:
        """Shard number and row of one key; raises as :meth:`locate`, and is ten times sooner."""
        with self._lock:
            place = self._rows.find_one(key_bytes(key))
        if place == ABSENT:
            self.locate([key])
        return place >> 32, place & 0xFFFFFFFF

    def holding(self, keys: Iterable[str]) -> list[str]:
        """The names of the shards that hold the rows of some keys, sorted."""
        packed = pack_keys(list(dict.fromkeys(keys)))
        with self._lock:
            found = self._rows.find(packed)
            numbers = np.unique(found[found != ABSENT] >> 32)
            return sorted(self._shards[number] for number in numbers.tolist())

    def shard(self, number: int) -> Shard:
        """The mapped shard with this number, of :meth:`locate`.

        Raises:
            LostShardError: it was damaged or removed meanwhile; the index is made anew, so that
                locating again tells which rows are missing.
            StoreError: the system cannot open it.
        """
        with self._lock:
            if number in self._open:
                self._open.move_to_end(number)
                return self._open[number]
            if number not in self._shards:
                raise LostShardError(f"{self.folder}: a shard was lost.")
            path = self.folder / self._shards[number]
            try:
                shard = Shard.open(path)
            except StoreError as error:
                if isinstance(error, DamagedShardError):
                    self._set_aside(path, error)
                elif path.exists():
                    raise
                self._forget()
                self.refresh()
                raise LostShardError(str(error)) from error
            self._open[number] = shard
            if len(self._open) > _OPEN_SHARDS:
                self._open.popitem(last=False)
            return shard

    def _forget(self) -> None:
        self._shards.clear()
        self._rows = SortedKeys()
        self._open.clear()
        self.layout = None

    def _take_in(self, names: Sequence[str]) -> bool:
        """Take in shards; False if one of them is gone."""
        keys, places, whole = [], [], True
        for name in names:
            try:
                read = self._read_keys(name)
            except FileNotFoundError:
                whole = False
                continue
            if read is not None:
                number = next(self._numbers)
                self._shards[number] = name
                keys.append(read)
                places.append(np.arange(len(read)) | number << 32)
        if keys:
            self._rows.add(np.concatenate(keys), np.concatenate(places))
        return whole

    def _read_keys(self, name: str) -> np.ndarray | None:
        """The keys of a shard; None if it is damaged or not of this store."""
        path = self.folder / name
        try:
            keys, header = read_array(path, KEYS)
        except DamagedShardError as error:
            self._set_aside(path, error)
            return None
        except StoreError as error:
            if not path.exists():
                raise FileNotFoundError(name) from error
            raise
        if keys is None or header.metadata.get(KIND) != self.kind:
            self._passed_over.add(name)
            warnings.warn(
                f"{path}: not a shard of this store ({self.kind}); passed over.",
                StoreWarning,
                stacklevel=5,
            )
            return None
        self.layout = self.layout or header
        return keys

    def _set_aside(self, path: Path, error: DamagedShardError) -> None:
        try:
            path.rename(path.with_name(f"{path.name}.damaged"))
            what = "set aside as *.damaged"
        except OSError:  # a read-only folder, or another process was first
            self._passed_over.add(path.name)
            what = "passed over"
        warnings.warn(
            f"{error} The shard is {what}; its rows count as missing and are computed anew.",
            StoreWarning,
            stacklevel=6,
        )


class LostShardError(StoreError):
    """A shard that the index listed is damaged or gone; the index has been made anew."""
