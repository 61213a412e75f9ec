"""Looking after one folder of shards: checksums, and taking in the rows of another folder.

It is safe while other processes read and write the folder, and at any kill.
"""

import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from paralbench.errors import StoreError
from paralbench.storage.atomic import clean_leftovers, explain, pending_file
from paralbench.storage.index import KEYS
from paralbench.storage.rows import join_rows, layout_of
from paralbench.storage.shards import (
    DamagedShardError,
    Header,
    Shard,
    list_shards,
    read_array,
    write_shard,
)
from paralbench.storage.sorted_keys import ABSENT, SortedKeys, hex_keys

DAMAGED = ".damaged"

_CHECKED_NAME = re.compile(r"[0-9a-f]{32}")
_PIECE = 4 * 2**20


@dataclass(frozen=True)
class Damage:
    """A shard whose content is not what was written.

    Attributes:
        path: the shard, under the name it had.
        why: in a few words.
        lost: its keys that no whole shard of the folder holds, as far as it can still be read.
    """

    path: Path
    why: str
    lost: tuple[str, ...] = ()


@dataclass
class Scrubbed:
    """What :func:`scrub` found.

    Attributes:
        shards, nbytes: what was read.
        damaged: and set aside, unless only looked for.
        unverified: shards without a checksum in their name, which nothing can be said of.
        leftovers: temporary files of writers that died.
    """

    shards: int = 0
    nbytes: int = 0
    damaged: list[Damage] = field(default_factory=list)
    unverified: list[Path] = field(default_factory=list)
    leftovers: list[Path] = field(default_factory=list)


@dataclass
class Taken:
    """What :func:`take_rows` took.

    Attributes:
        rows, nbytes: that are new here.
        known: rows that were here already, or are not wanted.
        damaged: shards of the source whose checksum is wrong; nothing of them was taken.
    """

    rows: int = 0
    nbytes: int = 0
    known: int = 0
    damaged: list[Damage] = field(default_factory=list)


def scrub(
    folder: Path, *, dry_run: bool = False, read: Callable[[int], None] = lambda _size: None
) -> Scrubbed:
    """Read every shard whole and compare it with the checksum in its name.

    Args:
        folder: of one store.
        dry_run: rename and remove nothing.
        read: told the bytes of each shard when it was read.

    Raises:
        StoreError: the folder cannot be read, or a damaged shard cannot be renamed.
    """
    found, whole = Scrubbed(), SortedKeys()
    wrong: list[tuple[Path, str]] = []
    for path in list_shards(folder):
        with suppress(FileNotFoundError):  # another process was first
            size = path.stat().st_size
            why = fault(path)
            found.shards, found.nbytes = found.shards + 1, found.nbytes + size
            read(size)
            if why is not None:
                wrong.append((path, why))
                continue
            if not _CHECKED_NAME.fullmatch(path.stem):
                found.unverified.append(path)
            _add_keys(whole, path)
    for path, why in wrong:
        found.damaged.append(Damage(path, why, _lost(path, whole)))
        if not dry_run:
            set_aside(path)
    found.leftovers = clean_leftovers(folder, remove=not dry_run)
    return found


def fault(path: Path) -> str | None:
    """What is wrong with a shard; None if nothing is, as far as its name tells.

    Raises:
        FileNotFoundError: it is gone.
        StoreError: the system refuses to open it.
    """
    try:
        shard = Shard.open(path)
        if _CHECKED_NAME.fullmatch(path.stem):
            shard.verify()
    except DamagedShardError as error:
        return str(error).removeprefix(f"{path}: ")
    except StoreError:
        if not path.exists():
            raise FileNotFoundError(path) from None
        raise
    except FileNotFoundError:
        raise
    except OSError as error:  # the disk cannot give it back
        return f"cannot be read: {error.strerror}"
    return None


def set_aside(path: Path) -> None:
    """Rename a damaged shard, so that no store reads it.

    Raises:
        StoreError: it cannot be renamed.
    """
    try:
        path.rename(path.with_name(path.name + DAMAGED))
    except FileNotFoundError:
        return  # another process was first
    except OSError as error:
        raise explain(path.parent, error) from error


def read_keys(path: Path) -> tuple[np.ndarray, Header] | None:
    """The keys of a shard; None if it is damaged, gone, or has none."""
    try:
        keys, header = read_array(path, KEYS)
    except DamagedShardError:
        return None
    except StoreError:
        if path.exists():
            raise
        return None
    return None if keys is None else (keys, header)


def known_keys(folder: Path) -> SortedKeys:
    """The keys of a folder's shards, each once, without those of damaged shards."""
    known = SortedKeys()
    for path in list_shards(folder):
        _add_keys(known, path)
    return known


def take_rows(
    source: Path,
    folder: Path,
    *,
    without: SortedKeys | None = None,
    dry_run: bool = False,
    read: Callable[[int], None] = lambda _size: None,
) -> Taken:
    """Copy the rows of another folder of shards that are missing in this one.

    What is taken from a shard is taken after the whole of it was read and is as it was written.

    Args:
        source: is only read.
        folder: created if there is anything to take.
        without: keys that are not wanted here.
        dry_run: only count.
        read: told the bytes of each shard of the source when it was read.

    Raises:
        StoreError: the source holds other arrays than this folder, or nothing can be written.
    """
    taken, known = Taken(), known_keys(folder)
    layout = next((layout_of(header) for _, header in _headers(folder)), None)
    for path in list_shards(source):
        with suppress(FileNotFoundError):  # it was made part of a larger one; do it again then
            size = path.stat().st_size
            found = read_keys(path)
            if found is None:
                taken.damaged.append(Damage(path, fault(path) or "no shard of a store"))
                continue
            keys, header = found
            layout = layout or layout_of(header)
            if layout_of(header) != layout:
                raise StoreError(
                    f"{path}: holds {layout_of(header)}, but {folder} holds {layout}. Nothing of "
                    "this shard was taken."
                )
            fresh = known.find(keys) == ABSENT
            if without is not None:
                fresh &= without.find(keys) == ABSENT
            rows = np.flatnonzero(fresh)
            why = _take(path, rows, len(rows) == len(keys), folder, dry_run) if len(rows) else None
            read(size)
            if why is not None:
                taken.damaged.append(Damage(path, why))
                continue
            before = len(known)
            known.add(keys[rows], rows)
            taken.rows += len(known) - before
            taken.known += len(keys) - len(rows)
            taken.nbytes += round(size * len(rows) / max(1, len(keys)))
    return taken


def copy_checked(path: Path, folder: Path) -> None:
    """Copy a file that is named by its sha256 (its first 32 digits), whole or not at all.

    Raises:
        DamagedShardError: the content is not what the name says; nothing is left in the folder.
        StoreError: nothing can be written.
    """
    digest = hashlib.sha256()
    with pending_file(folder) as file, path.open("rb") as stream:
        while piece := stream.read(_PIECE):
            digest.update(piece)
            file.write(piece)
        if not digest.hexdigest().startswith(path.stem):
            raise DamagedShardError(f"{path}: the content's sha256 is not what the name says.")
        file.commit(path.name)


def _take(path: Path, rows: np.ndarray, whole: bool, folder: Path, dry_run: bool) -> str | None:
    """Write rows of a shard to another folder, or say what is wrong with it."""
    if whole and not dry_run and _CHECKED_NAME.fullmatch(path.stem):
        try:
            copy_checked(path, folder)
        except DamagedShardError as error:
            return str(error).removeprefix(f"{path}: ")
        return None
    why = fault(path)
    if why is None and not dry_run:
        shard = Shard.open(path)
        write_shard(folder, join_rows([(shard, rows)]), shard.metadata)
    return why


def _headers(folder: Path) -> Iterator[tuple[Path, Header]]:
    for path in list_shards(folder):
        read = read_keys(path)
        if read is not None:
            yield path, read[1]


def _add_keys(known: SortedKeys, path: Path) -> None:
    read = read_keys(path)
    if read is not None:
        known.add(read[0], np.arange(len(read[0])))


def _lost(path: Path, whole: SortedKeys) -> tuple[str, ...]:
    read = read_keys(path)
    if read is None:
        return ()
    return tuple(hex_keys(read[0][whole.find(read[0]) == ABSENT]))
