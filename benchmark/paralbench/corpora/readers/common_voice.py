"""Common Voice: sentences read by volunteers, one table per part and language.

Releases differ: before 7 the accent is a word (``accent``: us), later a name or several
(``accents``: United States English); gender is male since 1 and male_masculine since 17; before 5
the tables are not in a folder of the language. Only what the volunteer tells is known.
"""

import os
import re
from itertools import islice
from pathlib import Path

import pandas as pd

from paralbench.cards.corpus import CorpusCard
from paralbench.corpora.manifest import Exclusion, Manifest
from paralbench.corpora.readers.files import require
from paralbench.corpora.readers.listing import manifest_of_table
from paralbench.corpora.readers.noted import read_noted
from paralbench.corpora.readers.options import no_options
from paralbench.corpora.readers.tables import column_names, read_table

PARTS = {"train": "train", "dev": "development", "test": "test"}
# Clips in none of the parts: the owners take at most one clip of a sentence into them.
_REST = ("validated", "other", "invalidated")
_CLIPS = "clips"

_DECADES = {
    "teens": "teens",
    "twenties": "twenties",
    "thirties": "thirties",
    "fourties": "forties",  # as the owners write it
    "forties": "forties",
    "fifties": "fifties",
    "sixties": "sixties",
    "seventies": "seventies",
    "eighties": "eighties",
    "nineties": "nineties",
}
_GENDERS = {
    "male_masculine": "male",
    "female_feminine": "female",
    **dict.fromkeys(("other", "intersex", "transgender", "non-binary", "do_not_wish_to_say"), ""),
}
# The word of releases before 7: the name since.
_ACCENTS = {
    "african": "Southern African (South Africa, Zimbabwe, Namibia)",
    "australia": "Australian English",
    "bermuda": "West Indies and Bermuda (Bahamas, Bermuda, Jamaica, Trinidad)",
    "canada": "Canadian English",
    "england": "England English",
    "hongkong": "Hong Kong English",
    "indian": "India and South Asia (India, Pakistan, Sri Lanka)",
    "ireland": "Irish English",
    "malaysia": "Malaysian English",
    "newzealand": "New Zealand English",
    "philippines": "Filipino",
    "scotland": "Scottish English",
    "singapore": "Singaporean English",
    "southatlandtic": "South Atlantic (Falkland Islands, Saint Helena)",
    "us": "United States English",
    "wales": "Welsh English",
}
_ACCENT_OF = {name.lower(): word for word, name in _ACCENTS.items()} | {w: w for w in _ACCENTS}


_ENCODING = ("utf-8-sig",)
_LOCALE = re.compile(r"[a-z]{2,3}(?:-[A-Za-z]+)*")
_CLIP = r"^common_voice_([a-z]{2,3})(?:-[A-Za-z]+)*_[0-9]+$"


def read(card: CorpusCard, root: Path, *, look: bool = True) -> Manifest:
    """Read ``train.tsv``, ``dev.tsv`` and ``test.tsv`` of each language that is there.

    Clips that the owners put in none of these parts are left out.

    Raises:
        CorpusError: the folder is another one, or a table is damaged or lacks a column.
    """
    no_options(card)
    require(card.id, root, _fits, "train.tsv, dev.tsv and test.tsv, or languages' folders, are")
    folders = [root] if _is_language(root) else _languages(root)
    tables = [_table(card, folder, root, part) for folder in folders for part in PARTS]
    frame = pd.concat([table for table in tables if table is not None], ignore_index=True)
    excluded: list[Exclusion] = []
    if look:
        known = set(frame["utterance"].tolist())
        for folder in folders:
            excluded += _rest(card, folder, root, known)
    return manifest_of_table(
        card,
        root,
        frame,
        look=look,
        values={"decade": _DECADES, "gender": _GENDERS},
        excluded=tuple(excluded),
    )


def _table(card: CorpusCard, folder: Path, root: Path, part: str) -> pd.DataFrame | None:
    """One part of one language; None for a language with too few clips to fill it."""
    file = folder / f"{part}.tsv"
    names = column_names(card.id, file, separator="\t", quotes=False, encodings=_ENCODING)
    if not _has_rows(file):
        return None
    accents = "accent" if "accent" in names else "accents"
    wanted = ("client_id", "path", "sentence", "age", "gender", accents)
    given = read_table(card.id, file, wanted, separator="\t", quotes=False, encodings=_ENCODING)
    place = "" if folder == root else f"{folder.name}/"
    frame = given.rename(
        columns={"client_id": "speaker", "sentence": "transcript", "age": "decade"}
    )
    frame["utterance"], frame["path"] = _clips(given["path"].tolist(), f"{place}{_CLIPS}/")
    frame["split"] = PARTS[part]
    frame["accent"] = given[accents].str.lower().map(_ACCENT_OF)
    locale = folder.resolve().name
    language = locale.split("-")[0] if _LOCALE.fullmatch(locale) else None
    told = frame["utterance"].str.extract(_CLIP, expand=False)
    frame["language"] = told if language is None else told.fillna(language)
    frame["where"] = place + frame["where"]
    return frame.drop(columns=[accents] if accents != "accent" else [])


def _clips(paths: list[str], folder: str) -> tuple[list[str], list[str]]:
    """Utterances and paths; the first releases name clips without their suffix."""
    parts = [os.path.splitext(path) for path in paths]
    return [name for name, _ in parts], [
        f"{folder}{name}{suffix or '.mp3'}" for name, suffix in parts
    ]


def _rest(card: CorpusCard, folder: Path, root: Path, known: set[str]) -> list[Exclusion]:
    """The clips that only the tables beside the parts name."""
    found: list[Exclusion] = []
    seen = set(known)
    place = "" if folder == root else f"{folder.name}/"
    for name in _REST:
        file = folder / f"{name}.tsv"
        if not file.is_file() or not _has_rows(file):
            continue
        given = read_table(
            card.id, file, ("path",), separator="\t", quotes=False, encodings=_ENCODING
        )
        for clip in _clips(given["path"].tolist(), "")[0]:
            if clip not in seen:
                seen.add(clip)
                found.append(Exclusion(f"{place}{_CLIPS}/{clip}", "not-in-parts", file.name))
    return found


def _has_rows(file: Path) -> bool:
    with file.open("rb") as lines:
        has = sum(1 for _ in islice((line for line in lines if line.strip()), 2)) == 2
    if not has:
        read_noted(file)  # what is not read further counts, too
    return has


def _is_language(folder: Path) -> bool:
    return any((folder / f"{part}.tsv").is_file() for part in PARTS)


def _languages(root: Path) -> list[Path]:
    return sorted(one for one in root.iterdir() if one.is_dir() and _is_language(one))


def _fits(folder: Path) -> bool:
    return _is_language(folder) or bool(_languages(folder))
