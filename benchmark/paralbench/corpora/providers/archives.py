"""Unpacking archives with path checks: what would leave the folder is refused, by name."""

import io
import lzma
import posixpath
import shutil
import stat
import subprocess
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from paralbench.errors import FetchError

_TAR = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2")
_BROKEN = (tarfile.ReadError, zipfile.BadZipFile, EOFError, zlib.error, lzma.LZMAError)


def is_archive(name: str) -> bool:
    """Whether a file of this name is unpacked."""
    return name.lower().endswith((*_TAR, ".zip", ".deb"))


def unpack(archive: Path, name: str, into: Path, below: str = "") -> int:
    """Unpack an archive.

    Args:
        archive: the file.
        name: its name, whose suffix tells the format.
        into: the folder to fill.
        below: unpack only members in this folder of the archive, under their full paths.

    Returns:
        How many files were written.

    Raises:
        FetchError: the archive is damaged, or a member is absolute, has ``..``, links out of the
            folder, or is a device.
    """
    try:
        if name.lower().endswith(".zip"):
            return _unzip(archive, name, into, below)
        if name.lower().endswith(".deb"):
            with deb_data(archive, name) as data, tarfile.open(fileobj=data, mode="r|*") as tar:
                return _untar(tar, name, into, below)
        with tarfile.open(archive) as tar:
            return _untar(tar, name, into, below)
    except _BROKEN as error:
        raise FetchError(f"{name} is damaged: {error}.") from None


def _wanted(path: str, name: str, below: str) -> PurePosixPath | None:
    """A member's place, checked; None where it lies outside of the part that is wanted."""
    place = PurePosixPath(path)
    drive = path[1:2] == ":"
    if place.is_absolute() or ".." in place.parts or "\\" in path or drive:
        raise FetchError(f"{name} holds {path!r}, which leaves its folder: refused.")
    inside = PurePosixPath(below) in (place, *place.parents) if below else True
    return place if inside and place.parts else None


def _untar(tar: tarfile.TarFile, name: str, into: Path, below: str) -> int:
    # Only files are written, here and not by tarfile, whose filters older Pythons lack. No link is
    # ever made, so nothing can be written through one.
    count, links = 0, {}
    for member in tar:
        place = _wanted(member.name, name, below)
        if place is None:
            continue
        if member.issym() or member.islnk():
            links[into / place] = into / _target(member, place, name)
        elif member.isfile():
            _write(tar.extractfile(member), into / place)
            count += 1
        elif not member.isdir():
            raise FetchError(f"{name} holds {member.name!r}, a device: refused.")
    _copy_links(links)
    return count


def _target(member: tarfile.TarInfo, place: PurePosixPath, name: str) -> PurePosixPath:
    """What a link points to, below the folder that is filled."""
    start = place.parent if member.issym() else PurePosixPath()
    target = posixpath.normpath(start / member.linkname)
    if posixpath.isabs(target) or target.partition("/")[0] == ".." or "\\" in target:
        raise FetchError(f"{name} holds {member.name!r}, a link out of its folder: refused.")
    return PurePosixPath(target)


def _copy_links(links: dict[Path, Path]) -> None:
    """What links point to, in their place, also by way of other links; others are left out."""
    while ready := [link for link, target in links.items() if target.is_file()]:
        for link in ready:
            with links.pop(link).open("rb") as source:
                _write(source, link)


def _write(source: IO[bytes] | None, target: Path) -> None:
    assert source is not None  # it is a file's
    target.parent.mkdir(parents=True, exist_ok=True)
    with source, target.open("wb") as sink:
        shutil.copyfileobj(source, sink)


def _unzip(archive: Path, name: str, into: Path, below: str) -> int:
    count = 0
    with zipfile.ZipFile(archive) as bundle:
        for member in bundle.infolist():
            place = _wanted(member.filename, name, below)
            if place is None:
                continue
            kind = stat.S_IFMT(member.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise FetchError(f"{name} holds {member.filename!r}, a link or device: refused.")
            if member.flag_bits & 1:
                raise FetchError(f"{name} is encrypted.")
            target = into / place
            if member.is_dir():
                target.mkdir(parents=True, exist_ok=True)
                continue
            _write(bundle.open(member), target)
            count += 1
    return count


@contextmanager
def deb_data(package: Path, name: str) -> Iterator[IO[bytes]]:
    """The files of a Debian package as a tar stream, compressed or not.

    The ``ar`` container is read here; only zstd, which Python does not read, needs ``dpkg-deb``.

    Raises:
        FetchError: the file is no Debian package, or needs ``dpkg-deb`` and there is none.
    """
    with package.open("rb") as stream:
        for member, size in _members(stream):
            if member in ("data.tar", "data.tar.gz", "data.tar.xz", "data.tar.bz2"):
                yield io.BufferedReader(_Part(stream, size))
                return
            if member == "data.tar.zst":
                with _dpkg_data(package, name) as data:
                    yield data
                return
    raise FetchError(f"{name} is damaged: not a whole Debian package.")


def _members(stream: IO[bytes]) -> Iterator[tuple[str, int]]:
    """Name and size of the members of an ``ar`` archive, the stream standing at each one's data."""
    if stream.read(8) != b"!<arch>\n":
        return
    while len(header := stream.read(60)) == 60 and header[48:58].strip().isdigit():
        size, begin = int(header[48:58]), stream.tell()
        yield header[:16].decode("ascii", "replace").strip().rstrip("/"), size
        stream.seek(begin + size + size % 2)


class _Part(io.RawIOBase):
    """A part of a stream, from where it stands."""

    def __init__(self, stream: IO[bytes], size: int):
        self._stream, self._left = stream, size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        data = self._stream.read(min(len(buffer), self._left))
        self._left -= len(data)
        buffer[: len(data)] = data
        return len(data)


@contextmanager
def _dpkg_data(package: Path, name: str) -> Iterator[IO[bytes]]:
    tool = shutil.which("dpkg-deb")
    if tool is None:
        raise FetchError(f"{name} is compressed with zstd; unpacking it needs dpkg-deb.")
    with subprocess.Popen([tool, "--fsys-tarfile", str(package)], stdout=subprocess.PIPE) as made:
        assert made.stdout is not None
        yield made.stdout
