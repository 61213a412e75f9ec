"""Taking in what was computed on other machines.

Spaces meet by their keys, which are the sha256 of what made them, and rows by the sha256 of their
audio. So a row that is in both is the same row, up to rounding, and the one that is here stays.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from paralbench.errors import StoreError
from paralbench.features.maintenance.spaces import (
    Progress,
    adding_up,
    part_folders,
    read_description,
    shard_bytes,
    space_folders,
    text_folders,
)
from paralbench.features.store import FeatureStore
from paralbench.features.travelling import is_as_named
from paralbench.storage.atomic import write_file
from paralbench.storage.maintenance import Damage, copy_checked, known_keys, take_rows
from paralbench.storage.shards import DamagedShardError


@dataclass
class Merged:
    """What was taken from one source.

    Attributes:
        source: its folder.
        spaces: how many it has.
        rows: taken, by the name of the part: means, moments, excluded, frames, audio.
        nbytes: of these, about.
        known: rows that were here already.
        damaged: files whose content is not what their name says; nothing of them was taken.
        refused: spaces that were passed over, with the reason.
    """

    source: Path
    spaces: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    nbytes: int = 0
    known: int = 0
    damaged: list[Damage] = field(default_factory=list)
    refused: dict[Path, str] = field(default_factory=dict)


def merge_store(
    source: Path,
    home: Path,
    *,
    audio: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Merged:
    """Take the features that another store has and this home lacks.

    Every shard of the source is checked against its checksum; nothing in the source is changed.
    Doing it again takes nothing, so it can be interrupted and repeated.

    Args:
        source: another PARALBENCH_HOME, or its ``features`` folder.
        home: the PARALBENCH_HOME that takes.
        audio: take decoded audio too, and what is known of the files it came from. Without it a
            run here decodes its corpora again, and finds the features by the audio's content.
        dry_run: only count.
        progress: told the bytes that were read of the source, and those that are to be read.

    Raises:
        StoreError: the source is no store or this one itself, or nothing can be written.
    """
    features, other_audio = _parts_of(source)
    target = home / "features"
    if features.resolve() == target.resolve():
        raise StoreError(f"{source}: is the store itself; name the folder of another one.")
    done = Merged(source)
    spaces = space_folders(features)
    pcm = [other_audio / "pcm"] if audio and other_audio is not None else []
    parts = [part for space in spaces for part in part_folders(space)]
    read = adding_up(shard_bytes([*parts, *pcm]), progress)
    for space in spaces:
        description = read_description(space)
        if description is None:
            done.refused[space] = "it has no description.json that is its own"
            continue
        done.spaces += 1
        mine = FeatureStore(target).space(description)  # refuses a folder that was tampered with
        if not dry_run:
            mine.write_description()
        _take_space(space, mine.folder, done, dry_run, read)
    if audio and other_audio is not None:
        _take("audio", other_audio / "pcm", home / "audio" / "pcm", done, dry_run, read)
        for path in sorted((other_audio / "files").glob("*/*.parquet")):
            _take_file(path, home / "audio" / "files" / path.parent.name, done, dry_run)
    return done


def _parts_of(source: Path) -> tuple[Path, Path | None]:
    """The features and the decoded audio of a source.

    Raises:
        StoreError: it has no features.
    """
    for features, audio in ((source / "features", source / "audio"), (source, None)):
        if space_folders(features):
            return features, audio
    raise StoreError(
        f"{source}: no features here. Name a PARALBENCH_HOME (a folder with `features` in it), or "
        "a `features` folder, whose folders are called by 64 hexadecimal digits."
    )


def _take_space(
    space: Path, mine: Path, done: Merged, dry_run: bool, read: Callable[[int], None]
) -> None:
    for part in part_folders(space):
        name = part.relative_to(space).as_posix()
        # An utterance has features in a space or is excluded from it: what is here already holds.
        instead = mine / ("means" if name == "excluded" else "excluded")
        _take(name, part, mine / name, done, dry_run, read, instead)
    for folder in text_folders(space):
        for path in sorted(folder.glob("*.json")):
            _take_text(path, mine / folder.name, done, dry_run)


def _take(
    name: str,
    source: Path,
    folder: Path,
    done: Merged,
    dry_run: bool,
    read: Callable[[int], None],
    instead: Path | None = None,
) -> None:
    without = None if instead is None else known_keys(instead)
    taken = take_rows(source, folder, without=without, dry_run=dry_run, read=read)
    kind = name.partition("/")[0]
    done.rows[kind] = done.rows.get(kind, 0) + taken.rows
    done.nbytes += taken.nbytes
    done.known += taken.known
    done.damaged += taken.damaged


def _take_text(path: Path, folder: Path, done: Merged, dry_run: bool) -> None:
    """A batch plan, so that what is missing there is encoded here in the batches planned there.

    Or the size of a device's batches, so that such a device has the same ones here.
    """
    if (folder / path.name).exists():
        return
    data = path.read_bytes()
    if not is_as_named(f"{folder.name}/{path.name}", data):
        done.damaged.append(Damage(path, "not what the name says"))
    elif not dry_run:
        write_file(folder, path.name, data)


def _take_file(path: Path, folder: Path, done: Merged, dry_run: bool) -> None:
    if dry_run or (folder / path.name).exists():
        return
    try:
        copy_checked(path, folder)
    except DamagedShardError as error:
        done.damaged.append(Damage(path, str(error)))
