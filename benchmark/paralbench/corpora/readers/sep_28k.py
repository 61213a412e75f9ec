"""SEP-28k: clips of podcasts by people who stutter, with annotators' votes on disfluencies.

Speakers and parts are in ``SEP-28k-Extended_clips.csv`` (th-nuernberg's SEP-28k-Extended), which
may stand alone, since it repeats the votes. Without it neither is known: then no task with a split
can run, and a warning says so. ``split`` is its SEP28k-E; a session is an episode.
"""

import logging
from pathlib import Path

import pandas as pd

from paralbench.cards.corpus import CorpusCard
from paralbench.corpora.manifest import Exclusion, Manifest
from paralbench.corpora.readers.files import require
from paralbench.corpora.readers.options import no_options
from paralbench.corpora.readers.stutter_clips import manifest_of_clips, read_votes
from paralbench.corpora.readers.tables import WHERE, first_file, lookup, read_table
from paralbench.errors import CorpusError

_log = logging.getLogger(__name__)

VOTES, EXTENDED = "SEP-28k_labels.csv", "SEP-28k-Extended_clips.csv"


def read(card: CorpusCard, root: Path, *, look: bool = True) -> Manifest:
    """Read the votes, and the speakers and parts where they are.

    Clips of the development and test parts for which SEP-28k-Extended names no speaker are left
    out as ``speaker-unknown``: they could be by a host, and the hosts are the training part.

    Raises:
        CorpusError: the folder is another one, a table is damaged or lacks a column, or the two
            tables list different clips.
    """
    no_options(card)
    require(card.id, root, _fits, f"{VOTES} or {EXTENDED} is")
    votes = first_file(card.id, root, (VOTES, EXTENDED))
    frame = read_votes(card, root, votes)
    excluded: tuple[Exclusion, ...] = ()
    if (root / EXTENDED).is_file():
        frame = _with_speakers(card, frame, root / EXTENDED, votes.name)
        nameless = (frame["speaker"] == "") & (frame["split"] != "train")
        excluded = tuple(
            Exclusion(name, "speaker-unknown", "may be a host, who speaks in the training part")
            for name in frame["utterance"][nameless]
        )
        frame = frame.loc[~nameless]
    else:
        _log.warning(
            "%s: %s is not in %s: speakers and parts are not known, and tasks with a split cannot "
            "run. Put it there; it is in the repository th-nuernberg/ml-stuttering-events-dataset-"
            "extended on GitHub.",
            card.id,
            EXTENDED,
            root,
        )
    return manifest_of_clips(card, root, frame, look, excluded)


def _fits(folder: Path) -> bool:
    return (folder / VOTES).is_file() or (folder / EXTENDED).is_file()


def _with_speakers(card: CorpusCard, frame: pd.DataFrame, file: Path, votes: str) -> pd.DataFrame:
    table = read_table(card.id, file, ("Show", "EpId", "ClipId", "speaker", "SEP28k-E"))
    table["utterance"] = table["Show"] + "_" + table["EpId"] + "_" + table["ClipId"]
    for one, other, lacks in ((frame, table, file.name), (table, frame, votes)):
        places = dict(zip(one["utterance"], one[WHERE], strict=True))
        lost = sorted(set(places) - set(other["utterance"]))
        if lost:
            raise CorpusError(
                f"{card.id}: {len(lost)} clips are not in {lacks}, such as {lost[0]} "
                f"({places[lost[0]]}). Are the two tables of the same release?"
            )
    speakers, parts = lookup(table, "utterance", "speaker"), lookup(table, "utterance", "SEP28k-E")
    frame["speaker"] = [speakers[name] for name in frame["utterance"]]
    frame["split"] = [parts[name] for name in frame["utterance"]]
    return frame
