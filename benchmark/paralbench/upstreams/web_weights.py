"""A file of weights from an address, kept in a folder of its own."""

import hashlib
import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path

from paralbench import paths
from paralbench.cards.upstream import UrlWeights
from paralbench.errors import WeightsError
from paralbench.storage.atomic import explain
from paralbench.storage.downloads import Downloads, sha256_of
from paralbench.storage.web import download
from paralbench.storage.whole_folder import whole_folder
from paralbench.upstreams.found import name_of

SCHEMES = ("https",)

_log = logging.getLogger(__name__)


def find_at_address(
    source: UrlWeights, id: str, *, fetch: bool, home: Path, tell: Callable[[str], None]
) -> Path:
    """The folder that holds the file, under the last part of its address.

    Args:
        source: address and checksum.
        id: the upstream's id.
        fetch: whether the address may be asked.
        home: the weights' home.
        tell: called with a line of text now and then.

    Raises:
        WeightsError: not here and fetching is off.
        FetchError: it cannot be downloaded, or has another checksum.
        StoreError: the disk is full, or the home cannot be written.
    """
    facts = json.dumps([source.url, source.sha256])
    folder = home / id / hashlib.sha256(facts.encode()).hexdigest()[:16]
    if (folder / name_of(source)).is_file():
        return folder
    if not fetch:
        raise WeightsError(f"{source.url} not fetched yet, and fetching is off")
    downloads = Downloads(paths.downloads_home())
    try:
        with downloads.lock(folder.name):  # another process would take the download away
            if not (folder / name_of(source)).is_file():
                _fetch(source, downloads, folder, tell)
    except OSError as error:
        raise explain(downloads.folder, error) from None
    return folder


def _fetch(
    source: UrlWeights, downloads: Downloads, folder: Path, tell: Callable[[str], None]
) -> None:
    file = download(source.url, source.sha256, downloads, tell, schemes=SCHEMES)
    if source.sha256 is None:
        _log.warning("%s: the card states no sha256; it is %s", source.url, sha256_of(file))
    with whole_folder(folder) as (made, _):
        shutil.move(file, made / name_of(source))
