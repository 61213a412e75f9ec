"""IEMOCAP: five sessions of two actors each; labels in ``Session1/dialog/EmoEvaluation/*.txt``.

A line ``[6.2901 - 8.2357] Ses01F_impro01_F000 neu [2.5000, 2.5000, 2.5000]`` is a turn, its label
and its **valence, activation, dominance**; the raters' own lines below are not read, nor are the
folders of single raters. Who speaks is the session and the **last** letter, here Ses01 and F: the
letter after the session tells who wears the markers, and differs from it in half of the turns.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from paralbench.cards.corpus import CorpusCard
from paralbench.corpora.manifest import Manifest
from paralbench.corpora.readers.files import require
from paralbench.corpora.readers.listing import manifest_of_table
from paralbench.corpora.readers.options import no_options
from paralbench.corpora.readers.tables import WHERE, read_text
from paralbench.errors import CorpusError

SESSIONS = tuple(f"Session{number}" for number in range(1, 6))

_LINE = re.compile(
    r"\[\s*([0-9.]+)\s*-\s*([0-9.]+)\s*\]\s+(\S+)\s+(\S+)\s+"
    r"\[\s*([0-9.]+)\s*,\s*([0-9.]+)\s*,\s*([0-9.]+)\s*\]"
)
_TURN = re.compile(r"((Ses0([1-5]))[FM]_\S+)_([FM])[0-9]+")

_EMOTIONS = {
    "neu": "neutral",
    "hap": "happiness",
    "ang": "anger",
    "sad": "sadness",
    "exc": "excitement",
    "fru": "frustration",
    "sur": "surprise",
    "fea": "fear",
    "dis": "disgust",
    "oth": "other",
    "xxx": "no agreement",
}
# The four classes of most papers; excitement counts as happiness.
_FOUR = {
    "ang": "anger",
    "hap": "happiness",
    "exc": "happiness",
    "neu": "neutral",
    "sad": "sadness",
} | dict.fromkeys(("fru", "sur", "fea", "dis", "oth", "xxx"), "")


def read(card: CorpusCard, root: Path, *, look: bool = True) -> Manifest:
    """Read the evaluations and the transcriptions of every session.

    Raises:
        CorpusError: the folder is another one, a session is missing, or a line is damaged.
    """
    no_options(card)
    require(card.id, root, _fits, "Session1/ to Session5/, each with dialog/EmoEvaluation/, are")
    rows: list[dict[str, object]] = []
    for session in SESSIONS:
        words = dict(_transcripts(card, root / session / "dialog" / "transcriptions"))
        folder = root / session / "dialog" / "EmoEvaluation"
        files = _texts(folder)
        if not files:
            raise CorpusError(f"{card.id}: {folder} holds no evaluations (Ses01F_impro01.txt ...).")
        for file in files:
            rows += [
                {**row, "transcript": words.get(row["utterance"])} for row in _turns(card, file)
            ]
    values = {"emotion": _EMOTIONS, "emotion-4": _FOUR}
    return manifest_of_table(card, root, pd.DataFrame(rows), look=look, values=values)


def _fits(folder: Path) -> bool:
    return all((folder / name / "dialog" / "EmoEvaluation").is_dir() for name in SESSIONS)


def _texts(folder: Path) -> list[Path]:
    """The text files of a folder, without ``._`` litter and without those of its folders."""
    return sorted(one for one in folder.glob("*.txt") if one.name[0] != "." and one.is_file())


def _turns(card: CorpusCard, file: Path) -> Iterator[dict[str, str]]:
    for number, line in enumerate(read_text(card.id, file).splitlines(), 1):
        if not line.startswith("["):
            continue
        where = f"{file.name}, line {number}"
        found = _LINE.fullmatch(line.strip())
        if found is None:
            raise CorpusError(
                f"{card.id}: {file}, line {number}: {line!r} is not like '[6.2901 - 8.2357] "
                "Ses01F_impro01_F000 neu [2.5000, 2.5000, 2.5000]'."
            )
        _, _, name, emotion, valence, activation, dominance = found.groups()
        turn = _TURN.fullmatch(name)
        if turn is None:
            raise CorpusError(
                f"{card.id}: {file}, line {number}: the turn {name!r} is not like "
                "Ses01F_impro01_F000."
            )
        dialog, session, folder, letter = turn.groups()
        yield {
            "utterance": name,
            "path": f"Session{folder}/sentences/wav/{dialog}/{name}.wav",
            "speaker": f"{session}{letter}",
            "session": session,
            "gender": letter,
            "emotion": emotion,
            "emotion-4": emotion,
            "valence": valence,
            "arousal": activation,
            "dominance": dominance,
            WHERE: where,
        }


def _transcripts(card: CorpusCard, folder: Path) -> Iterator[tuple[str, str]]:
    """Turn and words; a line is ``Ses01F_impro01_F000 [006.2901-008.2357]: Excuse me.`` or none."""
    for file in _texts(folder):
        for line in read_text(card.id, file).splitlines():
            head, colon, words = line.partition("]:")
            if colon:
                yield head.split("[")[0].strip(), words.strip()
