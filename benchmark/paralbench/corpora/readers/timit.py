"""TIMIT: ten sentences each by 630 speakers of eight American dialect regions.

The folders ``TRAIN/DR1/FCJF0`` tell part, region, sex and speaker; ``SPKRINFO.TXT`` the dates of
birth and recording. Copies have lower-case names, or RIFF files ``SA1.WAV.wav`` beside the NIST
SPHERE files ``SA1.WAV``.
"""

import datetime
import logging
import re
from pathlib import Path

import pandas as pd

from paralbench.cards.corpus import CorpusCard
from paralbench.corpora.manifest import Exclusion, Manifest
from paralbench.corpora.readers.files import AUDIO_SUFFIXES, require, without_suffix
from paralbench.corpora.readers.listing import manifest_of_table
from paralbench.corpora.readers.options import no_options
from paralbench.corpora.readers.tables import WHERE, read_text

_log = logging.getLogger(__name__)

_REGIONS = {
    "1": "new-england",
    "2": "northern",
    "3": "north-midland",
    "4": "south-midland",
    "5": "southern",
    "6": "new-york-city",
    "7": "western",
    "8": "army-brat",
}
_PARTS = {"TRAIN": "train", "TEST": "test"}
_REGION = re.compile(r"DR([1-8])")
_SPEAKER = re.compile(r"([FM])([A-Z]{3}[0-9])")
_SENTENCE = re.compile(r"S[AXI][0-9]+")

# ID Sex DR Use RecDate BirthDate; what follows may hold blanks.
_PERSON = re.compile(r"([A-Z]{3}[0-9])\s+([FM])\s+[1-8]\s+(?:TRN|TST)\s+(\S+)\s+(\S+)")
_DATE = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{2})")
_TEXT = re.compile(r"[0-9]+\s+[0-9]+\s+(.*)")  # first sample, last sample, words


def read(card: CorpusCard, root: Path, *, look: bool = True) -> Manifest:
    """Read the folders, the sentences' ``.TXT`` files and, where it is, ``SPKRINFO.TXT``.

    A sentence with words or phones and no recording is missing.

    Raises:
        CorpusError: the folder is another one, or a file is no text.
    """
    no_options(card)
    require(card.id, root, _fits, "TRAIN/ and TEST/ with folders DR1 to DR8 are")
    ages = _ages(card, root)
    rows: list[dict[str, object]] = []
    copies: list[Exclusion] = []
    for part, split in _PARTS.items():
        for region in _below(_named(root, part), _REGION):
            for folder in _below(region, _SPEAKER):
                speaker = folder.name.upper()
                label = {
                    "speaker": speaker,
                    "gender": speaker[0],
                    "dialect": _REGIONS[region.name[2]],
                    "age": ages.get(speaker),
                    "split": split,
                }
                found, doubled = _sentences(card, root, folder)
                rows += [label | one for one in found]
                copies += doubled
    return manifest_of_table(card, root, pd.DataFrame(rows), look=look, excluded=tuple(copies))


def _sentences(
    card: CorpusCard, root: Path, folder: Path
) -> tuple[list[dict[str, object]], list[Exclusion]]:
    """A speaker's sentences; of two files for one, that of the owners (``SA1.WAV``) is taken."""
    speaker, place = folder.name.upper(), folder.relative_to(root).as_posix()
    files = sorted(one.name for one in folder.iterdir() if one.is_file() and one.name[0] != ".")
    audio: dict[str, list[str]] = {}
    texts: dict[str, str] = {}
    for file in files:
        stem = file.split(".")[0].upper()
        if not _SENTENCE.fullmatch(stem):
            continue
        audio.setdefault(stem, [])
        if file.lower().endswith(AUDIO_SUFFIXES):
            audio[stem].append(file)
        elif file.upper() == f"{stem}.TXT":
            texts[stem] = file
    rows: list[dict[str, object]] = []
    copies: list[Exclusion] = []
    for stem, names in audio.items():
        names.sort(key=lambda name: (len(name), name))
        first = names[0] if names else f"{stem}.WAV"
        text = _TEXT.match(read_text(card.id, folder / texts[stem])) if stem in texts else None
        rows.append(
            {
                "utterance": f"{speaker}-{stem}",
                "path": f"{place}/{first}",
                "transcript": text[1].strip() if text else "",
                WHERE: place,
            }
        )
        # SA1.wav beside SA1.WAV is one name with two suffixes, which is seen later.
        copies += [
            Exclusion(without_suffix(f"{place}/{name}"), "copy", f"{name} beside {first}")
            for name in names[1:]
            if without_suffix(name) != without_suffix(first)
        ]
    return rows, copies


def _ages(card: CorpusCard, root: Path) -> dict[str, int]:
    """Age at the recording in whole years by speaker; without those whose birth is not known."""
    file = _speaker_table(root)
    if file is None:
        _log.warning("%s: no DOC/SPKRINFO.TXT in %s or above it: no ages.", card.id, root)
        return {}
    found = {}
    for line in read_text(card.id, file).splitlines():
        match = _PERSON.match(line)  # comment lines begin with a semicolon
        recorded, born = (_date(match[3]), _date(match[4])) if match else (None, None)
        if match and recorded and born:
            birthday_to_come = (recorded.month, recorded.day) < (born.month, born.day)
            found[match[2] + match[1]] = recorded.year - born.year - birthday_to_come
    return found


def _date(text: str) -> datetime.date | None:
    """A date as the owners write it, month first; None where a part is ``??``."""
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    try:
        return datetime.date(1900 + int(match[3]), int(match[1]), int(match[2]))
    except ValueError:
        return None


def _speaker_table(root: Path) -> Path | None:
    for folder in (root, root.absolute().parent):
        for name in (("DOC", "SPKRINFO.TXT"), ("SPKRINFO.TXT",)):
            place: Path | None = folder
            for one in name:
                place = _named(place, one) if place is not None else None
            if place is not None and place.is_file():
                return place
    return None


def _fits(folder: Path) -> bool:
    parts = [_named(folder, part) for part in _PARTS]
    return all(part is not None and _below(part, _REGION) for part in parts)


def _named(folder: Path, name: str) -> Path | None:
    """The file or folder of a name in upper or lower case."""
    for one in (folder / name, folder / name.lower()):
        if one.exists():
            return one
    return None


def _below(folder: Path | None, name: re.Pattern[str]) -> list[Path]:
    if folder is None:
        return []
    return sorted(
        one for one in folder.iterdir() if one.is_dir() and name.fullmatch(one.name.upper())
    )
