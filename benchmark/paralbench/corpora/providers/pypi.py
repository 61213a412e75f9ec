"""Members of a source distribution on the package index, brought by pip."""

import os
import re
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from paralbench.cards.corpus import PypiSource
from paralbench.corpora.providers.archives import is_archive, unpack
from paralbench.corpora.providers.downloads import Downloads
from paralbench.errors import FetchError

_TIMEOUT = 1800  # seconds


def provide(
    source: PypiSource, into: Path, downloads: Downloads, tell: Callable[[str], None]
) -> str:
    """Download the distribution and lay out its members; inner archives are unpacked.

    Returns:
        The one folder that an inner archive holds, where it holds nothing else; else ``.``.

    Raises:
        FetchError: pip fails, or brings another file than the card pins; a member is not there.
    """
    archive = download(source, downloads, tell)
    with downloads.lock(source.sha256), downloads.scratch(source.sha256) as scratch:
        for member in source.members:
            tell(f"unpacking {member} of {source.package}")
            inner = _member(archive, source, member, scratch)
            if inner.is_file() and is_archive(inner.name):
                unpack(inner, inner.name, into)
            else:
                target = into / member
                target.parent.mkdir(parents=True, exist_ok=True)
                inner.rename(target)
    content = sorted(path.name for path in into.iterdir())
    return content[0] if len(content) == 1 and (into / content[0]).is_dir() else "."


def download(source: PypiSource, downloads: Downloads, tell: Callable[[str], None]) -> Path:
    """The distribution, from the downloads or from the index that pip is set up for.

    pip asks a source distribution for its metadata, which runs code of it. So pip is given the
    checksum too: it refuses another file before anything of it runs.

    Raises:
        FetchError: see :func:`provide`.
    """
    with downloads.lock(source.sha256):
        kept = downloads.get(source.sha256)
        if kept is not None:
            return kept
        tell(f"downloading {source.package} from the package index")
        with downloads.scratch(source.sha256) as scratch:
            wanted = scratch / "requirements.txt"
            wanted.write_text(f"{source.package} --hash=sha256:{source.sha256}\n", encoding="utf-8")
            _pip(source, wanted, scratch / "got")
            found = list((scratch / "got").iterdir())
            if len(found) != 1:
                raise FetchError(f"pip download {source.package} left {len(found)} files, not one.")
            return downloads.keep(found[0], source.sha256, source.package)


def _pip(source: PypiSource, wanted: Path, into: Path) -> None:
    name = re.split(r"[=<>!~\[; ]", source.package, maxsplit=1)[0]
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", name]
    command += ["--require-hashes", "--requirement", str(wanted), "--dest", str(into)]
    command += ["--quiet", "--no-input", "--disable-pip-version-check", "--progress-bar", "off"]
    into.mkdir()
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT,
            check=False,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        )
    except subprocess.TimeoutExpired:
        raise FetchError(
            f"pip download {source.package} was given up after {_TIMEOUT} s."
        ) from None
    if done.returncode == 0:
        return
    said = (done.stderr or done.stdout).strip()
    if "No module named pip" in said:
        raise FetchError(f"this Python has no pip: {sys.executable} -m ensurepip adds it.")
    other = re.search(r"Got\s+([0-9a-f]{64})", said)
    if other is not None:
        raise FetchError(
            f"{source.package} is not what the card pins: sha256 {other[1]}, expected "
            f"{source.sha256}. pip refused it; nothing of it was kept or run."
        )
    errors = [line for line in said.splitlines() if line.startswith("ERROR")] or said.splitlines()
    raise FetchError(f"pip download {source.package} failed: {' '.join(errors[:3]) or 'no word'}")


def _member(archive: Path, source: PypiSource, member: str, scratch: Path) -> Path:
    """Unpack a member (a file or a folder) of the distribution, below its one top folder."""
    with tarfile.open(archive) as tar:
        first = tar.next()
    top = PurePosixPath(first.name).parts[0] if first else ""
    unpack(archive, f"{source.package}.tar.gz", scratch, f"{top}/{member}")
    found = scratch / top / member
    if not found.exists():
        raise FetchError(f"{source.package} holds no {member}.")
    return found
