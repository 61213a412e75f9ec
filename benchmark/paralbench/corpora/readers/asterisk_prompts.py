"""Asterisk's telephone prompts: one voice per language, ``it_IT_m_Carlo/digits/3.wav``."""

import re
from pathlib import Path

from paralbench.cards.corpus import CorpusCard
from paralbench.corpora.manifest import Exclusion, Manifest
from paralbench.corpora.readers.files import audio_files, require
from paralbench.corpora.readers.labels import Row
from paralbench.corpora.readers.names import manifest_of_names
from paralbench.corpora.readers.options import no_options

_VOICE = re.compile(r"(?P<language>[a-z]{2})_[A-Z]{2}_(?P<gender>[mf])_(?P<speaker>\w+)")

# Silences, beeps and rising tones; the tt-* jokes are other voices and monkeys.
_NO_PROMPT = re.compile(r"silence/.*|beep.*|tt-.*|.*-2tone")


def read(card: CorpusCard, root: Path, *, look: bool = True) -> Manifest:
    """Read the voices' folders; silences, beeps, tones and the ``tt-`` jokes are ``extra``."""
    no_options(card)
    require(card.id, root, _fits, "folders of voices named like it_IT_m_Carlo are")

    def parse(name: str, path: str) -> Row | Exclusion | None:
        folder, _, prompt = name.partition("/")
        voice = _VOICE.fullmatch(folder)
        if voice is None:
            return None
        if _NO_PROMPT.fullmatch(prompt):
            return Exclusion(name, "extra", "silence, a tone or a joke, not a prompt")
        return dict(voice.groupdict())

    return manifest_of_names(card, root, audio_files(root), parse, "in a folder like it_IT_m_Carlo")


def _fits(folder: Path) -> bool:
    return any(_VOICE.fullmatch(path.name) and path.is_dir() for path in folder.glob("*_*_*_*"))
