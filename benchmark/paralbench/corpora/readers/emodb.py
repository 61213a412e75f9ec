"""EmoDB (Berlin): ten actors say ten German sentences; ``wav/03a01Fa`` tells everything.

Speaker, sentence, emotion (a letter of its German word) and, where there are several, the version.
"""

import re
from pathlib import Path

from paralbench.cards.corpus import CorpusCard
from paralbench.corpora.manifest import Exclusion, Manifest
from paralbench.corpora.readers.files import AUDIO_SUFFIXES, AudioFiles, audio_files, require
from paralbench.corpora.readers.labels import Row
from paralbench.corpora.readers.names import manifest_of_names
from paralbench.corpora.readers.options import no_options

_NAME = re.compile(r"(?P<speaker>[01][0-9])(?P<text>[ab][0-9]{2})(?P<emotion>[A-Z])[a-z]?")

# sex and age in years
SPEAKERS = {
    "03": ("male", 31),
    "08": ("female", 34),
    "09": ("female", 21),
    "10": ("male", 32),
    "11": ("male", 26),
    "12": ("male", 30),
    "13": ("female", 32),
    "14": ("female", 35),
    "15": ("male", 25),
    "16": ("female", 31),
}
_EMOTIONS = {
    "W": "anger",  # Wut
    "L": "boredom",  # Langeweile
    "E": "disgust",  # Ekel
    "A": "fear",  # Angst
    "F": "happiness",  # Freude
    "T": "sadness",  # Trauer
    "N": "neutral",
}
_TEXTS = {
    "a01": "Der Lappen liegt auf dem Eisschrank.",
    "a02": "Das will sie am Mittwoch abgeben.",
    "a04": "Heute abend könnte ich es ihm sagen.",
    "a05": "Das schwarze Stück Papier befindet sich da oben neben dem Holzstück.",
    "a07": "In sieben Stunden wird es soweit sein.",
    "b01": "Was sind denn das für Tüten, die da unter dem Tisch stehen?",
    "b02": "Sie haben es gerade hochgetragen und jetzt gehen sie wieder runter.",
    "b03": "An den Wochenenden bin ich jetzt immer nach Hause gefahren und habe Agnes besucht.",
    "b09": "Ich will das eben wegbringen und dann mit Karl was trinken gehen.",
    "b10": "Die wird auf dem Platz sein, wo wir sie immer hinlegen.",
}


def read(card: CorpusCard, root: Path, *, look: bool = True) -> Manifest:
    """Read the names of the files in ``wav/``, or in the folder itself.

    Raises:
        CorpusError: the folder is another one.
    """
    no_options(card)
    require(card.id, root, _fits, "wav/ with files named like 03a01Fa.wav is")

    def parse(name: str, path: str) -> Row | Exclusion | None:
        match = _NAME.fullmatch(name.rpartition("/")[2])
        if match is None:
            return None
        clip, speaker = match[0], match["speaker"]
        if speaker not in SPEAKERS:
            return Exclusion(clip, "label-unknown", f"speaker: {speaker} is none of the ten")
        gender, age = SPEAKERS[speaker]
        return {
            "utterance": clip,
            "speaker": speaker,
            "gender": gender,
            "age": age,
            "emotion": match["emotion"],
            "transcript": _TEXTS.get(match["text"]),
        }

    return manifest_of_names(
        card, root, _audio(root), parse, "like 03a01Fa", {"emotion": _EMOTIONS}
    )


def _audio(root: Path) -> AudioFiles:
    """The audio in ``wav/``, where it is; other folders of the archive hold labels."""
    if not (root / "wav").is_dir():
        return audio_files(root)
    found = audio_files(root / "wav")
    paths = {
        f"wav/{name}": tuple(f"wav/{copy}" for copy in copies)
        for name, copies in found.paths.items()
    }
    return AudioFiles(paths, found.suffixes)


def _fits(folder: Path) -> bool:
    # The folders of labels hold files of the same names, with other suffixes.
    return any(
        _NAME.fullmatch(path.stem) and path.suffix.lower() in AUDIO_SUFFIXES
        for place in (folder / "wav", folder)
        for path in place.glob("[01][0-9][ab][0-9][0-9]*")
    )
