"""Checking everything that a home computed against the checksums it was written with."""

from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from paralbench.features.maintenance.spaces import (
    Progress,
    adding_up,
    part_folders,
    read_description,
    shard_bytes,
    space_folders,
    text_folders,
)
from paralbench.features.store import DESCRIPTION
from paralbench.features.travelling import is_as_named
from paralbench.storage.atomic import clean_leftovers
from paralbench.storage.downloads import sha256_of
from paralbench.storage.maintenance import Damage, scrub, set_aside

__all__ = ["Findings", "scrub_home"]


@dataclass
class Findings:
    """What is in a home, and what of it is damaged.

    Attributes:
        shards, nbytes: what was read of features and decoded audio.
        damaged: and set aside as ``*.damaged``, unless only looked for.
        unverified: files that carry no checksum.
        leftovers: temporary files of writers that died; removed, unless only looked for.
    """

    shards: int = 0
    nbytes: int = 0
    damaged: list[Damage] = field(default_factory=list)
    unverified: list[Path] = field(default_factory=list)
    leftovers: list[Path] = field(default_factory=list)

    @property
    def lost(self) -> int:
        """Rows that were only in damaged shards, as far as these still name them."""
        return sum(len(one.lost) for one in self.damaged)


def scrub_home(home: Path, *, dry_run: bool = False, progress: Progress | None = None) -> Findings:
    """Read every shard of features and decoded audio whole, every plan and every list of files.

    Rows of damaged shards count as missing from then on, and the next run computes them anew.

    Args:
        home: a PARALBENCH_HOME.
        dry_run: change nothing.
        progress: told the bytes that were read, and those that are to be read.

    Raises:
        StoreError: something cannot be read or renamed.
    """
    found = Findings()
    spaces = space_folders(home / "features")
    folders = [part for space in spaces for part in part_folders(space)]
    folders.append(home / "audio" / "pcm")
    read = adding_up(shard_bytes(folders), progress)
    for folder in folders:
        one = scrub(folder, dry_run=dry_run, read=read)
        found.shards, found.nbytes = found.shards + one.shards, found.nbytes + one.nbytes
        found.damaged += one.damaged
        found.unverified += one.unverified
        found.leftovers += one.leftovers
    for space in spaces:
        _check_texts(space, found, dry_run)
    _check_lists(home / "audio" / "files", found, dry_run)
    for folder in (home / "features" / "encoders", *spaces, *chain(*map(text_folders, spaces))):
        found.leftovers += clean_leftovers(folder, remove=not dry_run)
    return found


def _check_texts(space: Path, found: Findings, dry_run: bool) -> None:
    """The description and the plans, named by their content, and the budgets, by the device."""
    wrong = []
    if (space / DESCRIPTION).exists() and read_description(space) is None:
        wrong.append(space / DESCRIPTION)
    for folder in text_folders(space):
        for path in sorted(folder.glob("*.json")):
            if not is_as_named(f"{folder.name}/{path.name}", path.read_bytes()):
                wrong.append(path)
    _damaged(wrong, "not what the name says", found, dry_run)


def _check_lists(files: Path, found: Findings, dry_run: bool) -> None:
    """What is known of the audio files, in parts that are named by their checksum."""
    parts = sorted(files.glob("*/*.parquet"))
    wrong = [path for path in parts if not sha256_of(path).startswith(path.stem)]
    _damaged(wrong, "the content's sha256 is not what the name says", found, dry_run)
    for folder in sorted(files.glob("*/")):
        found.leftovers += clean_leftovers(folder, remove=not dry_run)


def _damaged(paths: list[Path], why: str, found: Findings, dry_run: bool) -> None:
    for path in paths:
        found.damaged.append(Damage(path, why))
        if not dry_run:
            set_aside(path)
