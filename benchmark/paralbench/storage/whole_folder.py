"""Folders that appear by one rename: whole if they are there.

As of files (see :mod:`~paralbench.storage.atomic`), a writer holds a lock beside what it makes, so
that no clock has to tell whether it lives.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from paralbench.storage.atomic import PREFIX, explain, is_abandoned
from paralbench.storage.downloads import locked

_LOCK = "lock"
# Of what has no lock file yet, or was begun by an older version.
_ABANDONED_AFTER_SECONDS = 24 * 3600.0


@contextmanager
def whole_folder(folder: Path) -> Iterator[tuple[Path, Path]]:
    """Fill a folder beside its place; it gets its name at the end, or leaves no trace.

    Args:
        folder: the place. Where another process was first, its folder stays.

    Yields:
        The folder to fill, and one for scratch on the same file system.

    Raises:
        StoreError: the disk is full, the place cannot be written, or another system error.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _clean(folder.parent)
        with (
            tempfile.TemporaryDirectory(dir=folder.parent, prefix=PREFIX) as temporary,
            locked(Path(temporary) / _LOCK),
        ):
            made, scratch = Path(temporary) / "made", Path(temporary) / "scratch"
            made.mkdir()
            scratch.mkdir()
            yield made, scratch
            _appear(made, folder)
    except OSError as error:
        raise explain(folder, error) from error


def _clean(folder: Path) -> None:
    """Remove what killed processes left."""
    for left in folder.glob(f"{PREFIX}*"):
        with suppress(FileNotFoundError):
            if _is_left(left):
                shutil.rmtree(left, ignore_errors=True)


def _is_left(folder: Path) -> bool:
    try:
        descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return time.time() - folder.stat().st_mtime > _ABANDONED_AFTER_SECONDS
    try:
        return is_abandoned(descriptor)
    finally:
        os.close(descriptor)


def _appear(made: Path, folder: Path) -> None:
    """Flush the files and give the folder its name; another process may have been first."""
    for file in made.iterdir():
        with file.open("rb") as opened:
            os.fsync(opened.fileno())
    try:
        made.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise
