"""Distributions of a package index as data: downloaded by pip, pinned by hash, never imported.

A wheel is a zip file and an sdist a tar file; :func:`open_member` reads one file out of either.
Nothing of a wheel is run: pip only copies it. An sdist is another matter (pip asks its build
backend for metadata), so one is fetched only where the caller says so.
"""

import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Literal

from paralbench.errors import FetchError

_CHUNK = 1 << 20
_HOURS = 6 * 3600


def download_package(
    package: str, sha256: str, into: Path, *, kind: Literal["wheel", "sdist"] = "wheel"
) -> Path:
    """Download one distribution, unless it is there already.

    Args:
        package: name and version, such as ``"Resemblyzer==0.1.4"``.
        sha256: of the distribution's file; any other file is refused.
        into: the folder of downloads; the file lies in its subfolder named by the checksum.
        kind: ``wheel`` runs no code of the package; ``sdist`` lets pip ask it for metadata.

    Returns:
        The file.

    Raises:
        FetchError: pip cannot get it, or what it got has another checksum.
    """
    folder = into / sha256
    present = _verified(folder, sha256)
    if present is not None:
        return present
    try:
        into.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=into, prefix=".pip-") as temporary:
            work = Path(temporary)
            _run_pip(package, sha256, work, folder, kind)
            got = _verified(work / "files", sha256)
            if got is None:
                raise FetchError(
                    f"{package}: pip downloaded no file with sha256 {sha256}, so nothing was kept."
                )
            return _move(got, folder)
    except OSError as error:
        raise FetchError(f"{into}: cannot be written: {error.strerror or error}.") from None


@contextmanager
def open_member(archive: Path, member: str) -> Iterator[IO[bytes]]:
    """Read one file inside a wheel (zip) or an sdist (tar), without unpacking anything.

    Raises:
        FetchError: the archive is damaged or has no such file.
    """
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as zipped, zipped.open(_known(zipped, member)) as file:
                yield file
        else:
            with tarfile.open(archive) as tarred:
                file = tarred.extractfile(member) if member in tarred.getnames() else None
                if file is None:
                    raise _no_such(archive, member)
                yield file
    except (zipfile.BadZipFile, zlib.error, tarfile.TarError, EOFError) as error:
        raise FetchError(f"{archive}: a damaged archive ({error}); delete it and retry.") from None


def _known(zipped: zipfile.ZipFile, member: str) -> str:
    if member not in zipped.namelist():
        raise _no_such(zipped.filename, member)
    return member


def _no_such(archive: Path | str | None, member: str) -> FetchError:
    return FetchError(f"{archive}: holds no file {member!r}.")


def sha256_of(path: Path) -> str:
    """The sha256 of a file's content, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _verified(folder: Path, sha256: str) -> Path | None:
    """The file in a folder that has this checksum."""
    if not folder.is_dir():
        return None
    files = (file for file in sorted(folder.iterdir()) if file.is_file())
    return next((file for file in files if sha256_of(file) == sha256), None)


def _move(file: Path, folder: Path) -> Path:
    """Put a verified file in place; another process may have done the same meanwhile."""
    folder.mkdir(exist_ok=True)
    return Path(shutil.move(file, folder / file.name))


def _run_pip(package: str, sha256: str, work: Path, folder: Path, kind: str) -> None:
    requirement = work / "requirement.txt"
    requirement.write_text(f"{package} --hash=sha256:{sha256}\n", encoding="utf-8")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--require-hashes"]
    command += ["--no-input", "--disable-pip-version-check", "--progress-bar", "off"]
    command += ["--timeout", "30", "--retries", "2"]
    command += ["--only-binary" if kind == "wheel" else "--no-binary", ":all:"]
    command += ["--dest", str(work / "files"), "--requirement", str(requirement)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_HOURS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FetchError(f"{package}: pip could not be run: {error}.") from None
    if done.returncode != 0:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        faults = [line for line in lines if line.startswith("ERROR")] or lines[-1:] or ["no output"]
        raise FetchError(
            f"{package}: pip cannot download it: {faults[-1]} Check that this machine reaches a "
            f"package index, or put the file with sha256 {sha256} into {folder}."
        )
