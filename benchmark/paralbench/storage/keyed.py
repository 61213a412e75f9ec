"""Content-addressed stores: rows found by a sha256 key, appended one whole shard at a time.

Both are safe under several processes and at any kill: a shard is there whole or not at all, and
nothing is ever changed in place. Two processes that write the same key waste some space, no more:
the key names what the row was computed from, so the rows are equal.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from paralbench.errors import StoreError
from paralbench.storage.index import KEYS, LostShardError, ShardIndex
from paralbench.storage.shards import Shard, read_header, read_rows

_READ = 1 << 14  # bytes of a row from which on it is read by itself, not through the map


@dataclass(frozen=True)
class Places:
    """Where rows lie in files.

    Attributes:
        files: some shards.
        of: the file of each row, by its position, ``(n,)``.
        start: where the row begins in it, in bytes, ``(n,)``.
    """

    files: list[Path]
    of: npt.NDArray[np.int64]
    start: npt.NDArray[np.int64]


class _Store:
    """What both stores do with keys."""

    kind: str

    def __init__(self, folder: Path):
        self.folder = Path(folder)
        self._index = ShardIndex(self.folder, self.kind)

    def __contains__(self, key: str) -> bool:
        return key in self._index

    def __len__(self) -> int:
        return len(self._index)

    def missing(self, keys: Iterable[str]) -> list[str]:
        """Those of the keys that have no row, in order, each once."""
        return self._index.missing(keys)

    def refresh(self) -> None:
        """See what other processes wrote since."""
        self._index.refresh()

    def files(self, keys: Iterable[str]) -> list[Path]:
        """The shards that hold the rows of some keys; those without a row have none."""
        return [self.folder / name for name in self._index.holding(keys)]


class KeyedStore(_Store):
    """Rows of one shape, such as pooled features.

    Args:
        folder: created on the first append.
    """

    kind = "keyed rows"

    def append(
        self,
        keys: Sequence[str],
        arrays: Mapping[str, np.ndarray],
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        """Store rows as one shard; it is on the disk when this returns.

        Args:
            keys: sha256 in hex digits, one per row.
            arrays: name to ``(n_keys, ...)``. All appends to a store have the same names, dtypes
                and shapes beyond the first axis.
            metadata: strings to keep in the shard.

        Raises:
            StoreError: the arrays do not fit the keys or the store, or cannot be written.
        """
        for name, array in arrays.items():
            if array.shape[:1] != (len(keys),):
                raise StoreError(
                    f"{self.folder}: {name!r} has shape {array.shape} for {len(keys)} keys; the "
                    "first axis must be the keys."
                )
        given = {name: (array.dtype, array.shape[1:]) for name, array in arrays.items()}
        held = self._layout()
        if KEYS in given or (held is not None and held != given):
            raise StoreError(
                f"{self.folder}: the store holds {held or 'nothing yet'}, the arrays given are "
                f"{given} ({KEYS!r} is reserved). Use another folder for other arrays."
            )
        if keys:
            self._index.add(keys, arrays, metadata or {})

    def get(self, keys: Sequence[str], names: Sequence[str] | None = None) -> dict[str, np.ndarray]:
        """The rows of the keys, in their order.

        Args:
            keys: sha256 in hex digits.
            names: which arrays; all by default. Others are not read.

        Returns:
            Name to a new array ``(n_keys, ...)``.

        Raises:
            StoreError: a key has no row, or a name does not exist.
        """
        while True:
            places = self._index.locate(keys)
            layout = self._layout() or {}
            wanted = list(layout if names is None else names)
            unknown = [name for name in wanted if name not in layout]
            if unknown:
                raise StoreError(
                    f"{self.folder}: no arrays {unknown}; it holds {sorted(layout) or 'nothing'}."
                )
            gathered = {
                name: np.empty((len(keys), *layout[name][1]), layout[name][0]) for name in wanted
            }
            try:
                self._gather(places, gathered)
            except LostShardError:
                continue  # the index is new: either another shard has the rows, or they are missing
            return gathered

    def places(self, keys: Sequence[str], name: str) -> "Places":
        """Where the rows of the keys lie, for reading them from the files.

        Raises:
            StoreError: a key has no row, or the array does not exist.
        """
        while True:
            found = self._index.locate(keys)
            of, start = np.empty(len(keys), np.int64), np.empty(len(keys), np.int64)
            files: list[Path] = []
            try:
                for number, at in _by_shard(found):
                    shard = self._index.shard(number)
                    self._check(shard, name, (self._layout() or {})[name][1])
                    entry = read_header(shard.path).entries[name]
                    of[at] = len(files)
                    start[at] = entry.start + found[at, 1] * (entry.nbytes // entry.shape[0])
                    files.append(shard.path)
            except LostShardError:
                continue
            return Places(files, of, start)

    def _check(self, shard: Shard, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """The array of a shard, if its rows have the shape of the store's."""
        source = shard.arrays.get(name)
        if source is None or source.shape[1:] != shape:
            raise StoreError(
                f"{shard.path}: other arrays than the rest of the store; remove the file, "
                "its rows are computed anew."
            )
        return source

    def _gather(self, places: np.ndarray, into: dict[str, np.ndarray]) -> None:
        for number, at in _by_shard(places):
            shard = self._index.shard(number)
            for name, array in into.items():
                source = self._check(shard, name, array.shape[1:])
                if array[:1].nbytes < _READ:
                    array[at] = source[places[at, 1]]
                else:
                    self._read(shard, name, places[at, 1], array, at)

    def _read(
        self, shard: Shard, name: str, rows: np.ndarray, into: np.ndarray, at: np.ndarray
    ) -> None:
        try:
            read_rows(shard.path, name, rows, into, at)
        except StoreError as error:
            if shard.path.exists():
                raise
            self._index.refresh()
            raise LostShardError(str(error)) from error

    def _layout(self) -> dict[str, tuple[np.dtype, tuple[int, ...]]] | None:
        header = self._index.layout
        if header is None:
            return None
        return {
            name: (entry.dtype, entry.shape[1:])
            for name, entry in header.entries.items()
            if name != KEYS
        }


class RaggedStore(_Store):
    """Arrays of any length, each of one of a few dtypes: decoded audio, or the frames of a layer.

    A shard keeps the arrays of a dtype end to end (as ``int16``, ``float32``), and for each key
    ``dtype`` (the item size in bytes), ``start`` and ``length`` (along the first axis).

    Args:
        folder: created on the first append.
        dtypes: what the arrays may be; no two of one item size.
        ndim: axes of an array; all but the first have one size throughout the store.
    """

    kind = "ragged rows"

    def __init__(
        self, folder: Path, *, dtypes: tuple[str, ...] = ("int16", "float32"), ndim: int = 1
    ):
        super().__init__(folder)
        self._dtypes, self._ndim = tuple(np.dtype(name) for name in dtypes), ndim

    @property
    def width(self) -> tuple[int, ...] | None:
        """The size of an array beyond its first axis; None while the store is empty."""
        header = self._index.layout
        return None if header is None else header.entries[self._dtypes[0].name].shape[1:]

    def append(
        self,
        keys: Sequence[str],
        arrays: Sequence[np.ndarray],
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        """Store one array per key as one shard; it is on the disk when this returns.

        Raises:
            StoreError: an array is not of this store's kind, or the shard cannot be written.
        """
        if len(keys) != len(arrays):
            raise StoreError(f"{self.folder}: {len(keys)} keys for {len(arrays)} arrays.")
        starts, ends = [], dict.fromkeys(self._dtypes, 0)
        width = self.width
        for array in arrays:
            if array.ndim != self._ndim or array.dtype not in ends:
                raise StoreError(
                    f"{self.folder}: an array is {array.ndim}-D {array.dtype}; this store holds "
                    f"{self._ndim}-D {' and '.join(dtype.name for dtype in self._dtypes)}."
                )
            width = array.shape[1:] if width is None else width
            if array.shape[1:] != width:
                raise StoreError(
                    f"{self.folder}: an array has shape {array.shape}; those of this store have "
                    f"{width} beyond the first axis."
                )
            starts.append(ends[array.dtype])
            ends[array.dtype] += len(array)
        if not keys:
            return
        flat = {
            dtype.name: np.concatenate(
                [np.empty((0, *(width or ())), dtype), *(a for a in arrays if a.dtype == dtype)]
            )
            for dtype in self._dtypes
        }
        rows = {
            "start": np.array(starts, np.int64),
            "length": np.array([len(array) for array in arrays], np.int64),
            "dtype": np.array([array.itemsize for array in arrays], np.uint8),
        }
        self._index.add(keys, {**rows, **flat}, metadata or {})

    def get(self, key: str) -> np.ndarray:
        """The array of a key: a read-only view of the memory map.

        Raises:
            StoreError: the key has no array.
        """
        while True:
            number, row = self._index.locate_one(key)
            try:
                arrays = self._index.shard(number).arrays
            except LostShardError:
                continue
            start, length = int(arrays["start"][row]), int(arrays["length"][row])
            size = int(arrays["dtype"][row])
            (name,) = (dtype.name for dtype in self._dtypes if dtype.itemsize == size)
            return arrays[name][start : start + length]

    def lengths(self, keys: Sequence[str]) -> np.ndarray:
        """The length of each key's array along the first axis, ``(n,)`` int64.

        Raises:
            StoreError: a key has no array.
        """
        while True:
            places = self._index.locate(keys)
            found = np.empty(len(keys), np.int64)
            try:
                for number, at in _by_shard(places):
                    found[at] = self._index.shard(number).arrays["length"][places[at, 1]]
            except LostShardError:
                continue
            return found


def _by_shard(places: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Each shard's number, and which of the places ``(n, 2)`` are in it."""
    order = np.argsort(places[:, 0], kind="stable")
    numbers, begins = np.unique(places[order, 0], return_index=True)
    yield from zip(numbers.tolist(), np.split(order, begins[1:]), strict=False)
