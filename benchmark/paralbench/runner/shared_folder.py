"""Folders that several machines share: whether they are one, and files that are seen late.

Network file systems show what another machine wrote late, up to a minute in their usual settings.
"""

import time
import uuid
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from paralbench.errors import StoreError
from paralbench.storage.atomic import explain

PATIENCE = 90.0  # seconds until a file is seen by all who share its folder

_IDENTITY = ".identity"
_AGAIN = 0.5  # seconds


def identity(folder: Path) -> tuple[Path, str]:
    """A file in a folder by which other machines tell that theirs is the same; made once.

    Raises:
        StoreError: nothing can be written there.
    """
    file = folder / _IDENTITY
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError), file.open("x") as new:
            new.write(uuid.uuid4().hex)
        return file, file.read_text()
    except OSError as error:
        raise explain(folder, error) from error


def await_content(file: Path, content: str, patience: float) -> bool:
    """Whether a small file is seen with this content, before so many seconds are over."""
    until = time.monotonic() + patience
    while True:
        with suppress(OSError):
            if file.read_text() == content:
                return True
        if time.monotonic() >= until:
            return False
        time.sleep(_AGAIN)


def await_files(folder: Path, names: Iterable[str], patience: float) -> None:
    """Wait until files that another machine wrote are seen here.

    Raises:
        StoreError: they are not seen after so many seconds.
    """
    wanted = list(names)
    until = time.monotonic() + patience
    while True:
        # Reading the folder makes the system look anew; asking for a file may not.
        there = {path.name for path in folder.glob("*")}
        lacking = [name for name in wanted if name not in there]
        if not lacking:
            return
        if time.monotonic() >= until:
            raise StoreError(
                f"{folder}: {lacking[0]}, which another machine wrote {patience:.0f} s ago, is not "
                "seen here. All machines need one PARALBENCH_HOME and one --out."
            )
        time.sleep(_AGAIN)
