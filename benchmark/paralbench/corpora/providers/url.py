"""Files from an address."""

import shutil
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from paralbench.cards.corpus import UrlSource
from paralbench.corpora.providers.archives import is_archive, unpack
from paralbench.storage.downloads import Downloads
from paralbench.storage.web import download


def provide(
    source: UrlSource, into: Path, downloads: Downloads, tell: Callable[[str], None]
) -> str:
    """Download every file; archives are unpacked, other files copied as they are.

    Raises:
        FetchError: see :func:`paralbench.storage.web.download`; or an archive is damaged or not
            safe to unpack.
    """
    for one in source.files:
        name = PurePosixPath(unquote(urlsplit(one.url).path)).name or "download"
        file = download(one.url, one.sha256, downloads, tell)
        tell(f"unpacking {name}")
        if is_archive(name):
            unpack(file, name, into, "" if source.folder == "." else source.folder)
        else:
            shutil.copyfile(file, into / name)
    return source.folder
