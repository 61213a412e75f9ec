"""Means that memory should not hold: they stay in files, and are read where they are needed.

265,000 utterances of 25 layers and 1024 dimensions are 27 GB. Probes read them in one of two ways.
All layers of a few utterances, a batch of the learned mix, are one read of 100 kB for each in the
shards of the store, wherever an extraction put them. One layer of all utterances (probes of single
layers, closed forms, neighbours) would be reads of 4 kB all over the store; so for these the means
are copied once, into a file in the order of layers, where a layer is one read of 1 GB. That file
has no name: the system removes it with the process, however that ends. Files are read, not mapped,
so that a process holds what it asked for, and the system keeps of them what memory is left for. The
numbers are those in memory, and so are the results, to the bit: the same operations see the same
rows.
"""

import os
import shutil
import tempfile
import weakref
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from paralbench.errors import StoreError
from paralbench.storage.atomic import PREFIX, clean_leftovers, explain

Floats32 = npt.NDArray[np.float32]
Order = Literal["utterances", "layers"]
Index = npt.NDArray[np.int64]
Rows = slice | Index
Run = tuple[int, int, int]  # a place in the result, the first utterance there, how many follow

_WIDTH = 4  # bytes of a float32
_AHEAD = 256  # utterances that are asked for before the first of them is read
_PIECE = 1 << 26  # bytes that are read at once before they are put in their places


class OnDisk(ABC):
    """Means ``(n, layers, dim)`` float32 in files, of which parts are read.

    ``means[rows]``, ``means[rows, layer]`` and ``means[rows, first:last]`` are read as of an
    array, with ``rows`` a slice or positions, and are new arrays. Several threads may read.

    Attributes:
        shape: ``(n, layers, dim)``.
        finite: whether all of an utterance is finite, ``(n,)``.
    """

    shape: tuple[int, int, int]
    finite: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Rows | tuple[Rows, int | slice]) -> Floats32:
        rows, layers = key if isinstance(key, tuple) else (key, slice(None))
        runs, count = _runs(rows, len(self))
        one = isinstance(layers, int)
        chosen = range(layers, layers + 1) if one else range(self.shape[1])[layers]
        found = np.empty((count, len(chosen), self.shape[2]), np.float32)
        self._read(runs, chosen, found)
        return found[:, 0] if one else found

    @abstractmethod
    def _read(self, runs: list[Run], layers: range, into: Floats32) -> None:
        """Read runs of utterances and layers that follow each other to their places."""


class InShards(OnDisk):
    """Means where they lie in the files of a store, an utterance at a time.

    The files are held open: what happens to their names meanwhile does not matter.

    Args:
        files: the files.
        of: the file of each utterance, by its position, ``(n,)``.
        start: where its means begin in it, in bytes, ``(n,)``.
        shape: ``(n, layers, dim)``.

    Raises:
        StoreError: a file cannot be opened.
    """

    def __init__(self, files: Sequence[Path], of: Index, start: Index, shape: tuple[int, int, int]):
        self.shape, self._of, self._start = shape, of.tolist(), start.tolist()
        self.finite = np.ones(shape[0], dtype=bool)  # a store holds no others
        self._descriptors: list[int] = []
        weakref.finalize(self, _close, self._descriptors)
        for file in files:
            try:
                self._descriptors.append(os.open(file, os.O_RDONLY | os.O_CLOEXEC))
            except OSError as error:
                raise StoreError(f"{file}: cannot open: {error.strerror}.") from error
            if hasattr(os, "posix_fadvise"):  # what lies beside an utterance is not wanted
                os.posix_fadvise(self._descriptors[-1], 0, 0, os.POSIX_FADV_RANDOM)

    def _read(self, runs: list[Run], layers: range, into: Floats32) -> None:
        dim = self.shape[2]
        skipped, width = layers.start * dim * _WIDTH, len(layers) * dim * _WIDTH
        for some in _batched(
            (to + at, row + at) for to, row, length in runs for at in range(length)
        ):
            wanted = [(to, self._descriptors[self._of[row]], self._start[row]) for to, row in some]
            if hasattr(os, "posix_fadvise"):  # the disk may fetch them all at the same time
                for _, descriptor, start in wanted:
                    os.posix_fadvise(descriptor, start + skipped, width, os.POSIX_FADV_WILLNEED)
            for to, descriptor, start in wanted:
                _fill(into[to], descriptor, start + skipped)


class Scratch(OnDisk):
    """Means in a file without a name, written in parts and then read.

    ``means[first:last] = values`` and ``means[:, layer] = values`` write; what was not written
    is 0.

    Args:
        folder: where the file is; where it cannot be written, the folder for temporary files.
        shape: ``(n, layers, dim)``.
        order: what lies side by side in the file: all layers of an utterance (``utterances``), or
            all utterances of a layer (``layers``).

    Attributes:
        folder: where the file is.
        order: as given.

    Raises:
        StoreError: the disk has no room for them.
    """

    def __init__(self, folder: Path, shape: tuple[int, int, int], order: Order):
        if not os.access(folder, os.W_OK):  # the store of someone else
            folder = Path(tempfile.gettempdir())
        self.shape, self.order, self.folder = shape, order, folder
        self.finite = np.ones(shape[0], dtype=bool)
        n, layers, dim = shape
        n_bytes = n * layers * dim * _WIDTH
        clean_leftovers(folder)
        free = shutil.disk_usage(folder).free
        if free < n_bytes:
            raise StoreError(
                f"{folder}: the means of {n:,} utterances need {n_bytes / 2**30:.1f} GiB of disk "
                f"while probes are trained on them, and {free / 2**30:.1f} GiB are free. Free "
                "some space, or set PARALBENCH_HOME to a folder on a larger disk."
            )
        try:
            self._descriptor, name = tempfile.mkstemp(prefix=PREFIX, dir=folder)
            weakref.finalize(self, os.close, self._descriptor)
            with suppress(FileNotFoundError):  # another process took it for a dead writer's
                os.unlink(name)
            os.ftruncate(self._descriptor, n_bytes)
        except OSError as error:
            raise explain(folder, error) from error

    def __setitem__(self, key: slice | tuple[slice, int], values: Floats32) -> None:
        rows, layer = key if isinstance(key, tuple) else (key, None)
        first, last, _ = rows.indices(len(self))
        self.finite[first:last] &= np.isfinite(values).all(axis=tuple(range(1, values.ndim)))
        try:
            if self.order == "layers":
                parts = enumerate(values.swapaxes(0, 1)) if layer is None else [(layer, values)]
                for number, part in parts:
                    self._write(part, first, number)
            elif layer is None:
                self._write(values, first, 0)
            else:
                for row, one in zip(range(first, last), values, strict=True):
                    self._write(one, row, layer)
        except OSError as error:
            raise explain(self.folder, error) from error

    def _read(self, runs: list[Run], layers: range, into: Floats32) -> None:
        _, n_layers, dim = self.shape
        for to, first, length in runs:
            if self.order == "layers":
                most = max(1, _PIECE // (dim * _WIDTH))
                for number, layer in enumerate(layers):
                    for at in range(0, length, most):
                        part = into[to + at : to + min(at + most, length), number]
                        _fill(part, self._descriptor, self._place(first + at, layer))
            elif len(layers) == n_layers:
                _fill(into[to : to + length], self._descriptor, self._place(first, 0))
            else:
                for at in range(length):
                    _fill(into[to + at], self._descriptor, self._place(first + at, layers.start))

    def _place(self, row: int, layer: int) -> int:
        """Where a layer of an utterance begins, in bytes."""
        n, n_layers, dim = self.shape
        number = layer * n + row if self.order == "layers" else row * n_layers + layer
        return number * dim * _WIDTH

    def _write(self, values: Floats32, row: int, layer: int) -> None:
        view = np.ascontiguousarray(values, np.float32).data.cast("B")
        at = self._place(row, layer)
        while view.nbytes:
            put = os.pwrite(self._descriptor, view, at)
            view, at = view[put:], at + put


Means = Floats32 | OnDisk


def blocks(shape: tuple[int, int, int], n_bytes: int) -> Iterator[slice]:
    """The rows of means of a shape, in parts of about so many bytes, at least one row each."""
    n, layers, dim = shape
    size = max(1, n_bytes // (layers * dim * _WIDTH))
    for first in range(0, n, size):
        yield slice(first, min(first + size, n))


def _fill(part: Floats32, descriptor: int, start: int) -> None:
    """Read numbers from a place in a file on."""
    into = part if part.flags.c_contiguous else np.empty(part.shape, np.float32)
    view = into.data.cast("B")
    while view.nbytes:
        got = os.preadv(descriptor, [view], start)
        if not got:
            raise StoreError("a file of means was cut short while probes were trained on it.")
        view, start = view[got:], start + got
    if into is not part:
        part[:] = into


def _batched(items: Iterator[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    """Some items at a time."""
    while some := list(islice(items, _AHEAD)):
        yield some


def _close(descriptors: list[int]) -> None:
    for one in descriptors:
        os.close(one)


def _runs(rows: Rows, n: int) -> tuple[list[Run], int]:
    """Rows as runs of such that follow each other, and how many rows there are."""
    if isinstance(rows, slice):
        first, last, step = rows.indices(n)
        if step != 1:
            raise IndexError("means on the disk are read in slices of step 1.")
        return [(0, first, last - first)] if last > first else [], max(0, last - first)
    at = np.asarray(rows, dtype=np.int64)
    if not len(at):
        return [], 0
    if at.min() < 0 or at.max() >= n:
        raise IndexError(f"rows {at.min()} to {at.max()} of {n} means.")
    starts = np.concatenate([[0], np.flatnonzero(np.diff(at) != 1) + 1])
    lengths = np.diff(np.append(starts, len(at)))
    return list(zip(starts.tolist(), at[starts].tolist(), lengths.tolist(), strict=True)), len(at)
