"""AccentDB: nine accents of English; ``data/indian/speaker_01/indian_s01_008.wav``.

``fold`` divides the sentences into five by the number in a file's name, so that files with one
number are in one fold, whoever speaks.
"""

import re
import zlib
from pathlib import Path

from paralbench.cards.corpus import CorpusCard
from paralbench.corpora.manifest import Exclusion, Manifest
from paralbench.corpora.readers.files import audio_files, require
from paralbench.corpora.readers.labels import Row
from paralbench.corpora.readers.names import manifest_of_names
from paralbench.corpora.readers.options import no_options

ACCENTS = (
    "american",
    "australian",
    "bangla",
    "british",
    "indian",
    "malayalam",
    "odiya",
    "telugu",
    "welsh",
)
FOLDS = 5

_PATH = re.compile(
    rf"(?:data/)?(?P<accent>{'|'.join(ACCENTS)})/speaker_(?P<speaker>[0-9]+)/(?P<file>[^/]+)"
)
_NUMBER = re.compile(r".*?([0-9]+)")


def read(card: CorpusCard, root: Path, *, look: bool = True) -> Manifest:
    """Read the folders of accents and speakers, in ``data/`` or in the folder itself.

    Raises:
        CorpusError: the folder is another one.
    """
    no_options(card)
    require(card.id, root, _fits, "data/ with folders like indian/speaker_01 is")

    def parse(name: str, path: str) -> Row | Exclusion | None:
        match = _PATH.fullmatch(name)
        if match is None:
            return None
        return {
            "utterance": f"{match['accent']}/speaker_{match['speaker']}/{match['file']}",
            "speaker": f"{match['accent']}-{match['speaker']}",
            "accent": match["accent"],
            "fold": _fold(match["file"]),
        }

    return manifest_of_names(
        card, root, audio_files(root), parse, "like data/indian/speaker_01/indian_s01_008"
    )


def _fold(file: str) -> str:
    number = _NUMBER.fullmatch(file)
    return str((int(number[1]) if number else zlib.crc32(file.encode())) % FOLDS + 1)


def _fits(folder: Path) -> bool:
    return any(
        (folder / place / accent).is_dir() and any((folder / place / accent).glob("speaker_*"))
        for place in ("data", ".")
        for accent in ACCENTS
    )
