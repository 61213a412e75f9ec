"""Reading label files so that it is known which ones a manifest was made of, and what they held."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

_notes: ContextVar[dict[str, str] | None] = ContextVar("notes", default=None)


@contextmanager
def noting() -> Iterator[dict[str, str]]:
    """Note the files that are read meanwhile: absolute path -> sha256 of what was read."""
    notes: dict[str, str] = {}
    token = _notes.set(notes)
    try:
        yield notes
    finally:
        _notes.reset(token)


def read_noted(file: Path) -> bytes:
    """A file's bytes. Readers read label files by this alone, or a manifest may be kept too long.

    Raises:
        OSError: the file cannot be read.
    """
    raw = file.read_bytes()
    notes = _notes.get()
    if notes is not None:
        notes[str(file.absolute())] = digest(raw)
    return raw


def digest(raw: bytes) -> str:
    """The sha256 of some bytes, in hex digits."""
    return hashlib.sha256(raw).hexdigest()
