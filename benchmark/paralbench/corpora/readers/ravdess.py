"""RAVDESS: two sentences by 24 actors in eight emotions; ``03-01-06-01-02-01-12`` tells all.

In turn: modality, vocal channel, emotion, intensity, statement, repetition, actor. Actors with an
odd number are men. Every actor has the same 60 clips of speech, so that a missing one is told.
"""

import re
from itertools import product
from pathlib import Path

import pandas as pd

from paralbench.cards.corpus import CorpusCard
from paralbench.corpora.manifest import Exclusion, Manifest
from paralbench.corpora.readers.files import audio_files, require
from paralbench.corpora.readers.listing import manifest_of_table
from paralbench.corpora.readers.options import no_options
from paralbench.corpora.readers.tables import WHERE

_EMOTIONS = {
    "01": "neutral",
    "02": "calm",
    "03": "happiness",
    "04": "sadness",
    "05": "anger",
    "06": "fear",
    "07": "disgust",
    "08": "surprise",
}
_INTENSITIES = {"01": "normal", "02": "strong"}
_STATEMENTS = {"01": "Kids are talking by the door", "02": "Dogs are sitting by the door"}
_ACTORS = [f"{number:02}" for number in range(1, 25)]

_AUDIO_ONLY_SPEECH = "03-01"
_NAME = re.compile(r"0[123]-0[12](?:-[0-9]{2}){5}")
# Where an actor's folder may be: beside the others, or below the name of the archive.
_ARCHIVES = (".", "Audio_Speech_Actors_01-24", "audio_speech_actors_01-24")


def read(card: CorpusCard, root: Path, *, look: bool = True) -> Manifest:
    """Read the clips of speech without video.

    Songs, and clips with or of video, are left out, as are second copies of the actors' folders
    below the first ones, which one distribution has.

    Raises:
        CorpusError: the folder is another one.
    """
    no_options(card)
    require(card.id, root, _fits, "folders Actor_01 to Actor_24 are")
    here: dict[str, str] = {}
    excluded: list[Exclusion] = []
    # Those nearest to the root first.
    files = sorted(audio_files(root), key=lambda one: (one[0].count("/"), one)) if look else []
    for name, path in files:
        clip = name.rpartition("/")[2]
        if clip in here:
            excluded.append(Exclusion(name, "copy", f"{path} beside {here[clip]}"))
        elif clip.startswith(_AUDIO_ONLY_SPEECH):
            here[clip] = path
        elif _NAME.fullmatch(clip):
            excluded.append(Exclusion(name, "extra", "not speech without video"))
    rows = [
        {
            "utterance": clip,
            "path": here.get(clip, f"Actor_{actor}/{clip}.wav"),
            "speaker": actor,
            "gender": "male" if int(actor) % 2 else "female",
            "emotion": emotion,
            # The neutral clips have one intensity only, which therefore says nothing.
            "intensity": "" if emotion == "01" else intensity,
            "transcript": _STATEMENTS[statement],
            WHERE: "every actor has the same clips",
        }
        for clip, emotion, intensity, statement, actor in _design()
    ]
    return manifest_of_table(
        card,
        root,
        pd.DataFrame(rows),
        look=look,
        values={"emotion": _EMOTIONS, "intensity": _INTENSITIES},
        excluded=tuple(excluded),
    )


def _design() -> list[tuple[str, str, str, str, str]]:
    """The clips of all actors: name, emotion, intensity, statement, actor."""
    return [
        (
            f"{_AUDIO_ONLY_SPEECH}-{emotion}-{level}-{text}-{again}-{actor}",
            emotion,
            level,
            text,
            actor,
        )
        for actor, emotion, level, text, again in product(
            _ACTORS, _EMOTIONS, _INTENSITIES, _STATEMENTS, ("01", "02")
        )
        if (emotion, level) != ("01", "02")
    ]


def _fits(folder: Path) -> bool:
    return any(any((folder / name).glob("Actor_[0-9][0-9]")) for name in _ARCHIVES)
