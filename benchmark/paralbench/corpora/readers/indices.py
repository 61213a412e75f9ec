"""Reading the index arrays of an old pickle without running what it says.

A pickle is a program. Here it may build lists, tuples and numbers, and rebuild numpy arrays of
integers from their bytes; whatever else it names is refused before it is looked up. The names of
numpy stand for the small classes of this module, not for numpy's own, so that a pickle reaches no
code but theirs.
"""

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from paralbench.corpora.readers.noted import read_noted
from paralbench.errors import CorpusError

_MOST_BYTES = 2**22
_ARRAYS = ("numpy.core.multiarray", "numpy._core.multiarray")


class _Dtype:
    """What ``numpy.dtype("i8", 0, 1)`` and its state say of an array of integers."""

    def __init__(self, name: Any, *_: Any):
        if name not in ("i4", "i8"):
            raise pickle.UnpicklingError(f"an array of {name!r}; integers are expected")
        self.name = f"<{name}"

    def __setstate__(self, state: Any) -> None:
        order = state[1].decode() if isinstance(state[1], bytes) else state[1]
        self.name = ("<" if order == "=" else str(order)) + self.name[1:]


class _Array:
    """An array that is rebuilt: shape, type and bytes arrive as its state."""

    values: np.ndarray | None = None

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, by_column, raw = state
        if not isinstance(dtype, _Dtype) or len(shape) != 1 or by_column:
            raise pickle.UnpicklingError(f"an array of shape {shape!r}; a row is expected")
        # Written by Python 2, the bytes are text in Latin 1.
        content = raw.encode("latin1") if isinstance(raw, str) else raw
        self.values = np.frombuffer(content, dtype=np.dtype(dtype.name)).astype(np.int64)
        if self.values.shape != tuple(shape):
            raise pickle.UnpicklingError(f"{len(self.values)} numbers, but the shape {shape!r}")


class _Reconstruct:
    """``_reconstruct(ndarray, (0,), b"b")``: an empty array, filled by its state.

    A class, since a pickle may set attributes of a function.
    """

    def __new__(cls, kind: Any, *_: Any) -> Any:
        if kind is not _Array:
            raise pickle.UnpicklingError(f"an array as {kind!r}")
        return _Array()

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError("a state for a function")


class _Reader(pickle.Unpickler):
    def find_class(self, module_name: str, global_name: str, /) -> Any:
        if module_name in _ARRAYS and global_name == "_reconstruct":
            return _Reconstruct
        if module_name == "numpy" and global_name in ("ndarray", "dtype"):
            return {"ndarray": _Array, "dtype": _Dtype}[global_name]
        raise pickle.UnpicklingError(f"it names {module_name}.{global_name}, which is not allowed")


def read_indices(corpus: str, file: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """Pairs of index arrays ``(n,)`` int64, as of training and test.

    Args:
        corpus: the corpus id, for messages.
        file: a pickle of a list of pairs of numpy arrays, of Python 2 or 3.

    Raises:
        CorpusError: it cannot be read, holds something else, or names anything but numpy's
            reconstruction of arrays.
    """
    try:
        content = read_noted(file)
    except OSError as error:
        raise CorpusError(f"{corpus}: {file} cannot be read: {error.strerror}.") from None
    if len(content) > _MOST_BYTES:
        raise CorpusError(f"{corpus}: {file} has {len(content)} bytes; it is no list of indices.")
    try:
        found = _Reader(io.BytesIO(content), encoding="latin1").load()
        return [_pair(one) for one in _sequence(found)]
    # What a damaged pickle raises is not one kind; none of these comes from code that it brought.
    except (
        pickle.UnpicklingError,
        AttributeError,
        EOFError,
        IndexError,
        KeyError,
        MemoryError,
        OverflowError,
        TypeError,
        ValueError,
    ) as error:
        raise CorpusError(f"{corpus}: {file} is no list of indices: {error}.") from None


def _sequence(given: Any) -> list[Any]:
    if not isinstance(given, list | tuple) or not given:
        raise pickle.UnpicklingError(f"a list of pairs is expected, not {type(given).__name__}")
    return list(given)


def _pair(given: Any) -> tuple[np.ndarray, np.ndarray]:
    one, other = _sequence(given)
    return _values(one), _values(other)


def _values(given: Any) -> np.ndarray:
    values = given.values if isinstance(given, _Array) else None
    if values is None:
        raise pickle.UnpicklingError(f"an array is expected, not {type(given).__name__}")
    return values
