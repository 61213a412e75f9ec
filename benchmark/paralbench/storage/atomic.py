"""Writing files so that a reader, a crash or a full disk never meets half of one.

A file is written under a temporary name in its own folder, flushed to the disk and renamed. The
writer holds a lock on the temporary file; the kernel drops it when the process dies, however it
dies. So an unlocked temporary file is a dead writer's, on this machine and on others that share
the folder.
"""

import errno
import fcntl
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from paralbench.errors import StoreError

PREFIX = ".unfinished-"

# Where locks are not supported (some network file systems), only age tells a dead writer.
_ABANDONED_AFTER_SECONDS = 24 * 3600.0
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}


class PendingFile:
    """A file under its temporary name; :meth:`commit` gives it its own."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._path, self._descriptor = _create(folder)
        self._committed = False

    def write(self, data: bytes | memoryview) -> None:
        """Append bytes (a memoryview of single bytes)."""
        view = memoryview(data)
        while view.nbytes:
            view = view[os.write(self._descriptor, view) :]

    def commit(self, name: str) -> Path:
        """Flush to the disk and rename to ``name``, replacing a file of that name."""
        os.fsync(self._descriptor)
        target = self.folder / name
        os.replace(self._path, target)
        self._committed = True
        _flush_folder(self.folder)
        return target

    def close(self) -> None:
        """Remove what was not committed."""
        if not self._committed:
            self._path.unlink(missing_ok=True)
        os.close(self._descriptor)


@contextmanager
def pending_file(folder: Path) -> Iterator[PendingFile]:
    """A new file in ``folder``, which is created; without a commit it leaves no trace.

    Raises:
        StoreError: the disk is full, the folder cannot be written, or another system error.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = PendingFile(folder)
        try:
            yield file
        finally:
            file.close()
    except OSError as error:
        raise explain(folder, error) from error


def write_file(folder: Path, name: str, data: bytes | memoryview) -> Path:
    """Write a whole file atomically, replacing one of that name.

    Raises:
        StoreError: see :func:`pending_file`.
    """
    with pending_file(folder) as file:
        file.write(data)
        return file.commit(name)


def clean_leftovers(folder: Path, *, remove: bool = True) -> list[Path]:
    """Remove the temporary files of writers that died; those of living writers stay.

    Args:
        folder: where they are looked for.
        remove: False only lists them.

    Returns:
        What was removed. A folder that is missing or read-only is left as it is.
    """
    removed = []
    for path in sorted(folder.glob(f"{PREFIX}*")):
        # A file may vanish meanwhile, and in a read-only folder nothing can be removed.
        with suppress(OSError):
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            try:
                if is_abandoned(descriptor):
                    if remove:
                        path.unlink()
                    removed.append(path)
            finally:
                os.close(descriptor)
    return removed


def explain(folder: Path, error: OSError) -> StoreError:
    """The error as a user can act on it, naming the folder."""
    if error.errno in _FULL:
        return StoreError(
            f"{folder}: cannot write, the disk or quota is full ({_free(folder)} free: "
            f"{error.strerror}). What was written before is kept. Free some space, or take a "
            "folder on a larger disk (PARALBENCH_HOME for the store, --out for a run), and run "
            "again."
        )
    if error.errno in _DENIED:
        return StoreError(
            f"{folder}: cannot write here ({error.strerror}). Make the folder writable, or take "
            "one that is (PARALBENCH_HOME for the store, --out for a run)."
        )
    return StoreError(f"{folder}: {error}")


def is_abandoned(descriptor: int) -> bool:
    """Whether the writer that held the lock of an open file is dead; then the lock is ours."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return time.time() - os.fstat(descriptor).st_mtime > _ABANDONED_AFTER_SECONDS
    return True


def _create(folder: Path) -> tuple[Path, int]:
    """A new locked file. A cleaner may win the race for the lock and remove it: then another."""
    while True:
        path = folder / f"{PREFIX}{uuid.uuid4().hex}"
        flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC
        descriptor = os.open(path, flags, 0o666)
        # Without lock support the file is protected by its age alone.
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return path, descriptor
        os.close(descriptor)


def _flush_folder(folder: Path) -> None:
    """Make the new name itself durable, where the file system can."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _free(folder: Path) -> str:
    try:
        return f"{shutil.disk_usage(folder).free / 2**20:.1f} MiB"
    except OSError:
        return "unknown space"
