"""DAIC-WOZ: clinical interviews, ``300_P/300_AUDIO.wav`` and ``300_P/300_TRANSCRIPT.csv``.

An utterance is a row of the transcript that is the participant's; a session is an interview, and
its one participant is the speaker. The rows of the interviewer, Ellie, are not read. What is known
to be wrong with the corpus is put right here: see the card's traps.
"""

import re
from pathlib import Path

from paralbench.cards.corpus import CorpusCard
from paralbench.corpora.manifest import Exclusion, Manifest
from paralbench.corpora.readers.files import require
from paralbench.corpora.readers.interviews import (
    Session,
    Table,
    has_table,
    manifest_of_rows,
    once,
    read_sessions,
    seconds,
    session_file,
)
from paralbench.corpora.readers.options import no_options
from paralbench.corpora.readers.tables import read_text
from paralbench.errors import CorpusError

PARTS = {
    "train": (Table("train_split_Depression_AVEC2017.csv", "PHQ8_Binary", "PHQ8_Score"),),
    "dev": (Table("dev_split_Depression_AVEC2017.csv", "PHQ8_Binary", "PHQ8_Score"),),
    "test": (
        Table("full_test_split.csv", "PHQ_Binary", "PHQ_Score"),
        Table("test_split_Depression_AVEC2017.csv"),
    ),
}
_GENDERS = {"0": "male", "1": "female"}

# Seconds by which a session's transcript is early (found by adbailey1/daic_woz_process).
OFFSETS = {"318": 34.319917, "321": 3.8379167, "341": 6.1892, "362": 16.8582}

# Seconds in which somebody enters the room. For 373 the owners' manual gives 5:52 to 7:00 and
# adbailey1/daic_woz_process 395 to 428 s; this is both.
INTERRUPTIONS = {"373": (352.0, 428.0), "444": (286.0, 387.0)}

_COLUMNS = ["start_time", "stop_time", "speaker", "value"]
_SIGNAL = re.compile(r"[<\[]synch?(?:ing)?[>\]]", re.IGNORECASE)
_SCRUBBED = "scrubbed_entry"  # the waveform is zeroed there


def read(card: CorpusCard, root: Path, *, look: bool = True) -> Manifest:
    """Read the tables of sessions and the transcripts; these are needed even without ``look``.

    Rows that hold a signal, scrubbed or interrupted speech are left out as ``no-speech``, a session
    without a transcript as ``missing``.

    Raises:
        CorpusError: the folder is another one, or a table or a transcript is damaged.
    """
    no_options(card)
    require(
        card.id,
        root,
        lambda folder: has_table(folder, PARTS["train"]),
        f"{PARTS['train'][0].name}, with folders like 300_P, is",
    )
    given = [
        one for part, tables in PARTS.items() for one in read_sessions(card, root, part, tables)
    ]
    sessions, excluded = once(card, given)
    rows: list[dict[str, object]] = []
    for one in sessions:
        transcript = session_file(root, one.id, ("_TRANSCRIPT.csv",))
        if transcript is None:
            lost = f"{one.id}_P/{one.id}_TRANSCRIPT.csv ({one.where}): the whole session"
            excluded.append(Exclusion(one.id, "missing", lost))
            continue
        _read_transcript(card, root, transcript, one, rows, excluded)
    return manifest_of_rows(card, root, rows, excluded, look, {"gender": _GENDERS})


def _read_transcript(
    card: CorpusCard,
    root: Path,
    transcript: str,
    session: Session,
    rows: list[dict[str, object]],
    excluded: list[Exclusion],
) -> None:
    file = root / transcript
    audio = f"{transcript.rpartition('/')[0]}/{session.id}_AUDIO.wav"
    shift = OFFSETS.get(session.id, 0.0)
    lines = re.split(r"\r\n|\r|\n", read_text(card.id, file))
    names = [name.strip().lower() for name in lines[0].split("\t")]
    if names != _COLUMNS:
        raise CorpusError(
            f"{card.id}: {file}: the columns {', '.join(_COLUMNS)}, separated by tabs, are "
            f"expected; it has {', '.join(map(repr, names)) or 'none'}."
        )
    for number, line in enumerate(lines[1:], 2):
        cells = [cell.strip() for cell in line.split("\t")]
        cells += [""] * (len(_COLUMNS) - len(cells))  # an empty last cell may lack its tab
        start, stop, speaker, text = cells[: len(_COLUMNS)]
        if not any(cells):
            continue
        where = f"{file.name}, line {number}"
        if not speaker or any(cells[len(_COLUMNS) :]):
            raise CorpusError(f"{card.id}: {where}: not {len(_COLUMNS)} cells: {line!r}.")
        if speaker.lower() != "participant":
            continue
        begin, end = (seconds(card, one, where) + shift for one in (start, stop))
        reason = _unusable(session.id, begin, end, text)
        if reason:
            told = f"{where}: {reason}"
            excluded.append(Exclusion(session.utterance(number), "no-speech", told))
        else:
            rows.append(session.row(number, audio, (begin, end), text, where))


def _unusable(session: str, begin: float, end: float, text: str) -> str | None:
    """Why a row is no speech of the participant; None where it is."""
    if begin >= end:
        return "it ends where it begins, or before"
    if _SIGNAL.search(text):
        return "a signal"
    if _SCRUBBED in text.lower():
        return "scrubbed"
    first, last = INTERRUPTIONS.get(session, (0.0, 0.0))
    if begin < last and end > first:
        return "interrupted"
    return None
