"""Finding an upstream's weights: a user's folder, the caches, a hub, an address, a package mirror.

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
from collections.abc import Callable, Mapping
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
    UrlWeights,
)
from paralbench.cards.upstream import Weights as Source
from paralbench.errors import FetchError, MissingExtraError, StoreError, WeightsError
from paralbench.upstreams.by_hand import VARIABLE, by_hand
from paralbench.upstreams.fingerprint import files_sha256
from paralbench.upstreams.found import Found, look_into, look_into_own, pinned_by

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Weights:
    """Where an upstream's weights lie, and which they are.

    Attributes:
        folder: the folder for the family's ``load``; None for code without weights.
        sha256: over every file that matters, or over package and version, or over nothing.
        where: the source in a few words, for ``show`` and the manifest of a run.
        size: bytes of the files that matter.
        files: these files, in the folder.
    """

    folder: Path | None
    sha256: str
    where: str
    size: int = 0
    files: tuple[Path, ...] = ()


def resolve(
    card: UpstreamCard,
    *,
    fetch: bool = True,
    home: Path | None = None,
    roots: Mapping[str, Path] | None = None,
    tell: Callable[[str], None] = lambda _line: None,
) -> Weights:
    """Find, or fetch, the weights of an upstream.

    Args:
        card: the upstream's card.
        fetch: whether hubs, addresses and package indices may be asked.
        home: where fetched weights are kept; by default the weights' home.
        roots: folders of the user's own, by upstream id.
        tell: called with a line of text when something slow begins.

    Raises:
        WeightsError: no source could be had; the message says why for each, and what to do.
        MissingExtraError: the upstream is an optional package that is not installed.
    """
    return _resolve(card, fetch, home, roots or {}, tell, check=True)


def look(
    card: UpstreamCard, *, home: Path | None = None, roots: Mapping[str, Path] | None = None
) -> str:
    """Where an upstream's weights are on this machine, without reading or fetching them.

    Raises:
        WeightsError: they are not here.
        MissingExtraError: the upstream is an optional package that is not installed.
    """
    return _resolve(card, False, home, roots or {}, lambda _line: None, check=False).where


def _resolve(
    card: UpstreamCard,
    fetch: bool,
    home: Path | None,
    roots: Mapping[str, Path],
    tell: Callable[[str], None],
    *,
    check: bool,
) -> Weights:
    home = home or paths.weights_home()
    own = _own_folder(card.id, roots)
    if own is not None:
        return _weights(look_into_own(card, own, home, check=check), home, check)
    reasons = []
    for source in card.weights:
        try:
            found = _from_source(card, source, fetch, home, tell)
            weights = found if isinstance(found, Weights) else _weights(found, home, check)
        except (WeightsError, FetchError, StoreError) as error:
            reasons.append(f"  {source.source}: {str(error).rstrip('.')}.")
        else:
            if reasons:
                _log.warning(
                    "%s: taken from %s, because%s", card.id, weights.where, "".join(reasons)
                )
            return weights
    lines = [f"the weights of {card.id!r} cannot be had here:", *reasons, *by_hand(card)]
    raise WeightsError("\n".join(lines))


def _from_source(
    card: UpstreamCard, source: Source, fetch: bool, home: Path, tell: Callable[[str], None]
) -> Found | Weights:
    match source:
        case NoWeights():
            return Weights(None, hashlib.sha256(b"").hexdigest(), "no weights")
        case InstalledWeights():
            return _installed(card, source)
        case FolderWeights():
            folder = card.folder / Path(source.path).expanduser()
            return look_into(folder, f"folder {folder}", card.weights)
        case HubWeights():
            from paralbench.upstreams.hub import find_on_hub

            folder = find_on_hub(source, fetch=fetch)
            where = f"hub {source.repository}@{folder.name}"
        case UrlWeights():
            from paralbench.upstreams.web_weights import find_at_address

            folder = find_at_address(source, card.id, fetch=fetch, home=home, tell=tell)
            where = source.url
        case PackageWeights():
            from paralbench.upstreams.mirror import find_in_packages

            folder = find_in_packages(source, card.id, fetch=fetch, home=home, tell=tell)
            where = f"package {', '.join(file.package for file in source.files)}"
    found = look_into(folder, where, [source])
    return Found(folder, where, found.files, pinned_by(source, folder))


def _weights(found: Found, home: Path, check: bool) -> Weights:
    if check:
        found.check(home)
    sha256 = files_sha256(found.files, home) if check else ""
    size = sum(file.stat().st_size for file in found.files)
    return Weights(found.folder, sha256, found.where, size, found.files)


def _own_folder(id: str, roots: Mapping[str, Path]) -> Path | None:
    """The folder that the user gave for an id."""
    if id in roots:
        return Path(roots[id]).expanduser()
    given = os.environ.get(VARIABLE)
    folder = Path(given).expanduser() / id if given else None
    return folder if folder is not None and folder.is_dir() else None


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
