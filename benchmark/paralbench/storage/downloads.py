"""Files as they were downloaded, kept by checksum, safe between processes."""

import contextlib
import hashlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from paralbench.errors import FetchError

try:
    import fcntl
except ImportError:  # Windows: no lock, so two processes may do the same work twice
    fcntl = None


@contextlib.contextmanager
def locked(file: Path, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold an exclusive lock on a file; another process, or thread, waits here.

    The lock goes with the process, however that ends.

    Args:
        file: made where it does not exist, and never removed.
        waiting: called once if another process holds the lock.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as stream:
        if fcntl is not None:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waiting()
                fcntl.flock(stream, fcntl.LOCK_EX)
        yield


class Downloads:
    """A folder of downloads, each called by its sha256.

    Beside ``SHA`` there may be ``SHA.part`` (begun), ``SHA.wrong`` (what came under that name with
    another checksum), ``SHA.tmp`` (a tool is at work) and ``SHA.lock``.
    """

    def __init__(self, folder: Path):
        self.folder = folder

    def lock(self, sha256: str) -> contextlib.AbstractContextManager[None]:
        """Hold this while getting or downloading a file."""
        return locked(self.folder / f"{sha256}.lock")

    def get(self, sha256: str) -> Path | None:
        """The file with this checksum, which is computed anew; None where there is none.

        One that was put there by hand may lie under its own name in a folder ``SHA``.
        """
        file = self.folder / sha256
        if file.is_dir():
            inside = (one for one in sorted(file.iterdir()) if one.is_file())
            return next((one for one in inside if sha256_of(one) == sha256), None)
        if not file.is_file():
            return None
        if sha256_of(file) == sha256:
            return file
        file.replace(file.with_suffix(".wrong"))  # damaged since it came
        return None

    def part(self, sha256: str) -> Path:
        """Where a download that can be continued grows."""
        return self.folder / f"{sha256}.part"

    def keep(self, file: Path, sha256: str, what: str) -> Path:
        """Take a finished download, if it is the right one.

        Raises:
            FetchError: its checksum is another one; the file is kept aside as ``SHA.wrong``.
        """
        found = sha256_of(file)
        if found != sha256:
            aside = self.folder / f"{sha256}.wrong"
            file.replace(aside)
            raise FetchError(
                f"{what} is not what the card pins: sha256 {found}, expected {sha256}. It was "
                f"kept aside as {aside}; nothing of it is used."
            )
        kept = self.folder / sha256
        if kept.is_dir():  # put there by hand, and what it holds is another file
            kept /= "download"
        file.replace(kept)
        return kept

    @contextlib.contextmanager
    def scratch(self, sha256: str) -> Iterator[Path]:
        """An empty folder on the same file system, removed afterwards; hold the lock of the file.

        What a process that died left there goes first.
        """
        folder = self.folder / f"{sha256}.tmp"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def sha256_of(file: Path) -> str:
    """The sha256 of a file's content, as 64 hexadecimal digits."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
