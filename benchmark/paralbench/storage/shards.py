"""Shards: immutable safetensors files, named by their content, read through a memory map.

The format is https://github.com/huggingface/safetensors: eight bytes of header length, a JSON
header, the arrays. It is read here without the safetensors package so that arrays are views of the
memory map: opening a shard of gigabytes costs one small read.
"""

import hashlib
import json
import mmap
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np

from paralbench.errors import StoreError
from paralbench.storage.atomic import clean_leftovers, explain, pending_file

__all__ = ["DamagedShardError", "Shard", "clean_leftovers", "list_shards", "write_shard"]

SUFFIX = ".safetensors"
DTYPES = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "I64": np.dtype("<i8"),
    "I32": np.dtype("<i4"),
    "I16": np.dtype("<i2"),
    "I8": np.dtype("i1"),
    "U64": np.dtype("<u8"),
    "U32": np.dtype("<u4"),
    "U16": np.dtype("<u2"),
    "U8": np.dtype("u1"),
    "BOOL": np.dtype("bool"),
}
_NAMES = {dtype: name for name, dtype in DTYPES.items()}
_ALIGNMENT = 64
_METADATA = "__metadata__"
# A header is some hundred bytes; one read fetches it together with the keys of a small shard.
_FIRST_READ = 16 * 1024

Read = Callable[[int, int], bytes]  # so many bytes from a place on, fewer at the end of the file


class DamagedShardError(StoreError):
    """A shard is truncated or is no safetensors file."""


@dataclass(frozen=True)
class Entry:
    """Where an array lies: ``start`` in bytes from the beginning of the file."""

    dtype: np.dtype
    shape: tuple[int, ...]
    start: int

    @property
    def nbytes(self) -> int:
        """The size in bytes."""
        return self.dtype.itemsize * prod(self.shape)


@dataclass(frozen=True)
class Header:
    """What a shard says about itself."""

    entries: dict[str, Entry]
    metadata: dict[str, str]


@dataclass(frozen=True)
class Shard:
    """An open shard.

    Attributes:
        path: the file.
        arrays: name to array; read-only views of the memory map, which lives as long as they do.
        metadata: the strings written with them.
    """

    path: Path
    arrays: dict[str, np.ndarray]
    metadata: dict[str, str]

    @classmethod
    def open(cls, path: Path) -> "Shard":
        """Map a shard into memory.

        Raises:
            DamagedShardError: the file is truncated or no safetensors file.
            StoreError: the system cannot open it.
        """
        descriptor = _open(path)
        try:
            header = _header_of(path, descriptor)
            mapped = mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
        except OSError as error:
            raise explain(path, error) from error
        finally:
            os.close(descriptor)
        arrays = {name: _view(mapped, entry) for name, entry in header.entries.items()}
        return cls(path, arrays, header.metadata)

    def verify(self) -> None:
        """Compare the content with the checksum in the file's name; reads the whole file.

        Raises:
            DamagedShardError: they differ.
        """
        with self.path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if not found.startswith(self.path.stem):
            raise DamagedShardError(
                f"{self.path}: the content's sha256 is {found}, not what the name says."
            )


def write_shard(folder: Path, arrays: Mapping[str, np.ndarray], metadata: dict[str, str]) -> Path:
    """Write arrays to a new shard of ``folder``, whole or not at all.

    Args:
        folder: created if missing.
        arrays: name to array, of a dtype of :data:`DTYPES`.
        metadata: strings to keep with them.

    Returns:
        ``folder/<first 32 hex digits of the file's sha256>.safetensors``. Writing the same content
        again gives the same file.

    Raises:
        StoreError: a dtype cannot be stored, the disk is full or the folder cannot be written.
    """
    prepared = {name: _storable(name, array) for name, array in arrays.items()}
    # Larger items first, so that every array starts at a multiple of its item size.
    names = sorted(prepared, key=lambda name: -prepared[name].itemsize)
    description: dict[str, object] = {_METADATA: metadata} if metadata else {}
    end = 0
    for name in names:
        start, end = end, end + prepared[name].nbytes
        description[name] = {
            "dtype": _NAMES[prepared[name].dtype],
            "shape": list(prepared[name].shape),
            "data_offsets": [start, end],
        }
    header = json.dumps(description, separators=(",", ":")).encode()
    header += b" " * (-(8 + len(header)) % _ALIGNMENT)
    digest = hashlib.sha256()
    with pending_file(folder) as file:
        parts = (prepared[name].reshape(-1).view(np.uint8).data for name in names)
        for part in (len(header).to_bytes(8, "little"), header, *parts):
            digest.update(part)
            file.write(part)
        return file.commit(f"{digest.hexdigest()[:32]}{SUFFIX}")


def list_shards(folder: Path) -> list[Path]:
    """The shards of a folder, sorted by name; none if the folder does not exist."""
    return [folder / name for name in sorted(shard_names(folder))]


def shard_names(folder: Path) -> set[str]:
    """The file names of a folder's shards.

    Raises:
        StoreError: the folder cannot be read.
    """
    try:
        return {name for name in os.listdir(folder) if name.endswith(SUFFIX)}
    except FileNotFoundError:
        return set()
    except OSError as error:
        raise StoreError(f"{folder}: cannot read the folder: {error.strerror}.") from error


def read_array(path: Path, name: str) -> tuple[np.ndarray | None, Header]:
    """Read the header and one array of a shard, without mapping the rest.

    Returns:
        The array, None if the shard has none of that name, and the header.

    Raises:
        DamagedShardError: the file is damaged.
        StoreError: it cannot be opened.
    """
    descriptor = _open(path)
    try:
        size = os.fstat(descriptor).st_size
        return read_array_by(_reader(descriptor), size, name, str(path))
    except OSError as error:
        raise explain(path, error) from error
    finally:
        os.close(descriptor)


def read_array_by(read: Read, size: int, name: str, where: str) -> tuple[np.ndarray | None, Header]:
    """As :func:`read_array`, of a shard that may lie anywhere, by two reads at most.

    Args:
        read: gives bytes of it.
        size: of the whole of it, in bytes.
        name: of the array.
        where: it lies, for messages.
    """
    header, beginning = _read_header(read, size, where)
    if name not in header.entries:
        return None, header
    entry = header.entries[name]
    end = entry.start + entry.nbytes
    if end <= len(beginning):
        data = beginning[entry.start : end]
    else:
        data = read(entry.start, entry.nbytes)
        if len(data) != entry.nbytes:
            raise DamagedShardError(f"{where}: shorter than its header says.")
    return np.frombuffer(data, entry.dtype).reshape(entry.shape), header


def read_header(path: Path) -> Header:
    """What a shard says about itself.

    Raises:
        DamagedShardError: the file is damaged.
        StoreError: it cannot be opened.
    """
    descriptor = _open(path)
    try:
        return _header_of(path, descriptor)
    except OSError as error:
        raise explain(path, error) from error
    finally:
        os.close(descriptor)


def read_rows(path: Path, name: str, rows: np.ndarray, into: np.ndarray, at: np.ndarray) -> None:
    """Read rows of an array of a shard into places of another, and nothing else from the disk.

    A map reads ahead, on some systems megabytes for each row that is touched.

    Args:
        path: the shard.
        name: the array, which it holds.
        rows: which rows, ``(n,)``.
        into: an array of the same dtype and the same shape beyond the first axis.
        at: the place of each row in it, ``(n,)``.

    Raises:
        DamagedShardError: the file is damaged.
        StoreError: it cannot be opened or read.
    """
    descriptor = _open(path)
    try:
        entry = _header_of(path, descriptor).entries[name]
        if 4 * len(rows) < entry.shape[0] and hasattr(os, "posix_fadvise"):
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_RANDOM)
        width = entry.nbytes // max(1, entry.shape[0])
        for one in np.argsort(rows, kind="stable").tolist():
            view = into[at[one] : at[one] + 1].view(np.uint8).reshape(-1).data
            start = entry.start + int(rows[one]) * width
            while view.nbytes:
                got = os.preadv(descriptor, [view], start)
                if not got:
                    raise DamagedShardError(f"{path}: shorter than its header says.")
                view, start = view[got:], start + got
    except OSError as error:
        raise explain(path, error) from error
    finally:
        os.close(descriptor)


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise StoreError(f"{path}: cannot open: {error.strerror}.") from error


def _storable(name: str, array: np.ndarray) -> np.ndarray:
    dtype = array.dtype.newbyteorder("<")
    if dtype not in _NAMES:
        raise StoreError(
            f"array {name!r} has dtype {array.dtype}; a shard stores "
            f"{', '.join(str(known) for known in _NAMES)}."
        )
    return np.ascontiguousarray(array, dtype=dtype)


def _view(mapped: mmap.mmap, entry: Entry) -> np.ndarray:
    count = prod(entry.shape)
    return np.frombuffer(mapped, entry.dtype, count, entry.start).reshape(entry.shape)


def _reader(descriptor: int) -> Read:
    return lambda start, size: os.pread(descriptor, size, start)


def _header_of(path: Path, descriptor: int) -> Header:
    return _read_header(_reader(descriptor), os.fstat(descriptor).st_size, str(path))[0]


def _read_header(read: Read, size: int, where: str) -> tuple[Header, bytes]:
    """The header, checked against the file's size, and the file's first bytes."""
    beginning = read(0, min(size, _FIRST_READ))
    length = int.from_bytes(beginning[:8], "little")
    if size < 8 or not 2 <= length <= size - 8:
        raise DamagedShardError(f"{where}: truncated, or no safetensors file.")
    if 8 + length > len(beginning):
        beginning = read(0, 8 + length)
    try:
        return _parse(beginning[8 : 8 + length], 8 + length, size), beginning
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedShardError(f"{where}: {error or 'damaged header'}.") from error


def _parse(text: bytes, data_start: int, size: int) -> Header:
    """Check a header: known dtypes, arrays side by side, and no byte more or less in the file."""
    description = json.loads(text)
    metadata = {str(key): str(value) for key, value in description.pop(_METADATA, {}).items()}
    entries = {}
    end = 0
    for name, item in sorted(description.items(), key=lambda pair: pair[1]["data_offsets"]):
        dtype, shape = DTYPES[item["dtype"]], tuple(int(n) for n in item["shape"])
        entry = Entry(dtype, shape, data_start + end)
        if any(n < 0 for n in shape) or item["data_offsets"] != [end, end + entry.nbytes]:
            raise ValueError(f"damaged header: array {name!r} does not fit its place")
        end += entry.nbytes
        entries[name] = entry
    if data_start + end != size:
        raise ValueError(f"truncated: {size} bytes, the header says {data_start + end}")
    return Header(entries, metadata)
