"""L2-ARCTIC: sentences read in English by 24 speakers of six other first languages.

Sex and first language of each speaker are the owners' table. ``fold`` divides the speakers into
four groups with one speaker of each first language, three women and three men in each.
"""

import re
from pathlib import Path

import pandas as pd

from paralbench.cards.corpus import CorpusCard
from paralbench.corpora.manifest import Exclusion, Manifest
from paralbench.corpora.readers.files import audio_files, require
from paralbench.corpora.readers.listing import manifest_of_table
from paralbench.corpora.readers.options import no_options
from paralbench.corpora.readers.tables import WHERE, read_text
from paralbench.errors import CorpusError

# speaker: first language, sex, fold
SPEAKERS = {
    "ABA": ("arabic", "male", "1"),
    "SKA": ("arabic", "female", "2"),
    "YBAA": ("arabic", "male", "3"),
    "ZHAA": ("arabic", "female", "4"),
    "LXC": ("chinese", "female", "1"),
    "BWC": ("chinese", "male", "2"),
    "NCC": ("chinese", "female", "3"),
    "TXHC": ("chinese", "male", "4"),
    "ASI": ("hindi", "male", "1"),
    "SVBI": ("hindi", "female", "2"),
    "RRBI": ("hindi", "male", "3"),
    "TNI": ("hindi", "female", "4"),
    "HJK": ("korean", "female", "1"),
    "HKK": ("korean", "male", "2"),
    "YDCK": ("korean", "female", "3"),
    "YKWK": ("korean", "male", "4"),
    "EBVS": ("spanish", "male", "1"),
    "MBMPS": ("spanish", "female", "2"),
    "ERMS": ("spanish", "male", "3"),
    "NJS": ("spanish", "female", "4"),
    "PNV": ("vietnamese", "female", "1"),
    "HQTV": ("vietnamese", "male", "2"),
    "THV": ("vietnamese", "female", "3"),
    "TLV": ("vietnamese", "male", "4"),
}

_NAME = re.compile(r"arctic_[ab][0-9]{4}")
_SPONTANEOUS = "suitcase_corpus"


def read(card: CorpusCard, root: Path, *, look: bool = True) -> Manifest:
    """Read the speakers' folders: ``wav/`` and, where it is, ``transcript/``.

    A sentence with a transcript and no recording is missing. The stories of ``suitcase_corpus/``
    are left out: a minute of spontaneous speech each, of 22 speakers.

    Raises:
        CorpusError: the folder is another one, or a transcript is no text.
    """
    no_options(card)
    require(card.id, root, _fits, "speakers' folders like ABA/wav are")
    rows = [row for speaker in SPEAKERS for row in _rows(card, root, speaker)]
    if not rows:
        raise CorpusError(f"{card.id}: {root} holds no file like ABA/wav/arctic_a0001.wav.")
    stories = root / _SPONTANEOUS
    excluded = tuple(
        Exclusion(f"{_SPONTANEOUS}/{name}", "extra", "a retold story, not a read sentence")
        for name, _ in (audio_files(stories) if look and stories.is_dir() else ())
    )
    return manifest_of_table(card, root, pd.DataFrame(rows), look=look, excluded=excluded)


def _rows(card: CorpusCard, root: Path, speaker: str) -> list[dict[str, str]]:
    folder = _folder(root, speaker)
    if folder is None:
        return []
    accent, gender, fold = SPEAKERS[speaker]
    place = folder.relative_to(root).as_posix()
    spoken = {name for name, _ in audio_files(folder / "wav") if _NAME.fullmatch(name)}
    texts = {file.stem for file in (folder / "transcript").glob("arctic_*.txt")}
    return [
        {
            "utterance": f"{speaker}/{name}",
            "path": f"{place}/wav/{name}.wav",
            "speaker": speaker,
            "gender": gender,
            "accent": accent,
            "fold": fold,
            "transcript": _text(card, folder / "transcript" / f"{name}.txt", name in texts),
            WHERE: f"{place}/transcript/{name}.txt" if name in texts else f"{place}/wav",
        }
        for name in sorted(spoken | {text for text in texts if _NAME.fullmatch(text)})
    ]


def _text(card: CorpusCard, file: Path, there: bool) -> str:
    return read_text(card.id, file).strip() if there else ""


def _folder(root: Path, speaker: str) -> Path | None:
    """A speaker's folder; where each archive was unpacked into a folder of its own, one below."""
    for folder in (root / speaker, root / speaker / speaker):
        if (folder / "wav").is_dir() or (folder / "transcript").is_dir():
            return folder
    return None


def _fits(folder: Path) -> bool:
    return any(_folder(folder, speaker) is not None for speaker in SPEAKERS)
