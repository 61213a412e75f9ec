"""FluencyBank's interviews as SEP-28k's owners cut and annotated them.

An interview is one participant, whose age and sex the recording's name tells (``46ma.mp4``: 46
years, male, the first of two such); ``fluencybank_episodes.csv`` names the recordings.
"""

import re
from pathlib import Path

from paralbench.cards.corpus import CorpusCard
from paralbench.corpora.manifest import Manifest
from paralbench.corpora.readers.files import require
from paralbench.corpora.readers.options import no_options
from paralbench.corpora.readers.stutter_clips import manifest_of_clips, read_votes
from paralbench.corpora.readers.tables import lookup, read_table

VOTES, EPISODES = "fluencybank_labels.csv", "fluencybank_episodes.csv"

_RECORDING = re.compile(r"(?P<age>[0-9]+)(?P<gender>[fm])[a-z]?\.\w+")


def read(card: CorpusCard, root: Path, *, look: bool = True) -> Manifest:
    """Read the votes, and age and gender where the table of recordings is.

    Raises:
        CorpusError: the folder is another one, or a table is damaged or lacks a column.
    """
    no_options(card)
    require(card.id, root, lambda folder: (folder / VOTES).is_file(), f"{VOTES} is")
    frame = read_votes(card, root, root / VOTES)
    frame["speaker"] = frame["session"]
    ages, genders = _people(card, root / EPISODES)
    frame["age"] = [ages.get(session, "") for session in frame["session"]]
    frame["gender"] = [genders.get(session, "") for session in frame["session"]]
    return manifest_of_clips(card, root, frame, look)


def _people(card: CorpusCard, file: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Age and gender by session; none where the table or the form of the name is another."""
    if not file.is_file():
        return {}, {}
    columns = ("title", "episode", "address", "Show", "EpId")
    table = read_table(card.id, file, columns, header=False)
    table["session"] = table["Show"] + "_" + table["EpId"]
    found = {
        session: match
        for session, address in lookup(table, "session", "address").items()
        if (match := _RECORDING.fullmatch(address.rpartition("/")[2]))
    }
    return (
        {session: match["age"] for session, match in found.items()},
        {session: match["gender"] for session, match in found.items()},
    )
