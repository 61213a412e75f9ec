"""The files of a home at an address: an object store, a server or a folder, through fsspec.

Only files that never change travel, each under one name for ever. So what is there already is not
sent again and what is here is not fetched again, and either can be interrupted and repeated. What
an address holds is data: its names are checked before they become paths, its files before they
are taken.
"""

import hashlib
import re
import sys
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from paralbench.errors import ParalbenchError, StoreError
from paralbench.storage.atomic import PREFIX, pending_file
from paralbench.storage.shards import DamagedShardError

EXAMPLES = "s3://BUCKET/FOLDER, gs://BUCKET/FOLDER, sftp://HOST/FOLDER, file:///FOLDER"

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://.*", re.DOTALL)
_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")
_PIECE = 4 * 2**20
_DEEPEST = 6  # folders of a home; links there may lead in a circle
_THREADS = 8
# Their files appear whole or not at all, and a move would be a second copy.
_WHOLE = {"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "oci", "oss", "memory"}
# Drivers raise what their own libraries raise, beside errors of the system.
_RAISED = {
    "aiohttp": ("ClientError",),
    "azure.core.exceptions": ("AzureError",),
    "botocore.exceptions": ("BotoCoreError", "ClientError"),
    "ftplib": ("Error",),
    "gcsfs.retry": ("HttpError",),
    "google.auth.exceptions": ("GoogleAuthError",),
    "paramiko.ssh_exception": ("SSHException",),
    "smbprotocol.exceptions": ("SMBException",),
}

Item = TypeVar("Item")
Made = TypeVar("Made")


class Remote:
    """Files at an address, by their path below it, as ``audio/pcm/ABC.safetensors``.

    It travels to another process as its address and is opened there. Who may read and write is
    settled by the driver's own settings: its files and variables in the environment.

    Args:
        address: as fsspec opens it; see :data:`EXAMPLES`.

    Raises:
        ParalbenchError: it is no address, or nothing can open such a one.
        StoreError: it cannot be reached.
    """

    def __init__(self, address: str):
        self._given = address
        self.address = _without_password(address.rstrip("/"))
        if not _ADDRESS.fullmatch(address):
            raise ParalbenchError(f"{address!r} is no address; give one as {EXAMPLES}.")
        protocol = address.partition("://")[0]
        with self._explained("cannot be opened"):
            self._fs, self._root = _open(address, protocol, self.address)
        self._whole = protocol in _WHOLE
        several = self._whole or protocol == "file" or bool(self._fs.async_impl)
        self._threads = _THREADS if several else 1  # other drivers hold one connection

    def __reduce__(self):
        return Remote, (self._given,)

    def __str__(self) -> str:
        return self.address

    def reconnected(self) -> "Remote":
        """The same after a long time without a word, in which a connection may have been closed.

        Raises:
            StoreError: it cannot be reached.
        """
        return Remote(self._given) if self._threads == 1 else self

    def look(self) -> None:
        """See that the address answers; it may be empty.

        Raises:
            StoreError: it does not.
        """
        self._entries("")

    def sizes(self, folder: str, *, below: bool = False) -> dict[str, int]:
        """The files of a folder and their bytes, by name, sorted; none if there is no such folder.

        Names that could not be ours (hidden, unfinished, with characters of their own) are left
        out.

        Args:
            folder: its name; empty for all.
            below: also those of folders in it.

        Raises:
            StoreError: the address cannot be read.
        """
        found: dict[str, int] = {}
        for name, entry in self._entries(folder):
            if entry["type"] == "directory":
                if below and name.count("/") < _DEEPEST:
                    found.update(self.sizes(name, below=True))
            else:
                found[name] = int(entry.get("size") or 0)
        return dict(sorted(found.items()))

    def send(
        self, files: Mapping[str, Path], sent: Callable[[int], None] = lambda _size: None
    ) -> list[str]:
        """Send files that are not there yet, or not whole.

        Args:
            files: by name.
            sent: told the bytes of each when it is there.

        Returns:
            The names that were sent.

        Raises:
            StoreError: a file cannot be read here, or not be written there. Others may have been
                sent.
        """
        there: dict[str, int] = {}
        for folder in sorted({_checked(name).rpartition("/")[0] for name in files}):
            there.update(self.sizes(folder))
        lacking = []
        for name, path in sorted(files.items()):
            size = _size(path)
            if there.get(name) != size:
                lacking.append((name, path, size))
        self.each(lambda one: self._send(*one[:2]), lacking, lambda one: sent(one[2]))
        return [name for name, _, _ in lacking]

    def fetch(self, name: str, target: Path, sha256: str) -> int:
        """Fetch a file, whole and as it was written, or not at all.

        Args:
            name: of the file.
            target: its place here; what lies there is replaced.
            sha256: of its content, in hex digits; the first of them are enough.

        Returns:
            its bytes.

        Raises:
            DamagedShardError: its content is another; nothing is left here.
            StoreError: it cannot be read there, or not be written here.
        """
        digest, size = hashlib.sha256(), 0
        with pending_file(target.parent) as file:
            for piece in self._pieces(name):
                digest.update(piece)
                size += len(piece)
                file.write(piece)
            if not digest.hexdigest().startswith(sha256):
                raise DamagedShardError(
                    f"{self.address}/{name}: the content's sha256 is {digest.hexdigest()}, not "
                    f"{sha256}. It was not taken; remove it there, so that it is sent again."
                )
            file.commit(target.name)
        return size

    def read(self, name: str, start: int = 0, size: int | None = None) -> bytes:
        """The content of a file, or a part of it; fewer bytes where the file ends before.

        Raises:
            StoreError: it cannot be read.
        """
        end = None if size is None else start + size
        with self._explained(f"cannot read {name}"):
            return self._fs.cat_file(self._path(name), start=start, end=end)

    def each(
        self,
        do: Callable[[Item], Made],
        items: Iterable[Item],
        done: Callable[[Item], None] = lambda _item: None,
    ) -> list[Made]:
        """Do something with each of some items in a few threads; what came of it, in order.

        After an error no other is begun.

        Args:
            do: called in one of the threads.
            items: given to it.
            done: told of each item in its turn, in the thread of the caller.
        """
        items, found = list(items), []
        pool = ThreadPoolExecutor(self._threads)
        try:
            for item, made in zip(items, pool.map(do, items), strict=True):
                done(item)
                found.append(made)
        finally:
            pool.shutdown(cancel_futures=True)
        return found

    def _entries(self, folder: str) -> list[tuple[str, dict[str, Any]]]:
        """What lies in a folder: names and what the driver says of them."""
        path = self._path(folder) if folder else self._root
        with self._explained("cannot be listed"):
            self._fs.invalidate_cache()  # others write here too
            try:
                listed: list[dict[str, Any]] = self._fs.ls(path, detail=True)
            except FileNotFoundError:
                return []
        found = []
        for entry in listed:
            last = str(entry["name"]).rstrip("/").rpartition("/")[2]
            if _PART.fullmatch(last):
                found.append((f"{folder}/{last}" if folder else last, entry))
        return found

    def _send(self, name: str, path: Path) -> None:
        target = self._path(name)
        with self._explained(f"cannot write {name}"):
            if self._whole:
                self._fs.put_file(str(path), target)
                return
            folder = target.rpartition("/")[0]
            self._fs.makedirs(folder, exist_ok=True)
            pending = f"{folder}/{PREFIX}{uuid.uuid4().hex}"
            try:
                self._fs.put_file(str(path), pending)
                self._fs.mv(pending, target)
            except _errors():
                with suppress(*_errors()):
                    self._fs.rm_file(pending)
                raise

    def _pieces(self, name: str) -> Iterator[bytes]:
        with (
            self._explained(f"cannot read {name}"),
            self._fs.open(self._path(name), "rb") as stream,
        ):
            while piece := stream.read(_PIECE):
                yield piece

    def _path(self, name: str) -> str:
        return f"{self._root.rstrip('/')}/{_checked(name)}"

    @contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        """Turn a driver's error into one that a user can act on."""
        try:
            yield
        except _errors() as error:
            said = str(error).strip() or type(error).__name__
            raise StoreError(
                f"{self.address}: {what}: {said.rstrip('.')}. Look at the address, the network, "
                "and what its driver takes from the environment (keys, rights). Then give the same "
                "command again: what was computed is kept on this machine's disk, and what arrived "
                "does not travel twice."
            ) from error


def is_name(name: str) -> bool:
    """Whether a name is a path below a home: no way up, nothing hidden, plain characters."""
    return all(map(_PART.fullmatch, name.split("/")))


def _checked(name: str) -> str:
    if not is_name(name):
        raise StoreError(f"{name!r}: no file of a store has such a name; it is not taken.")
    return name


def _open(address: str, protocol: str, shown: str) -> tuple[Any, str]:
    """The driver, and the path that it knows the address by."""
    from fsspec import available_protocols
    from fsspec.core import url_to_fs

    if protocol not in available_protocols():
        raise ParalbenchError(
            f"{shown}: {protocol!r} is no kind of address that fsspec opens; give one as "
            f"{EXAMPLES}."
        )
    try:
        return url_to_fs(address, skip_instance_cache=True)
    except ImportError as error:
        lacking = getattr(error.__cause__, "name", None) or error.name
        package = f" pip install {lacking.partition('.')[0]}" if lacking else f" {error}"
        raise ParalbenchError(
            f"{shown}: what opens {protocol}:// is not installed. On every machine that uses this "
            f"address:{package}"
        ) from error


def _errors() -> tuple[type[Exception], ...]:
    """What drivers raise, as far as their libraries are loaded."""
    # NotImplementedError: what a driver cannot do, as writing over http.
    found: list[type[Exception]] = [OSError, EOFError, NotImplementedError, ValueError]
    for module, names in _RAISED.items():
        if loaded := sys.modules.get(module):
            found += [kind for name in names if (kind := getattr(loaded, name, None))]
    return tuple(found)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise StoreError(f"{path}: cannot be sent: {error.strerror}.") from error


def _without_password(address: str) -> str:
    return re.sub(r"(://[^/@:]*):[^/@]*@", r"\1:***@", address)
