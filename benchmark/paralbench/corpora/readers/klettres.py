"""KLettres: letters and syllables by volunteers, ``en_GB/alpha/a.ogg``; speakers unknown."""

from pathlib import Path

from paralbench.cards.corpus import CorpusCard
from paralbench.corpora.manifest import Manifest
from paralbench.corpora.readers.files import audio_files, require
from paralbench.corpora.readers.labels import Row
from paralbench.corpora.readers.language_folders import language_of
from paralbench.corpora.readers.names import manifest_of_names
from paralbench.corpora.readers.options import no_options

_KINDS = ("alpha", "syllab")


def read(card: CorpusCard, root: Path, *, look: bool = True) -> Manifest:
    """Read the language folders; variants (en_GB, pt_BR) count to their language."""
    no_options(card)
    require(card.id, root, _fits, "folders of languages, each with a folder alpha, are")

    def parse(name: str, path: str) -> Row | None:
        parts = name.split("/")
        language = language_of(parts[0])
        if language is None or len(parts) != 3 or parts[1] not in _KINDS:
            return None
        return {"language": language}

    return manifest_of_names(card, root, audio_files(root), parse, "like en_GB/alpha/a")


def _fits(folder: Path) -> bool:
    return any(language_of(path.parent.name) for path in folder.glob("*/alpha"))
