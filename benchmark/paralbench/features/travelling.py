"""Which files of a home travel to other machines, by name, and how each is checked on arrival.

A name is the path below PARALBENCH_HOME, here and at an address. What made a file is in its name,
so that none is taken that is not what it says it is.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from paralbench.errors import StoreError
from paralbench.features.budget import BUDGETS_FOLDER, budget_in
from paralbench.features.keys import content_of
from paralbench.features.store import DESCRIPTION
from paralbench.storage.atomic import clean_leftovers, write_file
from paralbench.storage.remote import Remote, is_name
from paralbench.storage.shards import DamagedShardError

WEIGHTS = "weights/by-sha256"  # in it a folder for each that a run sent
SPACE = r"features/(?P<space>[0-9a-f]{64})"
# Named by the first digits of their sha256.
_SHARD = r"(?P<sha256>[0-9a-f]{32})\.safetensors"
_PART = rf"{SPACE}/(?P<part>means|moments|excluded|frames/layer-[0-9]+-float(16|32))"
_SUMMED = re.compile(
    rf"({_PART}|audio/pcm)/{_SHARD}|audio/files/[0-9a-f]{{16}}/(?P<list>[0-9a-f]{{32}})\.parquet"
)
_TEXT = re.compile(
    rf"{SPACE}/({re.escape(DESCRIPTION)}|plans/[0-9a-f]{{64}}\.json|{BUDGETS_FOLDER}/[0-9a-f]{{16}}\.json)"
)
_OF_WEIGHTS = re.compile(rf"{WEIGHTS}/[0-9a-f]{{64}}/.+")


@dataclass(frozen=True)
class Wanted:
    """A file that another machine is to have in its home.

    Attributes:
        name: its path below that home.
        path: where it lies here.
        sha256: of its content, where the name does not tell.
    """

    name: str
    path: Path
    sha256: str | None = None


def of_home(paths: Iterable[Path], home: Path) -> list[Wanted]:
    """Files below a home that lie alike in every home."""
    return [Wanted(path.relative_to(home).as_posix(), path) for path in paths]


def is_shard(name: str) -> bool:
    """Whether a file of this name is a shard of features or of decoded audio."""
    found = _SUMMED.fullmatch(name)
    return found is not None and found["sha256"] is not None


def travels(name: str) -> bool:
    """Whether there is such a file in a home, and its name tells whether it is whole."""
    return bool(_SUMMED.fullmatch(name) or _TEXT.fullmatch(name))


def fetch_files(remote: Remote, files: Sequence[tuple[str, str | None]], home: Path) -> int:
    """Fetch files that are not here yet, in a few threads.

    Args:
        remote: where they are.
        files: name, and the sha256 where the name does not tell.
        home: where they go.

    Returns:
        The bytes that were fetched.

    Raises:
        DamagedShardError: one is not what it should be, and was not taken.
        StoreError: a name is none of a home's, or one cannot be fetched.
    """
    lacking = [(name, sha256) for name, sha256 in dict(files).items() if _lacks(home, name)]
    for folder in {(home / name).parent for name, _ in lacking if is_name(name)}:
        clean_leftovers(folder)  # of a fetch that was killed
    return sum(remote.each(lambda file: fetch_file(remote, *file, home), lacking))


def fetch_file(remote: Remote, name: str, sha256: str | None, home: Path) -> int:
    """Fetch one file, also where it is here; see :func:`fetch_files`."""
    target = home / name
    summed = _SUMMED.fullmatch(name)
    if summed is not None:
        return remote.fetch(name, target, summed["sha256"] or summed["list"])
    if sha256 is not None and _is_of_weights(name):
        return remote.fetch(name, target, sha256)
    if not _TEXT.fullmatch(name):
        raise StoreError(f"{remote}/{name}: no file of a store has such a name; it is not taken.")
    data = remote.read(name)
    if not is_as_named(name, data):
        raise DamagedShardError(
            f"{remote}/{name}: not what the name says. It was not taken; remove it there, so that "
            "it is sent again."
        )
    write_file(target.parent, target.name, data)
    return len(data)


def _lacks(home: Path, name: str) -> bool:
    # A name is seen to be safe before anything is looked for by it.
    return not (travels(name) or _is_of_weights(name)) or not (home / name).exists()


def _is_of_weights(name: str) -> bool:
    return is_name(name) and _OF_WEIGHTS.fullmatch(name) is not None


def is_as_named(name: str, data: bytes) -> bool:
    """Whether a description, plan or budget is the one that its name is made from."""
    *_, folder, last = name.split("/")
    if folder == BUDGETS_FOLDER:
        return budget_in(data, last) is not None
    key = folder if last == DESCRIPTION else last.removesuffix(".json")
    return content_of(data, key) is not None
