"""URDU: emotional talk-show clips in Urdu; ``Angry/SM1_F10_A010`` tells emotion and speaker."""

import re
from pathlib import Path

from paralbench.cards.corpus import CorpusCard
from paralbench.corpora.manifest import Exclusion, Manifest
from paralbench.corpora.readers.files import audio_files, require
from paralbench.corpora.readers.labels import Row, contradiction
from paralbench.corpora.readers.names import manifest_of_names
from paralbench.corpora.readers.options import no_options

_FOLDERS = {"Angry": "angry", "Happy": "happy", "Neutral": "neutral", "Sad": "sad"}

# S, gender and number of the speaker; file of that speaker; emotion and running number
_NAME = re.compile(r"(?P<speaker>S(?P<gender>[MF])[0-9]+)_F[0-9]+_(?P<emotion>[AHNS])[0-9]+")


def read(card: CorpusCard, root: Path, *, look: bool = True) -> Manifest:
    """Read the four folders; a clip whose name and folder disagree on the emotion is excluded."""
    no_options(card)
    require(
        card.id,
        root,
        lambda folder: any((folder / name).is_dir() for name in _FOLDERS),
        f"the folders {', '.join(_FOLDERS)} are",
    )

    def parse(name: str, path: str) -> Row | Exclusion | None:
        folder, _, stem = name.rpartition("/")
        match = _NAME.fullmatch(stem)
        if match is None or folder not in _FOLDERS:
            return None
        if folder[0] != match["emotion"]:
            return contradiction(name, "emotion", folder, match["emotion"])
        return {
            "utterance": stem,
            "speaker": match["speaker"],
            "gender": match["gender"],
            "emotion": _FOLDERS[folder],
        }

    return manifest_of_names(card, root, audio_files(root), parse, "like Angry/SM1_F10_A010")
