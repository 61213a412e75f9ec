"""English dialects of the British Isles (OpenSLR 83): ``nom_06136_00212345678``.

The first two letters of a name are the region, the third the sex, the number after it the speaker.
"""

import re
from pathlib import Path

import pandas as pd

from paralbench.cards.corpus import CorpusCard
from paralbench.corpora.manifest import Manifest
from paralbench.corpora.readers.files import audio_files, require
from paralbench.corpora.readers.listing import manifest_of_table
from paralbench.corpora.readers.options import no_options
from paralbench.corpora.readers.tables import WHERE, read_text
from paralbench.errors import CorpusError

INDEX = "line_index_all.csv"

_REGIONS = {
    "ir": "irish",
    "mi": "midlands",
    "no": "northern",
    "sc": "scottish",
    "so": "southern",
    "we": "welsh",
}
_NAME = re.compile(r"(?P<region>[a-z]{2})(?P<sex>[fm])_(?P<speaker>[0-9]+)_[0-9]+")
_FOLDER = re.compile(rf"({'|'.join(_REGIONS.values())})_english_(female|male)")
_SEXES = {"f": "female", "m": "male"}


def read(card: CorpusCard, root: Path, *, look: bool = True) -> Manifest:
    """Read ``line_index_all.csv`` or, without it, the ``line_index.csv`` of each folder.

    A file may be in the folder of its archive (``northern_english_male``) or anywhere else below
    the root: archives are also unpacked into one folder.

    Raises:
        CorpusError: the folder is another one, a line is cut off, or a name of another form.
    """
    no_options(card)
    require(card.id, root, _fits, f"{INDEX}, or folders like northern_english_male, are")
    where = {name.rpartition("/")[2]: path for name, path in audio_files(root)} if look else {}
    rows = [row for index in _indices(card, root) for row in _rows(card, index, where)]
    return manifest_of_table(
        card, root, pd.DataFrame(rows), look=look, values={"dialect": _REGIONS}
    )


def _indices(card: CorpusCard, root: Path) -> list[Path]:
    if (root / INDEX).is_file():
        return [root / INDEX]
    found = [folder / "line_index.csv" for folder in _folders(root)]
    here = [file for file in found if file.is_file()]
    if not here:
        raise CorpusError(f"{card.id}: {root} holds neither {INDEX} nor a line_index.csv below.")
    return here


def _rows(card: CorpusCard, file: Path, where: dict[str, str]) -> list[dict[str, str]]:
    rows = []
    # The words may hold commas and quotation marks, which no quotes enclose.
    for number, line in enumerate(read_text(card.id, file).split("\n"), 1):
        if not line.strip():
            continue
        cells = [cell.strip() for cell in line.split(",", 2)]
        place = f"{file.parent.name}/{file.name}, line {number}"
        if len(cells) < 3:
            raise CorpusError(f"{card.id}: {file}, line {number}: {len(cells)} of 3 cells.")
        match = _NAME.fullmatch(cells[1])
        if match is None:
            raise CorpusError(
                f"{card.id}: {file}, line {number}: {cells[1]!r} is not a name like "
                "nom_06136_00212345678."
            )
        region = _REGIONS.get(match["region"], match["region"])
        default = f"{region}_english_{_SEXES[match['sex']]}/{match[0]}.wav"
        rows.append(
            {
                "utterance": match[0],
                "path": where.get(match[0], default),
                "speaker": f"{match['region']}{match['sex']}_{match['speaker']}",
                "gender": match["sex"],
                "dialect": match["region"],
                "transcript": cells[2],
                WHERE: place,
            }
        )
    return rows


def _fits(folder: Path) -> bool:
    # An archive's own folder, too, has a line_index.csv, but is one dialect and sex only.
    return (folder / INDEX).is_file() or bool(_folders(folder))


def _folders(root: Path) -> list[Path]:
    return sorted(one for one in root.iterdir() if one.is_dir() and _FOLDER.fullmatch(one.name))
