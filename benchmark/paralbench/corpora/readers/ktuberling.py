"""KTuberling: names of things in many languages, ``en/hat.ogg``; speakers unknown."""

import filecmp
from pathlib import Path

from paralbench.cards.corpus import CorpusCard
from paralbench.corpora.manifest import Exclusion, Manifest
from paralbench.corpora.readers.files import AUDIO_SUFFIXES, audio_files, require
from paralbench.corpora.readers.labels import Row
from paralbench.corpora.readers.language_folders import language_of
from paralbench.corpora.readers.names import manifest_of_names
from paralbench.corpora.readers.options import no_options


def read(card: CorpusCard, root: Path, *, look: bool = True) -> Manifest:
    """Read the language folders.

    Serbian comes four times (``sr``, ``sr@latin``, ``sr@ijekavian``, ``sr@ijekavianlatin``), one
    per script and dialect of the written word, with the same recordings: a file that equals its
    namesake in the plain folder is excluded as ``duplicate-row``.
    """
    no_options(card)
    require(card.id, root, _fits, "folders of languages with audio in them are")
    files = audio_files(root)

    def parse(name: str, path: str) -> Row | Exclusion | None:
        folder, _, word = name.partition("/")
        language = language_of(folder)
        if language is None or not word or "/" in word:
            return None
        plain = files.find(f"{language}/{word}") if folder != language else None
        if plain is not None and filecmp.cmp(root / path, root / plain, shallow=False):
            return Exclusion(name, "copy", f"the same file as {plain}")
        return {"language": language}

    return manifest_of_names(card, root, files, parse, "like en/hat")


def _fits(folder: Path) -> bool:
    return any(
        language_of(below.name)
        and any(file.suffix.lower() in AUDIO_SUFFIXES for file in below.iterdir())
        for below in folder.iterdir()
        if below.is_dir()
    )
