"""CTranslate2's ``model.bin``, read as data.

The format, version 6, little-endian: ``uint32`` version; a name and ``uint32`` revision of the
model's specification; ``uint32`` count of variables; for each a name, ``uint8`` rank, ``uint32``
dimensions, ``uint8`` element type, ``uint32`` bytes, the bytes; then ``uint32`` count of aliases,
each two names. A name is a ``uint16`` length, that many bytes, the last of them zero.

Such a file is a stranger's data: every length is checked against the bytes that are left before
anything is read, and nothing is evaluated.
"""

import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from paralbench.errors import WeightsError

BINARY_VERSION = 6

_MOST_VARIABLES, _MOST_DIMENSIONS = 100_000, 8
_TYPES = ("<f4", "<i1", "<i2", "<i4", "<f2", "<u2")  # the last holds bfloat16's bits
_BFLOAT16 = 5
_FLOATS = (0, 4, _BFLOAT16)
_INTEGERS = (1, 2, 3)


@dataclass(frozen=True)
class Variable:
    """One array of a ``model.bin``: its element type by number, and its values."""

    kind: int
    values: np.ndarray

    def floats(self) -> np.ndarray | None:
        """The values as half or single floats; None for integers, as in quantised models."""
        if self.kind not in _FLOATS:
            return None
        if self.kind == _BFLOAT16:
            return (self.values.astype(np.uint32) << 16).view(np.float32)
        return self.values

    def integer(self) -> int | None:
        """The value of a single integer; None for anything else."""
        if self.kind not in _INTEGERS or self.values.shape != ():
            return None
        return int(self.values)


class _Bytes:
    """The bytes of a file and how far they are read."""

    def __init__(self, data: bytes | memoryview | mmap.mmap, where: str):
        self.data, self.where, self.at = memoryview(data), where, 0

    def fail(self, what: str) -> WeightsError:
        return WeightsError(f"{self.where}: damaged at byte {self.at}: {what}.")

    def take(self, count: int) -> memoryview:
        left = len(self.data) - self.at
        if count > left:
            raise self.fail(f"{count} bytes expected, {left} left")
        self.at += count
        return self.data[self.at - count : self.at]

    def number(self, form: str) -> int:
        return struct.unpack("<" + form, self.take(struct.calcsize("<" + form)))[0]

    def name(self) -> str:
        raw = bytes(self.take(self.number("H")))
        if not raw.endswith(b"\0") or b"\0" in raw[:-1]:
            raise self.fail("a name does not end where it says")
        try:
            return raw[:-1].decode("utf-8")
        except UnicodeDecodeError:
            raise self.fail("a name is not text") from None


def read_variables(
    data: bytes | memoryview | mmap.mmap, where: str = "model.bin"
) -> tuple[str, dict[str, Variable]]:
    """Read a ``model.bin``.

    Args:
        data: the whole file.
        where: its name in messages.

    Returns:
        The specification's name, and the variables by name; values share the memory of ``data``.

    Raises:
        WeightsError: another version, a length that does not fit, an unknown type, a name twice,
            an alias of nothing, or bytes left over.
    """
    read = _Bytes(data, where)
    version = read.number("I")
    if version != BINARY_VERSION:
        raise WeightsError(
            f"{where}: not a CTranslate2 model of binary version {BINARY_VERSION} ({version})."
        )
    specification = read.name()
    read.number("I")
    variables: dict[str, Variable] = {}
    for name, variable in _variables(read):
        if name in variables:
            raise read.fail(f"the variable {name!r} comes twice")
        variables[name] = variable
    for _ in range(_count(read, "aliases")):
        alias, target = read.name(), read.name()
        if target not in variables or alias in variables:
            raise read.fail(f"the alias {alias!r} of {target!r} is not possible")
        variables[alias] = variables[target]
    if read.at != len(read.data):
        raise read.fail(f"{len(read.data) - read.at} bytes too many")
    return specification, variables


def _variables(read: _Bytes) -> Iterator[tuple[str, Variable]]:
    for _ in range(_count(read, "variables")):
        name = read.name()
        rank = read.number("B")
        if rank > _MOST_DIMENSIONS:
            raise read.fail(f"{name!r} has {rank} dimensions")
        shape = tuple(read.number("I") for _ in range(rank))
        kind = read.number("B")
        if kind >= len(_TYPES):
            raise read.fail(f"{name!r} has the unknown element type {kind}")
        element = np.dtype(_TYPES[kind])
        size = element.itemsize
        for length in shape:  # in Python's integers, which do not overflow
            size *= length
        given = read.number("I")
        if given != size:
            raise read.fail(f"{name!r} has {given} bytes, its shape {shape} needs {size}")
        values = np.frombuffer(read.take(size), dtype=element).reshape(shape)
        yield name, Variable(kind, values)


def _count(read: _Bytes, what: str) -> int:
    count = read.number("I")
    if count > _MOST_VARIABLES:
        raise read.fail(f"{count} {what}")
    return count
