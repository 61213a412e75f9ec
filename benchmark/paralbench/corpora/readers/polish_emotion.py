"""Emotions in Polish speech: five men say six words; ``m1.a_oddaj_4`` tells who, how and what."""

import re
from pathlib import Path

from paralbench.cards.corpus import CorpusCard
from paralbench.corpora.manifest import Manifest
from paralbench.corpora.readers.files import audio_files, require
from paralbench.corpora.readers.labels import Row
from paralbench.corpora.readers.names import manifest_of_names
from paralbench.corpora.readers.options import no_options

# speaker, emotion, word, take
_NAME = re.compile(r"(?P<speaker>m[0-9]+)\.(?P<emotion>[a-z])_(?P<word>[a-z]+)_(?P<take>[0-9]+)")

_EMOTIONS = {"a": "anger", "s": "fear", "n": "neutral"}  # s as in strach


def read(card: CorpusCard, root: Path, *, look: bool = True) -> Manifest:
    """Read the names of the files directly in the folder."""
    no_options(card)
    require(card.id, root, _fits, "files named like m1.a_oddaj_4.wav are")
    files = audio_files(root)

    def parse(name: str, path: str) -> Row | None:
        match = _NAME.fullmatch(name)
        if match is None:
            return None
        return {
            "speaker": match["speaker"],
            "gender": "male",
            "emotion": match["emotion"],
            "transcript": match["word"],
        }

    return manifest_of_names(card, root, files, parse, "like m1.a_oddaj_4", {"emotion": _EMOTIONS})


def _fits(folder: Path) -> bool:
    return any(_NAME.fullmatch(path.stem) for path in folder.glob("m*.*_*_*"))
