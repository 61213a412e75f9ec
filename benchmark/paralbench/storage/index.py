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

KEYS = (
    "keys"  # (rows, 4) uint64: the 32 bytes of each sha256, as wide items so that they come first
)
KIND = "kind"

# A mapped shard holds a file descriptor, and 1024 is a common limit for them.
_OPEN_SHARDS = 64


class StoreWarning(UserWarning):
    """Something in a store was set aside or passed over; nothing else of it is affected."""


class ShardIndex:
    """The shards of one folder and the keys of their rows.

    Only keys are kept in memory. Another process's shards are seen after :meth:`refresh`. A
    damaged shard is renamed to ``*.damaged`` with a warning, and its rows are missing from then on.
    Safe for several threads of a process.

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
        self._rows: dict[bytes, int] = {}  # key to shard number << 32 | row
        self._open: OrderedDict[int, Shard] = OrderedDict()
        self.layout: Header | None = None  # of the first shard
        clean_leftovers(folder)
        self.refresh()

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, key: str) -> bool:
        with self._lock:
            return key_bytes(key) in self._rows

    def missing(self, keys: Iterable[str]) -> list[str]:
        """Those of the keys that have no row, in order, each once."""
        with self._lock:
            return [key for key in dict.fromkeys(keys) if key_bytes(key) not in self._rows]

    def refresh(self) -> None:
        """Take in what other processes wrote, and forget shards that are gone."""
        with self._lock:
            present = shard_names(self.folder)
            if not present.issuperset(self._shards.values()):
                self._forget()
            for name in sorted(present.difference(self._shards.values(), self._passed_over)):
                self._take_in(name)

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
                self._take_in(path.name)
        return path

    def locate(self, keys: Sequence[str]) -> np.ndarray:
        """Where each key's row is: ``(n, 2)`` int64, shard number and row.

        Raises:
            StoreError: a key has no row.
        """
        with self._lock:
            lacking = self.missing(keys)
            if lacking:
                raise StoreError(
                    f"{self.folder}: {len(lacking)} of {len(keys)} rows are missing, the first is "
                    f"{lacking[0]}. Run the step that computes them again."
                )
            found = np.array([self._rows[key_bytes(key)] for key in keys], dtype=np.int64)
        return np.stack([found >> 32, found & 0xFFFFFFFF], axis=1)

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
        self._rows.clear()
        self._open.clear()
        self.layout = None

    def _take_in(self, name: str) -> None:
        path = self.folder / name
        try:
            keys, header = read_array(path, KEYS)
        except DamagedShardError as error:
            self._set_aside(path, error)
            return
        except StoreError:
            if not path.exists():  # another process set it aside
                return
            raise
        if keys is None or header.metadata.get(KIND) != self.kind:
            self._passed_over.add(name)
            warnings.warn(
                f"{path}: not a shard of this store ({self.kind}); passed over.",
                StoreWarning,
                stacklevel=3,
            )
            return
        self.layout = self.layout or header
        number = next(self._numbers)
        self._shards[number] = name
        data = keys.tobytes()
        for row in range(len(keys)):
            self._rows.setdefault(data[32 * row : 32 * row + 32], number << 32 | row)

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
            stacklevel=4,
        )


class LostShardError(StoreError):
    """A shard that the index listed is damaged or gone; the index has been made anew."""


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
    """Keys as they are stored: ``(n, 4)`` uint64."""
    data = b"".join(key_bytes(key) for key in keys)
    return np.frombuffer(data, np.dtype("<u8")).reshape(len(keys), 4)
