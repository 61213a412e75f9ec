"""Means that memory should not hold: a file of their own, read where they are needed.

265,000 utterances of 25 layers and 1024 dimensions are 27 GB. Probes read them in one of two ways:
all layers of a few utterances (a batch of the learned mix), or one layer of all utterances (probes
of single layers, closed forms, neighbours). Neither is quick in the order of the other, nor in the
store's, whose shards hold utterances as they were extracted. So the means of a problem above a
limit are copied once, into a file in the order in which they are read: an utterance's layers are
then one read of 100 kB, a layer one of 1 GB. The file has no name: the system removes it with the
process, however that ends. It is read, not mapped, so that a process holds what it asked for, and
the system keeps of it what memory is left for. The numbers are those in memory, and so are the
results, to the bit: the same operations see the same rows.
"""

import os
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from paralbench.errors import StoreError
from paralbench.storage.atomic import PREFIX, clean_leftovers, explain

Floats32 = npt.NDArray[np.float32]
Order = Literal["utterances", "layers"]
Rows = slice | npt.NDArray[np.int64]

_WIDTH = 4  # bytes of a float32
_PIECE = 1 << 26  # bytes that are read at once before they are put in their places


class OnDisk:
    """Means ``(n, layers, dim)`` float32 in a file without a name, written and read in parts.

    ``means[rows]``, ``means[rows, layer]`` and ``means[rows, first:last]`` are read as of an
    array, with ``rows`` a slice or positions, and are new arrays; ``means[first:last] = values``
    and ``means[:, layer] = values`` write. What was not written is 0. Several threads may read.

    Args:
        folder: where the file is; where it cannot be written, the folder for temporary files.
        shape: ``(n, layers, dim)``.
        order: what lies side by side in the file: all layers of an utterance (``utterances``), or
            all utterances of a layer (``layers``).

    Attributes:
        shape, order: as given.
        folder: where the file is.
        finite: whether all that was written of an utterance is finite, ``(n,)``.

    Raises:
        StoreError: the disk has no room for them.
    """

    def __init__(self, folder: Path, shape: tuple[int, int, int], order: Order):
        if not os.access(folder, os.W_OK):  # the store of someone else
            folder = Path(tempfile.gettempdir())
        self.shape, self.order, self.folder = shape, order, folder
        self.finite = np.ones(shape[0], dtype=bool)
        clean_leftovers(folder)
        free = shutil.disk_usage(folder).free
        if free < self.nbytes:
            raise StoreError(
                f"{folder}: the means of {shape[0]:,} utterances need {self.nbytes / 2**30:.1f} "
                f"GiB of disk while probes are trained on them, and {free / 2**30:.1f} GiB are "
                "free. Free some space, or set PARALBENCH_HOME to a folder on a larger disk."
            )
        try:
            self._descriptor, name = tempfile.mkstemp(prefix=PREFIX, dir=folder)
            weakref.finalize(self, os.close, self._descriptor)
            with suppress(FileNotFoundError):  # another process took it for a dead writer's
                os.unlink(name)
            os.ftruncate(self._descriptor, self.nbytes)
        except OSError as error:
            raise explain(folder, error) from error

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def nbytes(self) -> int:
        """Bytes of the file."""
        n, layers, dim = self.shape
        return n * layers * dim * _WIDTH

    def __getitem__(self, key: Rows | tuple[Rows, int | slice]) -> Floats32:
        rows, layers = key if isinstance(key, tuple) else (key, slice(None))
        runs, count = _runs(rows, len(self))
        if isinstance(layers, int):
            return self._read(runs, count, range(layers, layers + 1))[:, 0]
        return self._read(runs, count, range(self.shape[1])[layers])

    def __setitem__(self, key: slice | tuple[slice, int], values: Floats32) -> None:
        rows, layer = key if isinstance(key, tuple) else (key, None)
        first, last, _ = rows.indices(len(self))
        _, n_layers, dim = self.shape
        self.finite[first:last] &= np.isfinite(values).all(axis=tuple(range(1, values.ndim)))
        try:
            if self.order == "layers":
                parts = enumerate(values.swapaxes(0, 1)) if layer is None else [(layer, values)]
                for number, part in parts:
                    self._write(part, (number * len(self) + first) * dim)
            elif layer is None:
                self._write(values, first * n_layers * dim)
            else:
                for row, one in zip(range(first, last), values, strict=True):
                    self._write(one, (row * n_layers + layer) * dim)
        except OSError as error:
            raise explain(self.folder, error) from error

    def _read(self, runs: list[tuple[int, int, int]], count: int, layers: range) -> Floats32:
        """Rows of some layers that lie beside each other."""
        n, n_layers, dim = self.shape
        found = np.empty((count, len(layers), dim), np.float32)
        if self.order == "utterances" and len(layers) == n_layers:
            for to, first, length in runs:
                self._fill(found[to : to + length], first * n_layers * dim)
        elif self.order == "utterances":
            for to, first, length in runs:
                for at in range(length):
                    self._fill(found[to + at], ((first + at) * n_layers + layers[0]) * dim)
        else:
            most = max(1, _PIECE // (dim * _WIDTH))
            for number, layer in enumerate(layers):
                for to, first, length in runs:
                    for at in range(0, length, most):
                        part = found[to + at : to + min(at + most, length), number]
                        self._fill(part, (layer * n + first + at) * dim)
        return found

    def _fill(self, part: Floats32, start: int) -> None:
        """Read numbers from a place in the file on, counted in numbers."""
        into = part if part.flags.c_contiguous else np.empty(part.shape, np.float32)
        view, at = into.data.cast("B"), start * _WIDTH
        while view.nbytes:
            got = os.preadv(self._descriptor, [view], at)
            if not got:
                raise StoreError(f"{self.folder}: the means put aside there were cut short.")
            view, at = view[got:], at + got
        if into is not part:
            part[:] = into

    def _write(self, values: Floats32, start: int) -> None:
        view = np.ascontiguousarray(values, np.float32).data.cast("B")
        at = start * _WIDTH
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


def _runs(rows: Rows, n: int) -> tuple[list[tuple[int, int, int]], int]:
    """Where rows lie side by side: (place in the result, first row, how many); and their number."""
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
