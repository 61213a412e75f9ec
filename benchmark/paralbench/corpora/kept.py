"""Manifests of large corpora, kept so that they are read once.

A kept manifest is used only while all of this is as it was: the corpus card, the readers' code, the
names of all files and folders below the root, and the content of every label file that the reader
read. Names are compared as they are listed, since a folder's time of change is too coarse on some
file systems and is set back by tools that copy; label files are read again, which takes less than a
tenth of the time that making a manifest of them takes.
"""

import hashlib
import json
import logging
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from paralbench import __version__, paths
from paralbench.cards.corpus import CorpusCard
from paralbench.corpora.manifest import Exclusion, Manifest
from paralbench.corpora.readers import Read
from paralbench.corpora.readers.noted import digest, noting
from paralbench.errors import StoreError
from paralbench.storage.atomic import write_file
from paralbench.storage.parquet import table_in

_log = logging.getLogger(__name__)

# Fewer rows than these are read as fast as they are fetched.
WORTH_KEEPING = 10_000

_EXTRA = b"paralbench"
_DIGEST_BYTES = 32  # in front of the table: damage is told before it is read


def kept_or_read(read: Read, card: CorpusCard, root: Path, *, look: bool = True) -> Manifest:
    """The kept manifest if nothing that it was made of has changed, else a new one.

    Args:
        read: the reader. One from another package is asked each time: what it reads is not noted.
        card: the corpus card.
        root: the corpus's folder.
        look: whether the reader looks for audio files.

    Raises:
        CardError, CorpusError: what the reader raises.
    """
    if not getattr(read, "__module__", "").startswith("paralbench."):
        return read(card, root, look=look)
    folder = paths.manifests_home()
    place = digest(f"{root.absolute()}\n{look}".encode())[:16]
    name = f"{card.id}-{place}.parquet"
    state = {
        "card": digest(json.dumps(card.content(), sort_keys=True).encode()),
        "code": _code(),
        "names": _names(root),
    }
    kept = _load(folder / name)
    if kept is not None and kept.state == state and kept.files_as_read():
        return kept.manifest(card.id, root)
    with noting() as files:
        manifest = read(card, root, look=look)
    if len(manifest) >= WORTH_KEEPING:
        _store(folder, name, manifest, root, {"state": state, "files": files})
    return manifest


@cache
def _code() -> str:
    """What identifies the readers: the version, and in a checkout more than that."""
    every = hashlib.sha256(__version__.encode())
    for file in sorted(Path(__file__).parent.rglob("*.py")):
        every.update(file.read_bytes())
    return every.hexdigest()


def _names(root: Path) -> str:
    """The names of everything below a folder, links followed, as one digest."""
    every, seen = hashlib.sha256(), set()
    for folder, below, files in os.walk(root, followlinks=True):
        status = os.stat(folder)
        if (status.st_dev, status.st_ino) in seen:  # a link that leads back
            below[:] = []
            continue
        seen.add((status.st_dev, status.st_ino))
        below.sort()
        listed = "\0".join([os.path.relpath(folder, root), *below, "", *sorted(files), ""])
        every.update(listed.encode("utf-8", "surrogateescape"))
    return every.hexdigest()


def _store(
    folder: Path, name: str, manifest: Manifest, root: Path, made_of: dict[str, Any]
) -> None:
    frame = manifest.frame
    extra = {
        **made_of,
        "root": os.path.relpath(manifest.root, root),
        "types": {str(column): str(frame[column].dtype) for column in frame.columns},
        "excluded": [[one.utterance, one.reason, one.detail] for one in manifest.excluded],
    }
    try:
        table = pa.table({str(c): pa.array(frame[c], from_pandas=True) for c in frame.columns})
    except (pa.ArrowInvalid, pa.ArrowTypeError):  # a reader's column of mixed types
        return
    sink = pa.BufferOutputStream()
    pq.write_table(table.replace_schema_metadata({_EXTRA: json.dumps(extra)}), sink)
    data = sink.getvalue().to_pybytes()
    try:
        write_file(folder, name, hashlib.sha256(data).digest() + data)
    except StoreError as error:  # the manifest itself is there
        _log.warning("%s The manifest of %s is not kept.", error, manifest.corpus)


@dataclass(frozen=True)
class _Kept:
    """What a file holds: the table, and what it was made of."""

    table: pa.Table
    extra: dict[str, Any]

    @property
    def state(self) -> dict[str, str]:
        return self.extra["state"]

    def files_as_read(self) -> bool:
        """Whether the label files hold what they held."""
        try:
            return all(digest(Path(f).read_bytes()) == d for f, d in self.extra["files"].items())
        except OSError:
            return False

    def manifest(self, corpus: str, root: Path) -> Manifest:
        types = self.extra["types"].items()
        frame = pd.DataFrame({name: _column(self.table[name], kind) for name, kind in types})
        excluded = tuple(Exclusion(*one) for one in self.extra["excluded"])
        return Manifest(corpus, root / self.extra["root"], frame, excluded)


def _load(file: Path) -> _Kept | None:
    """What is kept; None where there is nothing, or it is damaged."""
    try:
        raw = file.read_bytes()
    except OSError:
        return None
    data = raw[_DIGEST_BYTES:]
    if hashlib.sha256(data).digest() != raw[:_DIGEST_BYTES]:
        return None
    table = table_in(data)
    return _Kept(table, json.loads(table.schema.metadata[_EXTRA]))


def _column(column: pa.ChunkedArray, kind: str) -> pd.Series:
    if kind == "object":
        values = np.empty(len(column), dtype=object)
        values[:] = column.to_pylist()
        return pd.Series(values)
    return column.to_pandas().astype(kind)  # type: ignore[arg-type]
