"""What VoxCeleb1 and VoxCeleb2 have in common: a folder per speaker, and a table of speakers."""

import os
from pathlib import Path, PurePosixPath

from paralbench.cards.corpus import CorpusCard
from paralbench.corpora.readers.tables import WHERE, read_table, read_text
from paralbench.errors import CorpusError

_DEPTH = 3  # vox2_dev_aac/dev/aac/id00012 is the deepest in use
_NO_AUDIO = ("txt", "mp4")  # VoxCeleb2's face tracks and videos, in folders of the same names


def is_speaker(name: str) -> bool:
    """Whether a folder is called like ``id10001``."""
    return len(name) == 7 and name.startswith("id") and name[2:].isdigit()


def speaker_folders(root: Path) -> dict[str, str]:
    """The folder below the root that holds each speaker's folder, such as ``dev/wav/``.

    Parts come in archives of their own, which people unpack into one folder or several; the folder
    that sorts first counts where a speaker is in several.
    """
    found: dict[str, str] = {}
    level = [PurePosixPath(".")]
    for _ in range(_DEPTH + 1):
        below: list[PurePosixPath] = []
        for place in level:
            folders = sorted(_folders(root / place))
            for name in folders:
                if is_speaker(name):
                    found.setdefault(name, "" if str(place) == "." else f"{place}/")
                elif name not in _NO_AUDIO:
                    below.append(place / name)
        level = below
    return found


def _folders(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:
        return [one.name for one in entries if one.name[0] != "." and one.is_dir()]


def read_speakers(card: CorpusCard, file: Path, columns: tuple[str, ...]) -> list[dict[str, str]]:
    """The owners' table of speakers: separated by tabs, in copies by commas.

    Args:
        card: the corpus card.
        file: ``vox1_meta.csv`` or ``vox2_meta.csv``.
        columns: those that are wanted; the first names the speaker.

    Raises:
        CorpusError: the table is damaged or lacks a column, or a speaker has two rows.
    """
    first = read_text(card.id, file).split("\n", 1)[0]
    table = read_table(card.id, file, columns, separator="\t" if "\t" in first else ",")
    places: dict[str, str] = {}
    rows: list[dict[str, str]] = table.to_dict("records")  # type: ignore[assignment]
    for row in rows:
        speaker = row[columns[0]]
        if speaker in places:
            raise CorpusError(
                f"{card.id}: {row[WHERE]}: a second row for {speaker} (the first: "
                f"{places[speaker]})."
            )
        places[speaker] = row[WHERE]
    return rows
