"""CREMA-D: acted sentences by 91 actors; ``1001_IEO_HAP_LO`` is actor, sentence, emotion, level.

Actors' sex and age come from ``VideoDemographics.csv``. ``SentenceFilenames.csv`` lists every clip;
where it is, a clip that it lists and that is not there is told as missing.
"""

import re
from pathlib import Path

import pandas as pd

from paralbench.cards.corpus import CorpusCard
from paralbench.corpora.manifest import Exclusion, Manifest
from paralbench.corpora.readers.files import audio_files, require
from paralbench.corpora.readers.listing import manifest_of_table
from paralbench.corpora.readers.options import no_options
from paralbench.corpora.readers.tables import WHERE, lookup, read_table

AUDIO, SPEAKERS, CLIPS = "AudioWAV", "VideoDemographics.csv", "SentenceFilenames.csv"

# One clip ends in a single X in copies of the corpus.
_NAME = re.compile(r"([0-9]{4})_([A-Z]{3})_([A-Z]{3})_(LO|MD|HI|XX?)")

_EMOTIONS = {
    "ANG": "anger",
    "DIS": "disgust",
    "FEA": "fear",
    "HAP": "happiness",
    "NEU": "neutral",
    "SAD": "sadness",
}
_LEVELS = {"LO": "low", "MD": "medium", "HI": "high", "XX": "", "X": ""}

_SENTENCES = {
    "DFA": "Don't forget a jacket",
    "IEO": "It's eleven o'clock",
    "IOM": "I'm on my way to the meeting",
    "ITH": "I think I have a doctor's appointment",
    "ITS": "I think I've seen this before",
    "IWL": "I would like a new alarm clock",
    "IWW": "I wonder what this is about",
    "MTI": "Maybe tomorrow it will be cold",
    "TAI": "The airplane is almost full",
    "TIE": "That is exactly what happened",
    "TSI": "The surface is slick",
    "WSI": "We'll stop in a couple of minutes",
}


def read(card: CorpusCard, root: Path, *, look: bool = True) -> Manifest:
    """Read the names of the clips and the table of actors.

    Raises:
        CorpusError: the folder is another one, or a table is damaged or lacks a column.
    """
    no_options(card)
    require(card.id, root, _fits, f"{AUDIO}/ and {SPEAKERS} are")
    names, where = _clips(card, root, look)
    found = [_NAME.fullmatch(name) for name in names]
    extra = tuple(
        Exclusion(name, "extra", "the name is not like 1001_IEO_HAP_LO")
        for name, match in zip(names, found, strict=True)
        if match is None
    )
    actors = read_table(card.id, root / SPEAKERS, ("ActorID", "Age", "Sex"))
    sexes, ages = lookup(actors, "ActorID", "Sex"), lookup(actors, "ActorID", "Age")
    rows = [
        {
            "utterance": match[0],
            "path": f"{AUDIO}/{match[0]}.wav",
            "speaker": match[1],
            "gender": sexes.get(match[1]),
            "age": ages.get(match[1]),
            "transcript": _SENTENCES.get(match[2]),
            "emotion": match[3],
            "level": match[4],
            WHERE: place,
        }
        for match, place in zip(found, where, strict=True)
        if match is not None
    ]
    return manifest_of_table(
        card,
        root,
        pd.DataFrame(rows),
        look=look,
        values={"emotion": _EMOTIONS, "level": _LEVELS},
        folder=AUDIO,
        excluded=extra,
    )


def _fits(folder: Path) -> bool:
    return (folder / AUDIO).is_dir() and (folder / SPEAKERS).is_file()


def _clips(card: CorpusCard, root: Path, look: bool) -> tuple[list[str], list[str]]:
    """The clips' names, of the owners' list and of the folder, and where each comes from."""
    named: dict[str, str] = {}
    if (root / CLIPS).is_file():
        table = read_table(card.id, root / CLIPS, ("Filename",))
        named = dict(zip(table["Filename"], table[WHERE], strict=True))
    if look:
        here = [name.rpartition("/")[2] for name, _ in audio_files(root / AUDIO)]
        named |= {name: AUDIO for name in here if name not in named}
    return list(named), list(named.values())
