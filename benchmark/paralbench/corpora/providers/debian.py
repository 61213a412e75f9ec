"""Debian packages, downloaded by apt and unpacked without being installed; no root needed."""

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from paralbench.cards.corpus import DebianPackage, DebianSource
from paralbench.corpora.providers.archives import unpack
from paralbench.errors import FetchError
from paralbench.storage.downloads import Downloads, locked

_TIMEOUT = 1800  # seconds


def provide(
    source: DebianSource, into: Path, downloads: Downloads, tell: Callable[[str], None]
) -> str:
    """Download the packages and unpack their part of the source's folder.

    Raises:
        FetchError: there is no apt, it does not have the version, or brings another file.
    """
    for package in source.packages:
        file = download(package, downloads, tell)
        tell(f"unpacking {package.package}")
        if unpack(file, f"{package.package}.deb", into, source.folder) == 0:
            raise FetchError(f"{package.package} holds nothing in {source.folder}.")
    return source.folder


def download(package: DebianPackage, downloads: Downloads, tell: Callable[[str], None]) -> Path:
    """The package's file, from the downloads or from the archive that apt is set up for.

    apt's package lists may be missing, as they are in a fresh container, or be out of date. Then
    they are read anew into a folder of ours: the machine's own lists are left alone, and no root
    is needed.

    Raises:
        FetchError: see :func:`provide`; the message says what was tried.
    """
    with downloads.lock(package.sha256):
        kept = downloads.get(package.sha256)
        if kept is not None:
            return kept
        if shutil.which("apt-get") is None:
            raise FetchError(
                f"{package.package} {package.version} is a Debian package and there is no apt-get "
                "on this machine."
            )
        wanted = f"{package.package}={package.version}"
        tell(f"downloading {wanted} with apt-get")
        with downloads.scratch(package.sha256) as scratch:
            _download(package, wanted, scratch, downloads.folder / "apt", tell)
            found = list(scratch.glob("*.deb"))
            if len(found) != 1:
                raise FetchError(f"apt-get download {wanted} left {len(found)} packages, not one.")
            return downloads.keep(found[0], package.sha256, f"{wanted} from apt")


def _download(
    package: DebianPackage, wanted: str, into: Path, own: Path, tell: Callable[[str], None]
) -> None:
    """Try with the machine's package lists, then with ours, then with ours read anew."""
    said = _apt_get(["download", wanted], into)
    if not said:
        return
    options = ["-o", f"Dir::State::lists={own / 'lists'}", "-o", f"Dir::Cache={own / 'cache'}"]
    with locked(own / ".lock"):
        if _has_lists(own) and not _apt_get([*options, "download", wanted], into):
            return
        tell("reading Debian's package lists into a folder of our own")
        for folder in ("lists/partial", "cache/archives/partial"):
            (own / folder).mkdir(parents=True, exist_ok=True)
        said_then = _apt_get([*options, "update"], own)
        if _has_lists(own):
            said_then = _apt_get([*options, "download", wanted], into)
            if not said_then:
                return
        raise FetchError(_explain(wanted, said, said_then, _offered(package, options)))


def _has_lists(own: Path) -> bool:
    return any((own / "lists").glob("*_Packages*"))


def _apt_get(arguments: Sequence[str], folder: Path) -> str:
    """Run apt-get in a folder; returns what it said if it failed, else nothing.

    Its warnings are no failure: run as root in a folder that its user ``_apt`` cannot enter, it
    says so and goes on.
    """
    options = ["-q", "-o", "Acquire::Retries=2", "-o", "Acquire::http::Timeout=30"]
    try:
        done = subprocess.run(
            ["apt-get", *options, *arguments],
            cwd=folder,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT,
            check=False,
            env={**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode == 0:
        return ""
    lines = [line for line in done.stderr.splitlines() if line.startswith(("E:", "Err:"))]
    return " ".join(lines) or f"exit code {done.returncode}"


def _offered(package: DebianPackage, lists: Sequence[str]) -> str:
    """The versions that apt knows of the package."""
    tool = shutil.which("apt-cache")
    if tool is None:
        return ""
    done = subprocess.run(
        [tool, *lists, "madison", package.package],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        env={**os.environ, "LC_ALL": "C"},
    )
    versions = [line.split("|")[1].strip() for line in done.stdout.splitlines() if "|" in line]
    return ", ".join(dict.fromkeys(versions))


def _explain(wanted: str, first: str, second: str, offered: str) -> str:
    there = f"apt here offers {offered}" if offered else "apt here does not know the package"
    return (
        f"apt-get download {wanted} failed ({first}); with package lists read anew ({second}); "
        f"{there}."
    )
