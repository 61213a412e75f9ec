"""What is already known of files: a table on the disk, so that decoding happens once.

One folder per corpus root, in it parquet parts that are written whole and never changed. Several
processes may add parts at once; merging writes the union before it removes what it merged, so no
row is lost, and a lost one would only be decoded again.
"""

import hashlib
import io
import warnings
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from paralbench.storage.atomic import clean_leftovers, write_file
from paralbench.storage.index import StoreWarning
from paralbench.storage.parquet import table_in

# Loading takes about a millisecond a part.
_MERGE_ABOVE = 16


class FileKey(NamedTuple):
    """A file as it was when it was decoded, and which part of it."""

    path: str  # relative to the root
    size: int
    mtime_ns: int
    start: float | None
    end: float | None


class Finding(NamedTuple):
    """What decoding found."""

    content: str | None
    samples: int
    peak: float | None
    rms: float | None
    original_rate: int | None
    channels: int | None
    reason: str | None
    detail: str
    flags: str  # joined by commas
    decoder: str


_SCHEMA = pa.schema(
    [
        ("path", pa.string()),
        ("size", pa.int64()),
        ("mtime_ns", pa.int64()),
        ("start", pa.float64()),
        ("end", pa.float64()),
        ("content", pa.string()),
        ("samples", pa.int64()),
        ("peak", pa.float64()),
        ("rms", pa.float64()),
        ("original_rate", pa.int64()),
        ("channels", pa.int64()),
        ("reason", pa.string()),
        ("detail", pa.string()),
        ("flags", pa.string()),
        ("decoder", pa.string()),
    ]
)


class FilesIndex:
    """The findings for the files below one root.

    Args:
        folder: of all roots; created on the first write.
        root: absolute.
        decoders: findings of other decoders are ignored, so that those files are decoded anew.
    """

    def __init__(self, folder: Path, root: Path, decoders: Iterable[str]):
        self.folder = folder / hashlib.sha256(str(root).encode()).hexdigest()[:16]
        self.root = root
        self._decoders = frozenset(decoders)
        self._known: dict[FileKey, Finding] = {}
        self._foreign: list[tuple[FileKey, Finding]] = []  # of other decoders; kept when merging
        self._parts: set[Path] = set()
        clean_leftovers(self.folder)
        self._load()

    def get(self, key: FileKey) -> Finding | None:
        """The finding for a file, None if it is not known or changed."""
        return self._known.get(key)

    def add(self, findings: Mapping[FileKey, Finding]) -> None:
        """Keep findings; they are on the disk when this returns.

        Raises:
            StoreError: the disk is full or the folder cannot be written.
        """
        if findings:
            self._parts.add(self._write(findings.items()))
            self._known.update(findings)

    def merge(self) -> None:
        """Make one part of many, with what other processes added.

        Raises:
            StoreError: the disk is full or the folder cannot be written.
        """
        if len(self._parts) <= _MERGE_ABOVE:
            return
        self._load()
        merged = self._write([*self._known.items(), *self._foreign])
        for path in self._parts - {merged}:
            path.unlink(missing_ok=True)
        self._parts = {merged}

    def _load(self) -> None:
        """Read the parts that are new; again, if a merge by another process removed one of them."""
        while new := set(self.folder.glob("*.parquet")) - self._parts:
            for path in sorted(new):
                # Whole, so that it does not matter if the part is removed meanwhile.
                with suppress(FileNotFoundError):
                    self._read(path)

    def _read(self, path: Path) -> None:
        data = path.read_bytes()
        self._parts.add(path)
        try:
            table = table_in(data, _SCHEMA)
        except (pa.ArrowException, OSError) as error:
            self._set_aside(path, error)
            return
        width = len(FileKey._fields)
        for row in zip(*(column.to_pylist() for column in table.columns), strict=True):
            key, finding = FileKey._make(row[:width]), Finding._make(row[width:])
            if finding.decoder in self._decoders:
                self._known[key] = finding
            else:
                self._foreign.append((key, finding))

    def _write(self, findings: Iterable[tuple[FileKey, Finding]]) -> Path:
        rows = [(*key, *finding) for key, finding in findings]
        columns = [
            pa.array(column, field.type)
            for column, field in zip(zip(*rows, strict=True), _SCHEMA, strict=True)
        ]
        schema = _SCHEMA.with_metadata({"root": str(self.root)})  # for a person who looks
        table = pa.Table.from_arrays(columns, schema=schema)
        buffer = io.BytesIO()
        pq.write_table(table, buffer, compression="zstd")
        data = buffer.getvalue()
        return write_file(self.folder, f"{hashlib.sha256(data).hexdigest()[:32]}.parquet", data)

    def _set_aside(self, path: Path, error: Exception) -> None:
        with suppress(OSError):
            path.rename(path.with_name(f"{path.name}.damaged"))
        warnings.warn(
            f"{path}: damaged ({error}); set aside as *.damaged, its files are decoded anew.",
            StoreWarning,
            stacklevel=4,
        )
