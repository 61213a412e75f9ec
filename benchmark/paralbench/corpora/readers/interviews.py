"""Clinical interviews with a score of depression, as DAIC-WOZ and E-DAIC lay them out."""

import logging
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from paralbench.cards.corpus import CorpusCard
from paralbench.corpora.manifest import Exclusion, Manifest, manifest_of_frame
from paralbench.corpora.readers.listing import Values, manifest_of_table
from paralbench.corpora.readers.tables import WHERE, first_file, read_table
from paralbench.errors import CorpusError

_log = logging.getLogger(__name__)

DEPRESSED, NOT_DEPRESSED = "depressed", "not depressed"
_CUT_OFF = 10  # a PHQ-8 score from here on counts as depression
_SCORES = range(25)
_BINARY = {"": "", "0": NOT_DEPRESSED, "1": DEPRESSED}

# Sessions whose binary label is known to be wrong, in DAIC-WOZ at least: a score of 10, and 0.
_WRONG_BINARY = ("409",)

_LABELS = ("", "labels/", "Labels/")  # where people put the tables of sessions
_SESSIONS = ("", "data/", "Data/")  # and the sessions' folders


@dataclass(frozen=True)
class Table:
    """One of the owners' tables of sessions.

    Attributes:
        name: the file.
        binary, score: its columns; None in a table without labels.
    """

    name: str
    binary: str | None = None
    score: str | None = None


@dataclass(frozen=True)
class Session:
    """What a row of a table says.

    Attributes:
        id: the participant's number.
        split: train, dev or test.
        gender: as the table writes it.
        phq8: the score, or nothing.
        depression: by the score, or nothing.
        binary: depression as the table has it, or nothing.
        where: the table and the line.
    """

    id: str
    split: str
    gender: str
    phq8: str
    depression: str
    binary: str
    where: str

    def row(
        self, number: int, path: str, times: tuple[float, float], text: str, where: str
    ) -> dict[str, object]:
        """One utterance of it, by its number and its place in the transcript."""
        return {
            "utterance": self.utterance(number),
            "path": path,
            "start": times[0],
            "end": times[1],
            "speaker": self.id,
            "session": self.id,
            "split": self.split,
            "gender": self.gender,
            "transcript": text,
            "depression": self.depression,
            "phq8": self.phq8,
            WHERE: where,
        }

    def utterance(self, number: int) -> str:
        """The id of an utterance."""
        return f"{self.id}_{number:04}"


def table_names(tables: tuple[Table, ...]) -> list[str]:
    """Where tables may be, the preferred place of the preferred table first."""
    return [f"{folder}{table.name}" for table in tables for folder in _LABELS]


def has_table(root: Path, tables: tuple[Table, ...]) -> bool:
    """Whether one of the tables is there."""
    return any((root / name).is_file() for name in table_names(tables))


def read_sessions(
    card: CorpusCard, root: Path, split: str, tables: tuple[Table, ...]
) -> list[Session]:
    """The sessions of one part, from the first of the tables that is there.

    Raises:
        CorpusError: no table is there, it is damaged or lacks a column, or a score is no score.
    """
    file = first_file(card.id, root, table_names(tables))
    table = next(one for one in tables if one.name == file.name)
    columns = ["Participant_ID", "Gender"]
    columns += [one for one in (table.binary, table.score) if one is not None]
    rows: list[dict[str, str]] = read_table(card.id, file, columns).to_dict("records")  # type: ignore[assignment]
    found = []
    for row in rows:
        score = row[table.score] if table.score else ""
        binary = row[table.binary] if table.binary else ""
        binary = _BINARY.get(binary, binary)  # another value is told as unknown
        found.append(
            Session(
                id=row["Participant_ID"],
                split=split,
                gender=row["Gender"],
                phq8=score,
                depression=_depression(card, score, row[WHERE]) if score else binary,
                binary=binary,
                where=row[WHERE],
            )
        )
    return found


def _depression(card: CorpusCard, score: str, where: str) -> str:
    try:
        number = float(score)
    except ValueError:
        number = -1.0
    if number not in _SCORES:
        raise CorpusError(
            f"{card.id}: {where}: the PHQ-8 score {score!r} is not allowed. Allowed: 0 to 24."
        )
    return DEPRESSED if number >= _CUT_OFF else NOT_DEPRESSED


def once(card: CorpusCard, sessions: list[Session]) -> tuple[list[Session], list[Exclusion]]:
    """Each session once; a second row for one is a fault.

    Where the binary label contradicts the score, the score counts, and a warning says so, unless it
    is known.
    """
    found: dict[str, Session] = {}
    again = []
    for one in sessions:
        if one.id in found:
            again.append(Exclusion(one.id, "duplicate-row", f"{one.where}: the whole session"))
            continue
        found[one.id] = one
        if one.binary not in ("", one.depression) and one.id not in _WRONG_BINARY:
            _log.warning(
                "%s: %s: %s is %s by its binary label, but its score is %s; the score counts.",
                card.id,
                one.where,
                one.id,
                one.binary,
                one.phq8,
            )
    return list(found.values()), again


def session_file(root: Path, session: str, names: tuple[str, ...]) -> str | None:
    """A file of a session, relative to the root: ``300_P/300_AUDIO.wav``; the first that is there.

    Args:
        root: the corpus folder.
        session: the participant's number.
        names: what follows the number, such as ``_AUDIO.wav``.
    """
    places = [f"{folder}{session}_P/{session}{name}" for folder in _SESSIONS for name in names]
    return next((place for place in places if (root / place).is_file()), None)


def seconds(card: CorpusCard, text: str, where: str) -> float:
    """A time in a transcript.

    Raises:
        CorpusError: it is no number.
    """
    try:
        return float(text)
    except ValueError:
        raise CorpusError(f"{card.id}: {where}: {text!r} is no number of seconds.") from None


def manifest_of_rows(
    card: CorpusCard,
    root: Path,
    rows: list[dict[str, object]],
    excluded: list[Exclusion],
    look: bool,
    values: Values | None = None,
) -> Manifest:
    """The manifest of the utterances of all sessions.

    Raises:
        CorpusError: there are none.
    """
    if not rows:
        return manifest_of_frame(card.id, root, pd.DataFrame(), excluded)  # says so
    return manifest_of_table(
        card, root, pd.DataFrame(rows), look=look, values=values, excluded=tuple(excluded)
    )
