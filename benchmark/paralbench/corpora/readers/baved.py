"""BAVED: Arabic words at three levels of emotion; ``0/0-m-21-0-1-105`` tells everything."""

import json
import re
from pathlib import Path

from paralbench.cards.corpus import CorpusCard
from paralbench.corpora.manifest import Exclusion, Manifest
from paralbench.corpora.readers.files import audio_files, require
from paralbench.corpora.readers.labels import Row, contradiction
from paralbench.corpora.readers.names import manifest_of_names
from paralbench.corpora.readers.noted import read_noted
from paralbench.corpora.readers.options import no_options
from paralbench.errors import CorpusError

# speaker, gender, age, word, level of emotion, record
_NAME = re.compile(
    r"(?P<speaker>[0-9]+)-(?P<gender>[mf])-(?P<age>[0-9]+)-(?P<word>[0-6])-(?P<level>[0-9])-[0-9]+"
)

_LEVELS = {"0": "low", "1": "neutral", "2": "high"}

_WORDS = ("اعجبني", "لم يعجبني", "هذا", "الفيلم", "رائع", "مقول", "سيئ")


def read(card: CorpusCard, root: Path, *, look: bool = True) -> Manifest:
    """Read the seven word folders; ``speakers_info.json``, where it is, must agree with the names.

    Raises:
        CorpusError: the folder is another one, or ``speakers_info.json`` cannot be read.
    """
    no_options(card)
    require(card.id, root, _fits, "folders 0 to 6 with files named like 0-m-21-0-1-105.wav are")
    known = _speakers(card, root / "speakers_info.json")

    def parse(name: str, path: str) -> Row | Exclusion | None:
        folder, _, stem = name.rpartition("/")
        match = _NAME.fullmatch(stem)
        if match is None:
            return None
        in_name = (match["gender"], match["age"])
        in_table = known.setdefault(match["speaker"], in_name)
        if in_name != in_table:
            return contradiction(
                stem, f"gender and age of speaker {match['speaker']}", in_name, in_table
            )
        return {
            "utterance": stem,
            "speaker": match["speaker"],
            "gender": match["gender"],
            "age": match["age"],
            "level": match["level"],
            # Folder and name each tell the word; where they differ it is not known.
            "transcript": _WORDS[int(match["word"])] if folder == match["word"] else None,
        }

    return manifest_of_names(
        card, root, audio_files(root), parse, "like 0/0-m-21-0-1-105", {"level": _LEVELS}
    )


def _fits(folder: Path) -> bool:
    return any(_NAME.fullmatch(path.stem) for path in folder.glob("[0-6]/*-[mf]-*"))


def _speakers(card: CorpusCard, file: Path) -> dict[str, tuple[str, str]]:
    """Gender and age by speaker, as the corpus's own table gives them."""
    if not file.is_file():
        return {}
    try:
        table = json.loads(read_noted(file))
        return {name: (str(one["gender"]), str(one["age"])) for name, one in table.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorpusError(f"{card.id}: {file} is not a table of speakers: {error!r}.") from None
