"""What was found in a folder: which of its files count, and whether they are the card's.

A card's source may name its files (a hub's ``files``, an address, members of packages). Where all
of them are there, they count and nothing else does; else a transformers folder's configuration
and tensors; else every plain file. Only what counts enters the checksum of the weights.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from paralbench.cards import UpstreamCard
from paralbench.cards.upstream import HubWeights, PackageWeights, UrlWeights, Weights
from paralbench.errors import WeightsError
from paralbench.upstreams import checkpoints
from paralbench.upstreams.fingerprint import file_sha256

_COMMIT = re.compile("[0-9a-f]{40}").fullmatch


@dataclass(frozen=True)
class Found:
    """A folder of weights.

    Attributes:
        folder: for the family's ``load``.
        where: the source in a few words.
        files: that count.
        pinned: the sha256 that the card states, by file.
    """

    folder: Path
    where: str
    files: tuple[Path, ...]
    pinned: Mapping[Path, str] = field(default_factory=dict)

    def check(self, home: Path) -> None:
        """Compare the files with the checksums that the card states.

        Raises:
            WeightsError: a file has another one; the message names both.
        """
        for file, stated in self.pinned.items():
            if (given := file_sha256(file, home)) != stated:
                raise WeightsError(
                    f"{file}: has sha256 {given}, the card says {stated}. Delete it and fetch it "
                    "again"
                )


def names_of(source: Weights) -> tuple[str, ...]:
    """The files that a source names, relative to the folder; none: a transformers folder."""
    match source:
        case HubWeights():
            return tuple(file.name for file in source.files)
        case UrlWeights():
            return (name_of(source),)
        case PackageWeights(layout="plain"):
            return tuple(PurePosixPath(file.member).name for file in source.files)
        case _:
            return ()


def name_of(source: UrlWeights) -> str:
    """The name under which a file from an address is kept: the address's last part."""
    name = PurePosixPath(unquote(urlsplit(source.url).path)).name
    return name if name.strip(".") else "weights"


def checkpoint_file(card: UpstreamCard, folder: Path, suffixes: tuple[str, ...]) -> Path:
    """The one file of a folder that holds a checkpoint: as a source of the card names it.

    Args:
        card: the upstream's.
        folder: where its weights lie; it may hold other models' checkpoints too.
        suffixes: of such files.

    Raises:
        WeightsError: none of that name is there, and not exactly one with such a suffix.
    """
    for name in (name for source in card.weights for name in names_of(source)):
        if name.endswith(suffixes) and (folder / name).is_file():
            return folder / name
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    found = [one for one in files if one.suffix in suffixes and one.is_file()]
    if len(found) != 1:
        some = f" ({', '.join(one.name for one in found[:5])})" if found else ""
        raise WeightsError(
            f"{folder}: {len(found)} {' or '.join(suffixes)} files{some}; exactly one is expected."
        )
    return found[0]


def pinned_by(source: Weights, folder: Path) -> dict[Path, str]:
    """The checksums that a source states for files of a folder."""
    match source:
        case HubWeights(files=()) if source.sha256 is not None:
            return dict.fromkeys(checkpoints.weight_files(folder), source.sha256)
        case HubWeights():
            return {folder / one.name: one.sha256 for one in source.files if one.sha256}
        case UrlWeights() if source.sha256 is not None:
            return {folder / name_of(source): source.sha256}
        case _:
            return {}


def look_into(folder: Path, where: str, sources: Iterable[Weights] = ()) -> Found:
    """The weights in a folder.

    Args:
        folder: the folder.
        where: it, or what it is of, in a few words.
        sources: of the card; a source whose files are all there says which count.

    Raises:
        WeightsError: there is no such folder, or no weights in it.
    """
    if not folder.is_dir():
        raise WeightsError(f"{folder}: no such folder of weights")
    for names in map(names_of, sources):
        if names and all((folder / name).is_file() for name in names):
            return Found(folder, where, tuple(folder / name for name in names))
    if (folder / checkpoints.CONFIG).is_file():
        return Found(folder, where, tuple(checkpoints.files_that_matter(folder)))
    files = tuple(file for file in sorted(folder.iterdir()) if _counts(file))
    if not files:
        raise WeightsError(f"{folder}: holds no weights")
    return Found(folder, where, files)


def look_into_own(card: UpstreamCard, folder: Path, home: Path, *, check: bool) -> Found:
    """The weights in a folder that the user gave for a card: they must be one of its sources'.

    Checksums that the card states must fit. Where it states none, and the folder tells its commit
    (a snapshot in a hub's cache, or a folder that the hub's client filled), that must be the
    card's.

    Args:
        card: the upstream's card.
        folder: the user's.
        home: where checksums are remembered.
        check: whether files are read for their checksums.

    Raises:
        WeightsError: no weights there, or others than the card's; the message names both.
    """
    found = look_into(folder, f"folder {folder}", card.weights)
    stated = [pinned_by(source, folder) for source in card.weights if _is_there(source, folder)]
    stated = [pins for pins in stated if pins]
    if stated and check:
        differing = [_first_other(pins, home) for pins in stated]
        if None not in differing:
            raise WeightsError(f"{differing[0]}. {_OTHER}")
    commits = [one.revision for one in card.weights if isinstance(one, HubWeights)]
    given = commit_of(folder)
    if given and not stated and commits and None not in commits and given not in commits:
        raise WeightsError(f"{folder}: is of commit {given}, the card says {commits[0]}. {_OTHER}")
    return found


_OTHER = "Give the card's weights, or write a card of its own for these"


def commit_of(folder: Path) -> str | None:
    """The commit that a folder tells: a hub's snapshot, or what the hub's client wrote there."""
    real = folder.resolve()
    if real.parent.name == "snapshots" and _COMMIT(real.name):
        return real.name
    notes = folder / ".cache" / "huggingface" / "download"
    lines = {_first_line(note) for note in notes.glob("*.metadata")}
    return lines.pop() if len(lines) == 1 and all(map(_COMMIT, lines)) else None


def _first_line(file: Path) -> str:
    try:
        with file.open(encoding="utf-8", errors="replace") as stream:
            return stream.readline(64).strip()
    except OSError:
        return ""


def _is_there(source: Weights, folder: Path) -> bool:
    """Whether the folder holds the files that the source would bring."""
    if names := names_of(source):
        return all((folder / name).is_file() for name in names)
    return isinstance(source, HubWeights) and (folder / checkpoints.CONFIG).is_file()


def _first_other(pins: Mapping[Path, str], home: Path) -> str | None:
    """What differs from the card's checksums; None where nothing does."""
    for file, stated in pins.items():
        if (given := file_sha256(file, home)) != stated:
            return f"{file}: has sha256 {given}, the card says {stated}"
    return None


def _counts(file: Path) -> bool:
    return file.is_file() and not file.name.startswith(".") and file.suffix != ".md"
