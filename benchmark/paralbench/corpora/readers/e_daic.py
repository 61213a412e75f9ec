"""E-DAIC (AVEC 2019): interviews, ``300_P/300_AUDIO.wav`` and ``300_P/300_Transcript.csv``.

An utterance is a row of the transcript, which a speech recogniser made of the participant's speech;
a session is an interview, and its one participant is the speaker.
"""

from pathlib import Path

from paralbench.cards.corpus import CorpusCard
from paralbench.corpora.manifest import Exclusion, Manifest
from paralbench.corpora.readers.files import require
from paralbench.corpora.readers.interviews import (
    Table,
    has_table,
    manifest_of_rows,
    once,
    read_sessions,
    seconds,
    session_file,
)
from paralbench.corpora.readers.options import no_options
from paralbench.corpora.readers.tables import WHERE, read_table

PARTS = {
    part: (Table(f"{part}_split.csv", "PHQ_Binary", "PHQ_Score"),)
    for part in ("train", "dev", "test")
}
_TRANSCRIPTS = ("_Transcript.csv", "_TRANSCRIPT.csv", "_transcript.csv")


def read(card: CorpusCard, root: Path, *, look: bool = True) -> Manifest:
    """Read the tables of sessions and the transcripts; these are needed even without ``look``.

    Raises:
        CorpusError: the folder is another one, or a table or a transcript is damaged.
    """
    no_options(card)
    require(
        card.id,
        root,
        lambda folder: has_table(folder, PARTS["train"]),
        f"labels/{PARTS['train'][0].name}, with folders like 300_P, is",
    )
    given = [
        one for part, tables in PARTS.items() for one in read_sessions(card, root, part, tables)
    ]
    sessions, excluded = once(card, given)
    rows: list[dict[str, object]] = []
    for one in sessions:
        transcript = session_file(root, one.id, _TRANSCRIPTS)
        if transcript is None:
            lost = f"{one.id}_P/{one.id}{_TRANSCRIPTS[0]} ({one.where}): the whole session"
            excluded.append(Exclusion(one.id, "missing", lost))
            continue
        audio = f"{transcript.rpartition('/')[0]}/{one.id}_AUDIO.wav"
        table = read_table(card.id, root / transcript, ("Start_Time", "End_Time", "Text"))
        lines: list[dict[str, str]] = table.to_dict("records")  # type: ignore[assignment]
        for number, line in enumerate(lines, 1):
            begin = seconds(card, line["Start_Time"], line[WHERE])
            end = seconds(card, line["End_Time"], line[WHERE])
            if begin >= end:
                told = f"{line[WHERE]}: it ends where it begins, or before"
                excluded.append(Exclusion(one.utterance(number), "no-speech", told))
            else:
                rows.append(one.row(number, audio, (begin, end), line["Text"], line[WHERE]))
    return manifest_of_rows(card, root, rows, excluded, look)
