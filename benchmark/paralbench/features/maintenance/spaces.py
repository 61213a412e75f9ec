"""What lies in a home: the spaces of features, the decoded audio, what was downloaded."""

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from paralbench.errors import StoreError
from paralbench.features.budget import BUDGETS_FOLDER
from paralbench.features.keys import content_of, encoder_key, space_description
from paralbench.features.precision import PRECISIONS
from paralbench.features.store import DESCRIPTION
from paralbench.storage.index import KEYS
from paralbench.storage.maintenance import known_keys
from paralbench.storage.shards import Shard, list_shards
from paralbench.storage.sorted_keys import ABSENT, SortedKeys
from paralbench.upstreams.base import SAMPLE_RATE

# What the runner remembers of encoders, by a digest of their cards; see runner/upstream.py.
ENCODERS = "encoders"

# Told how many bytes are done, of how many.
Progress = Callable[[int, int], None]

_NO_WEIGHTS = hashlib.sha256(b"").hexdigest()
_SPACE = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Part:
    """One folder of shards: of a space its means, moments, exclusions, or the frames of a layer."""

    name: str
    rows: int
    shards: int
    nbytes: int


@dataclass(frozen=True)
class Space:
    """A folder of features.

    Attributes:
        folder: named by the sha256 of the description.
        description: what made the features; None where it is missing or not this folder's.
        upstream: the id of the card that a run made them with, where that was remembered.
        parts: in the order means, moments, excluded, frames.
        nbytes: of all its files.
    """

    folder: Path
    description: Mapping[str, Any] | None
    upstream: str | None
    parts: tuple[Part, ...]
    nbytes: int

    @property
    def words(self) -> str:
        """What made it, for a person."""
        if self.description is None:
            return "no description that is its own"
        told = self.description
        words = [str(told.get("family", "an encoder"))]
        if told.get("variant") not in (None, "plain"):
            words.append(str(told["variant"]))
        words += [f"{name}={value}" for name, value in sorted(told.get("options", {}).items())]
        if told.get("weights") not in (None, _NO_WEIGHTS):
            words.append(f"weights {str(told['weights'])[:12]}")
        return ", ".join([*words, str(told.get("precision", "?"))])


@dataclass(frozen=True)
class Audio:
    """The decoded audio of a home."""

    utterances: int
    hours: float
    shards: int
    nbytes: int


@dataclass(frozen=True)
class Home:
    """Everything under a PARALBENCH_HOME.

    Attributes:
        folder: the home.
        spaces: of features, the largest first.
        audio: decoded.
        others: bytes of the other folders by name: downloads, weights, corpora ...
        free: bytes free on its disk.
    """

    folder: Path
    spaces: tuple[Space, ...]
    audio: Audio
    others: Mapping[str, int] = field(default_factory=dict)
    free: int = 0

    @property
    def nbytes(self) -> int:
        """Bytes of all of it."""
        features = sum(space.nbytes for space in self.spaces)
        return features + self.audio.nbytes + sum(self.others.values())


def survey(home: Path) -> Home:
    """Look at a home, which need not exist.

    Raises:
        StoreError: a folder in it cannot be read.
    """
    there = next(parent for parent in (home, *home.parents) if parent.exists())
    status = os.statvfs(there)
    spaces = [look_at(folder) for folder in space_folders(home / "features")]
    names = remembered_upstreams(home / "features")
    named = [replace(space, upstream=names.get(space.folder.name)) for space in spaces]
    others = {
        path.name: bytes_of(path)
        for path in (sorted(home.iterdir()) if home.is_dir() else ())
        if path.is_dir() and path.name not in ("features", "audio")
    }
    return Home(
        home,
        tuple(sorted(named, key=lambda space: -space.nbytes)),
        _audio(home / "audio"),
        others,
        status.f_bavail * status.f_frsize,
    )


def space_folders(features: Path) -> list[Path]:
    """The folders of spaces, by name.

    Raises:
        StoreError: the folder cannot be read.
    """
    try:
        found = sorted(features.iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StoreError(f"{features}: cannot read the folder: {error.strerror}.") from error
    return [path for path in found if _SPACE.fullmatch(path.name) and path.is_dir()]


def part_folders(space: Path) -> list[Path]:
    """The folders of shards of a space: means, moments, excluded, and each layer's frames."""
    frames = sorted((space / "frames").glob("layer-*"))
    named = [space / name for name in ("means", "moments", "excluded")]
    return [folder for folder in (*named, *frames) if folder.is_dir()]


def text_folders(space: Path) -> list[Path]:
    """Where a space keeps its batch plans, and how large batches are on which device."""
    return [space / "plans", space / BUDGETS_FOLDER]


def look_at(folder: Path) -> Space:
    """A space as it lies on the disk; which card made it is not looked up."""
    parts = []
    for part in part_folders(folder):
        shards = list_shards(part)
        size = sum(_size(path) for path in shards)
        name = part.relative_to(folder).as_posix()
        parts.append(Part(name, len(known_keys(part)), len(shards), size))
    return Space(folder, read_description(folder), None, tuple(parts), bytes_of(folder))


def read_description(folder: Path) -> dict[str, Any] | None:
    """The description of a space; None where there is none, or one that is not its own."""
    try:
        return content_of((folder / DESCRIPTION).read_bytes(), folder.name)
    except OSError:
        return None


def remembered_upstreams(features: Path) -> dict[str, str]:
    """The ids of the cards that spaces were made with, by the spaces' keys, where remembered."""
    found: dict[str, str] = {}
    for path in sorted((features / ENCODERS).glob("*.json")):
        try:
            facts = json.loads(path.read_bytes())
            description, id = facts["description"], facts["upstream"]
            for precision in PRECISIONS:
                key = encoder_key(space_description(description, precision=precision))
                found.setdefault(key, str(id))
        except (OSError, ValueError, KeyError, TypeError, StoreError):
            continue  # of an older version, or no longer readable: then it has no name
    return found


def shard_bytes(folders: Iterable[Path]) -> int:
    """The bytes of all shards in some folders."""
    return sum(_size(path) for folder in folders for path in list_shards(folder))


def adding_up(total: int, progress: Progress | None) -> Callable[[int], None]:
    """Turn the sizes of what is done one by one into progress."""
    done = 0

    def add(size: int) -> None:
        nonlocal done
        done += size
        if progress is not None:
            progress(done, total)

    return add


def bytes_of(path: Path) -> int:
    """The bytes of a file, or of all files under a folder; what vanishes meanwhile counts 0."""
    if not path.is_dir():
        return _size(path)
    inside = (Path(parent) / name for parent, _, names in os.walk(path) for name in names)
    return sum(map(_size, inside))


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except FileNotFoundError:
        return 0


def _audio(folder: Path) -> Audio:
    shards, known, samples = list_shards(folder / "pcm"), SortedKeys(), 0
    for path in shards:
        try:
            arrays = Shard.open(path).arrays
            keys, lengths = arrays[KEYS], arrays["length"]
        except (StoreError, KeyError):
            continue  # `store scrub` says more
        before = len(known)
        fresh = known.find(keys) == ABSENT
        known.add(keys, np.arange(len(keys)))
        if len(known) - before == len(keys):
            samples += int(lengths.sum())
        else:
            _, first = np.unique(keys[fresh], axis=0, return_index=True)
            samples += int(lengths[fresh][first].sum())
    return Audio(len(known), samples / SAMPLE_RATE / 3600, len(shards), bytes_of(folder))
