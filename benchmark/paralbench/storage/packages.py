"""Distributions of a package index as data: downloaded by pip, pinned by hash, never imported.

A wheel is a zip file and an sdist a tar file; :func:`open_member` reads one file out of either.
Nothing of a wheel is run: pip only copies it. An sdist is another matter (pip asks its build
backend for metadata), so one is fetched only where the caller says so.
"""

import os
import re
import subprocess
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Literal

from paralbench.errors import FetchError
from paralbench.storage.downloads import Downloads

_HOURS = 6 * 3600


def download_package(
    package: str,
    sha256: str,
    downloads: Downloads,
    *,
    kind: Literal["wheel", "sdist"] = "wheel",
    tell: Callable[[str], None] = lambda _line: None,
) -> Path:
    """Download one distribution, unless it is there already.

    Args:
        package: name and version, such as ``"Resemblyzer==0.1.4"``.
        sha256: of the distribution's file; any other file is refused by pip, before anything of
            it runs.
        downloads: where it is kept.
        kind: ``wheel`` runs no code of the package; ``sdist`` lets pip ask it for metadata.
        tell: called with a line of text when something slow begins.

    Returns:
        The file.

    Raises:
        FetchError: pip cannot get it, or what it got has another checksum.
    """
    try:
        with downloads.lock(sha256):
            kept = downloads.get(sha256)
            if kept is not None:
                return kept
            tell(f"downloading {package} from the package index")
            with downloads.scratch(sha256) as scratch:
                requirement = scratch / "requirement.txt"
                requirement.write_text(f"{package} --hash=sha256:{sha256}\n", encoding="utf-8")
                _run_pip(package, sha256, requirement, scratch / "got", downloads, kind)
                found = list((scratch / "got").iterdir())
                if len(found) != 1:
                    raise FetchError(f"{package}: pip brought {len(found)} files, not one.")
                return downloads.keep(found[0], sha256, package)
    except OSError as error:
        folder = downloads.folder
        raise FetchError(f"{folder}: cannot be written: {error.strerror or error}.") from None


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


def _run_pip(
    package: str, sha256: str, requirement: Path, into: Path, downloads: Downloads, kind: str
) -> None:
    name = re.split(r"[=<>!~\[; ]", package, maxsplit=1)[0]
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--require-hashes"]
    command += ["--quiet", "--no-input", "--disable-pip-version-check", "--progress-bar", "off"]
    command += ["--timeout", "30", "--retries", "2"]
    # A source distribution's build backend may itself be a wheel.
    command += ["--only-binary", ":all:"] if kind == "wheel" else ["--no-binary", name]
    command += ["--dest", str(into), "--requirement", str(requirement)]
    into.mkdir()
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_HOURS,
            check=False,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FetchError(f"{package}: pip could not be run: {error}.") from None
    if done.returncode == 0:
        return
    said = (done.stderr or done.stdout).strip()
    if "No module named pip" in said:
        raise FetchError(f"this Python has no pip: {sys.executable} -m ensurepip adds it.")
    other = re.search(r"Got\s+([0-9a-f]{64})", said)
    if other is not None:
        raise FetchError(
            f"{package} is not what the card pins: sha256 {other[1]}, expected {sha256}. pip "
            "refused it; nothing of it was kept or run."
        )
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    faults = [line for line in lines if line.startswith("ERROR")] or lines[-1:] or ["no word."]
    raise FetchError(
        f"{package}: pip cannot download it: {faults[-1]} Check that this machine reaches a "
        f"package index, or put the file with sha256 {sha256} into {downloads.folder / sha256}."
    )
