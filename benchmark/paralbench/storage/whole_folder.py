"""Folders that appear by one rename: whole if they are there."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from paralbench.storage.atomic import explain

_PREFIX = ".unfinished-"
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
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=_PREFIX) as temporary:
            made, scratch = Path(temporary) / "made", Path(temporary) / "scratch"
            made.mkdir()
            scratch.mkdir()
            yield made, scratch
            _appear(made, folder)
    except OSError as error:
        raise explain(folder, error) from error


def _clean(folder: Path) -> None:
    """Remove what killed processes left; a living one needs minutes, not a day."""
    for left in folder.glob(f"{_PREFIX}*"):
        if time.time() - left.stat().st_mtime > _ABANDONED_AFTER_SECONDS:
            shutil.rmtree(left, ignore_errors=True)


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
