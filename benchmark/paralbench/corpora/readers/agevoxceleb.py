"""AgeVoxCeleb: ages of VoxCeleb2's speakers, ``id00042/34f5sBShxSo/00001 70`` on each line.

Its parts are its own, not VoxCeleb2's, and both may lie in VoxCeleb2's ``dev`` folder: a speaker is
looked for in all. Utterances of VoxCeleb2 without an age are not in this corpus, and their files
are not looked at. A session is a video of a speaker; gender comes from ``vox2_meta.csv`` where that
is there.
"""

import os
from pathlib import Path

import pandas as pd

from paralbench.cards.corpus import CorpusCard
from paralbench.corpora.manifest import Exclusion, Manifest
from paralbench.corpora.readers.files import AUDIO_SUFFIXES, require
from paralbench.corpora.readers.listing import manifest_of_table
from paralbench.corpora.readers.options import no_options
from paralbench.corpora.readers.tables import WHERE, first_file, read_table
from paralbench.corpora.readers.voxceleb import read_speakers, speaker_folders
from paralbench.errors import CorpusError

PARTS = {"train": "utt2age.train", "test": "utt2age.test"}
_FOLDERS = ("", "agevoxceleb/", "AgeVoxCeleb/")  # of the labels, a repository of their own
_SPEAKERS = "vox2_meta.csv"
_COLUMNS = ("VoxCeleb2 ID", "Gender")
_NAME = r"id[0-9]{5}/[^/]+/[^/]+"


def read(card: CorpusCard, root: Path, *, look: bool = True) -> Manifest:
    """Read both lists of ages.

    Raises:
        CorpusError: the folder is another one, a list is damaged, or a line names no utterance.
    """
    no_options(card)
    require(card.id, root, _fits, f"{' and '.join(PARTS.values())}, with VoxCeleb2's audio, are")
    frame = pd.concat([_ages(card, root, part) for part in PARTS], ignore_index=True)
    names = frame["utterance"]
    frame["speaker"] = names.str.slice(0, 7)
    frame["session"] = names.str.rpartition("/")[0]
    frame["gender"] = frame["speaker"].map(_genders(card, root).get).astype("string")
    homes = speaker_folders(root)
    home = frame["speaker"].map(lambda one: homes.get(one, "aac/")).astype("string")
    excluded: list[Exclusion] = []
    if look:
        suffixes = _suffixes(root, home + names)  # type: ignore[arg-type]
        absent = pd.isna(suffixes)
        excluded = [
            Exclusion(str(name), "missing", str(place))
            for name, place in zip(names[absent], frame[WHERE][absent], strict=True)
        ]
        frame["path"] = home + names + suffixes
        frame = frame.loc[~absent]
    else:
        frame["path"] = home + names + ".m4a"
    return manifest_of_table(card, root, frame, look=False, excluded=tuple(excluded))


def _fits(folder: Path) -> bool:
    return all(
        any((folder / f"{one}{name}").is_file() for one in _FOLDERS) for name in PARTS.values()
    )


def _ages(card: CorpusCard, root: Path, part: str) -> pd.DataFrame:
    file = first_file(card.id, root, [f"{folder}{PARTS[part]}" for folder in _FOLDERS])
    table = read_table(card.id, file, ("utterance", "age"), separator=" ", header=False)
    wrong = ~table["utterance"].str.fullmatch(_NAME)
    if wrong.any():
        place = int(wrong.argmax())
        raise CorpusError(
            f"{card.id}: {table[WHERE].iloc[place]}: {table['utterance'].iloc[place]!r} is no "
            "utterance like id00042/34f5sBShxSo/00001."
        )
    return table.assign(split=part)


def _genders(card: CorpusCard, root: Path) -> dict[str, str]:
    for folder in _FOLDERS:
        file = root / f"{folder}{_SPEAKERS}"
        if file.is_file():
            rows = read_speakers(card, file, _COLUMNS)
            return {row[_COLUMNS[0]]: row[_COLUMNS[1]] for row in rows}
    return {}


def _suffixes(root: Path, names: pd.Series) -> pd.Series:
    """The suffix of each utterance's file, missing where there is none."""
    order = {suffix: rank for rank, suffix in enumerate(AUDIO_SUFFIXES)}
    videos = names.str.rpartition("/")[0]
    there: dict[str, str] = {}
    for video in videos.unique():
        try:
            with os.scandir(root / video) as entries:
                files = [os.path.splitext(one.name) for one in entries]
        except OSError:
            continue
        known = [(stem, suffix) for stem, suffix in files if suffix.lower() in order]
        for stem, suffix in sorted(known, key=lambda one: -order[one[1].lower()]):
            there[f"{video}/{stem}"] = suffix
    return pd.Series([there.get(name) for name in names], dtype="string", index=names.index)
