"""The weights and operators of a model in ONNX Runtime's own format (``.ort``), read as data.

Such a file is a FlatBuffer by the schema ``onnxruntime/core/flatbuffers/schema/ort.fbs`` of
ONNX Runtime, little-endian. A table begins with the distance back to its field list, which gives
each field's distance from the table's begin, zero for a field that is absent; strings, vectors and
tables are stored elsewhere, at a distance forward from their field. Only what is needed to rebuild
an encoder is read, to a fixed depth: no offset can send the reader round in circles.

Such a file is a stranger's data: nothing is read outside it, and nothing is evaluated.
"""

import mmap
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from paralbench.errors import WeightsError

IDENTIFIER = b"ORTM"

# The schema's fields by their place in their table.
_SESSION_MODEL, _MODEL_GRAPH = 1, 7
_GRAPH_INITIALIZERS, _GRAPH_NODES = 0, 2
_TENSOR_NAME, _TENSOR_SHAPE, _TENSOR_KIND, _TENSOR_BYTES = 0, 2, 3, 4
_NODE_NAME, _NODE_OPERATOR, _NODE_INPUTS, _NODE_OUTPUTS, _NODE_ATTRIBUTES = 0, 5, 8, 9, 10
_ATTRIBUTE_NAME, _ATTRIBUTE_KIND, _ATTRIBUTE_FLOAT = 0, 2, 3
_FLOAT_ATTRIBUTE = 1
_KINDS = {1: "<f4", 2: "u1", 3: "i1", 6: "<i4", 7: "<i8", 9: "?", 10: "<f2", 11: "<f8"}


@dataclass(frozen=True)
class Node:
    """One operator of a graph.

    Attributes:
        operator: its kind, such as ``Conv``.
        inputs: names of initializers and of other operators' outputs; empty for one left out.
        outputs: their names.
        floats: its attributes that are single floats.
    """

    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    floats: Mapping[str, float]


@dataclass(frozen=True)
class Graph:
    """What is read of a model: its initializers and its operators, by name."""

    tensors: Mapping[str, np.ndarray]
    nodes: Mapping[str, Node]


def read_graph(data: bytes | memoryview | mmap.mmap, where: str = "model.ort") -> Graph:
    """Read a ``.ort`` file.

    Args:
        data: the whole file.
        where: its name in messages.

    Returns:
        The graph; its tensors share the memory of ``data``.

    Raises:
        WeightsError: not such a file, an offset that leads outside, an unknown element type, or a
            tensor whose bytes do not fit its shape.
    """
    view = memoryview(data)
    if bytes(view[4:8]) != IDENTIFIER:
        raise WeightsError(f"{where}: not a model in ONNX Runtime's format ({IDENTIFIER!r}).")
    file = _File(view, where)
    session = _Table(file, file.number("I", 0))
    graph = session.table(_SESSION_MODEL).table(_MODEL_GRAPH)
    tensors = {one.text(_TENSOR_NAME): _tensor(one) for one in graph.tables(_GRAPH_INITIALIZERS)}
    nodes = {one.text(_NODE_NAME): _node(one) for one in graph.tables(_GRAPH_NODES)}
    return Graph(tensors, nodes)


class _File:
    """The bytes of a file; nothing is read outside them."""

    def __init__(self, data: memoryview, where: str):
        self.data, self.where = data, where

    def fail(self, at: int, what: str) -> WeightsError:
        return WeightsError(f"{self.where}: damaged at byte {at}: {what}.")

    def take(self, at: int, count: int) -> memoryview:
        if not 0 <= at <= at + count <= len(self.data):
            raise self.fail(at, f"{count} bytes expected, the file has {len(self.data)}")
        return self.data[at : at + count]

    def number(self, form: Literal["i", "I", "H", "f"], at: int) -> int:
        return struct.unpack("<" + form, self.take(at, struct.calcsize(form)))[0]

    def text(self, at: int) -> str:
        raw = bytes(self.take(at + 4, self.number("I", at)))
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            raise self.fail(at, "a name is not text") from None


class _Table:
    """One table of the buffer: its fields by their place in the schema."""

    def __init__(self, file: _File, at: int):
        self.file, self.at = file, at
        self.list = at - file.number("i", at)
        self.size = file.number("H", self.list)

    def field(self, place: int) -> int | None:
        """Where a field lies; None for one that is absent."""
        within = 4 + 2 * place
        distance = self.file.number("H", self.list + within) if within < self.size else 0
        return self.at + distance if distance else None

    def target(self, place: int) -> int | None:
        at = self.field(place)
        return None if at is None else at + self.file.number("I", at)

    def number(self, place: int, form: Literal["i", "f"] = "i") -> int:
        at = self.field(place)
        return 0 if at is None else self.file.number(form, at)

    def text(self, place: int) -> str:
        at = self.target(place)
        return "" if at is None else self.file.text(at)

    def table(self, place: int) -> "_Table":
        at = self.target(place)
        if at is None:
            raise self.file.fail(self.at, "a table without its model or graph")
        return _Table(self.file, at)

    def vector(self, place: int, width: int) -> memoryview:
        """The bytes of a vector whose elements have this many."""
        at = self.target(place)
        return memoryview(b"") if at is None else self.file.take(at + 4, self._count(at) * width)

    def targets(self, place: int) -> Iterator[int]:
        """Where the strings or tables of a vector lie."""
        at = self.target(place)
        if at is not None:
            for element in range(at + 4, at + 4 + 4 * self._count(at), 4):
                yield element + self.file.number("I", element)

    def tables(self, place: int) -> "Iterator[_Table]":
        return (_Table(self.file, at) for at in self.targets(place))

    def _count(self, at: int) -> int:
        return self.file.number("I", at)


def _tensor(table: _Table) -> np.ndarray:
    kind = table.number(_TENSOR_KIND)
    if kind not in _KINDS:
        name = table.text(_TENSOR_NAME)
        raise table.file.fail(table.at, f"{name!r} has the unsupported element type {kind}")
    shape = np.frombuffer(table.vector(_TENSOR_SHAPE, 8), "<i8").tolist()
    raw = table.vector(_TENSOR_BYTES, 1)
    try:
        if min(shape, default=0) < 0:  # numpy would choose a length for it
            raise ValueError
        return np.frombuffer(raw, _KINDS[kind]).reshape(shape)
    except ValueError:
        name = table.text(_TENSOR_NAME)
        said = f"{name!r} of shape {shape} has {len(raw)} bytes"
        raise table.file.fail(table.at, said) from None


def _node(table: _Table) -> Node:
    floats = {
        one.text(_ATTRIBUTE_NAME): float(one.number(_ATTRIBUTE_FLOAT, "f"))
        for one in table.tables(_NODE_ATTRIBUTES)
        if one.number(_ATTRIBUTE_KIND) == _FLOAT_ATTRIBUTE
    }
    inputs, outputs = (
        tuple(table.file.text(at) for at in table.targets(place))
        for place in (_NODE_INPUTS, _NODE_OUTPUTS)
    )
    return Node(table.text(_NODE_OPERATOR), inputs, outputs, floats)
