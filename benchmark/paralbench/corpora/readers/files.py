"""The audio files of a corpus folder, found by name whatever their suffix."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from paralbench.errors import CorpusError

if TYPE_CHECKING:
    from paralbench.corpora.manifest import Exclusion

# In the order in which one of several copies of a file is taken.
AUDIO_SUFFIXES = (
    ".wav",
    ".flac",
    ".aif",
    ".aiff",
    ".sph",
    ".au",
    ".ogg",
    ".opus",
    ".mp3",
    ".m4a",
    ".mp4",
    ".aac",
    ".webm",
)


@dataclass(frozen=True)
class AudioFiles:
    """The audio files under a folder.

    Owners distribute wav and copies may be flac, so a file is known by its path without suffix.

    Attributes:
        paths: path without suffix -> the paths with that name, the preferred one first; relative
            to the folder, with forward slashes.
        suffixes: what counts as audio.
    """

    paths: dict[str, tuple[str, ...]]
    suffixes: tuple[str, ...] = AUDIO_SUFFIXES

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """Name and path of each file, in the order of the names; of copies the preferred one."""
        return ((name, self.paths[name][0]) for name in sorted(self.paths))

    def __len__(self) -> int:
        return len(self.paths)

    def find(self, path: str) -> str | None:
        """The file at a path, or the one with the same name and another audio suffix."""
        copies = self.paths.get(without_suffix(path, self.suffixes), ())
        return path if path in copies else next(iter(copies), None)

    def unused(self, used: set[str], detail: str) -> "list[Exclusion]":
        """The files that no row names: ``extra``, or ``copy`` beside one in use."""
        from paralbench.corpora.manifest import Exclusion

        found = []
        for name, copies in sorted(self.paths.items()):
            taken = next((copy for copy in copies if copy in used), None)
            for copy in copies:
                if copy == taken:
                    continue
                if taken is None:
                    found.append(Exclusion(name, "extra", detail))
                    break
                found.append(Exclusion(name, "copy", f"{copy} beside {taken}"))
        return found


def audio_files(root: Path, suffixes: tuple[str, ...] = AUDIO_SUFFIXES) -> AudioFiles:
    """List the audio under a folder, links followed.

    Hidden files and folders, and the ``._`` and ``__MACOSX`` litter of archives, are passed over.

    Raises:
        CorpusError: a folder cannot be read.
    """
    order = {suffix.lower(): rank for rank, suffix in enumerate(suffixes)}
    found: dict[str, list[str]] = {}
    seen: set[str] = set()
    for folder, below, files in os.walk(root, onerror=_refuse, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:  # a link that leads back
            below[:] = []
            continue
        seen.add(real)
        below[:] = sorted(name for name in below if name[0] != "." and name != "__MACOSX")
        place = PurePosixPath(Path(folder).relative_to(root).as_posix())
        for file in files:
            if file[0] != "." and os.path.splitext(file)[1].lower() in order:
                path = (place / file).as_posix()
                found.setdefault(os.path.splitext(path)[0], []).append(path)
    for copies in found.values():
        copies.sort(key=lambda path: (order[os.path.splitext(path)[1].lower()], path))
    return AudioFiles({name: tuple(copies) for name, copies in found.items()}, suffixes)


def _refuse(error: OSError) -> None:
    raise CorpusError(f"{error.filename} cannot be read: {error.strerror}.")


def without_suffix(path: str, suffixes: tuple[str, ...] = AUDIO_SUFFIXES) -> str:
    """A path without its audio suffix; other dots belong to the name."""
    name, suffix = os.path.splitext(path)
    return name if suffix.lower() in _lower(suffixes) else path


@lru_cache
def _lower(suffixes: tuple[str, ...]) -> frozenset[str]:
    return frozenset(one.lower() for one in suffixes)


def require(corpus: str, root: Path, fits: Callable[[Path], bool], expected: str) -> None:
    """Check that a folder is the one its reader reads.

    Args:
        corpus: the corpus id.
        root: the folder given.
        fits: whether a folder has the layout.
        expected: the layout in words.

    Raises:
        WrongFolderError: it is not; the message names the folders near it that are.
    """
    if fits(root):
        return
    message = f"{corpus}: {root} is not the corpus's folder: {expected} expected there."
    near = _near(root, fits)
    if near:
        levels = abs(len(near[0].absolute().parts) - len(root.absolute().parts))
        message += (
            f" It is {'one level' if levels == 1 else f'{levels} levels'} too "
            f"{'high' if root in near[0].parents else 'deep'}; "
            f"give {' or '.join(map(str, near[:3]))} instead."
        )
    raise WrongFolderError(message, near[0] if len(near) == 1 else None)


class WrongFolderError(CorpusError):
    """A folder that is not the corpus's.

    Attributes:
        instead: the one folder near it that is; None if there is none, or more than one.
    """

    def __init__(self, message: str, instead: Path | None):
        super().__init__(message)
        self.instead = instead


def _near(root: Path, fits: Callable[[Path], bool], most: int = 500) -> list[Path]:
    """The nearest folders that fit: up to two levels below, then up to two above."""
    level = [root]
    for _ in range(2):
        level = [child for folder in level for child in _folders(folder)][:most]
        found = [folder for folder in level if fits(folder)]
        if found:
            return found
    return [folder for folder in list(root.absolute().parents)[:2] if fits(folder)][:1]


def _folders(folder: Path) -> list[Path]:
    try:
        return sorted(one for one in folder.iterdir() if one.is_dir() and one.name[0] != ".")
    except OSError:  # not readable: nothing to suggest from there
        return []
