"""Clips of three seconds with three annotators' votes, as SEP-28k and its FluencyBank part."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import cast

import pandas as pd

from paralbench.cards.corpus import CorpusCard
from paralbench.corpora.manifest import Exclusion, Manifest
from paralbench.corpora.readers.files import AUDIO_SUFFIXES
from paralbench.corpora.readers.listing import manifest_of_table
from paralbench.corpora.readers.tables import WHERE, read_table
from paralbench.errors import CorpusError

_log = logging.getLogger(__name__)

EVENTS = {
    "Prolongation": "prolongation",
    "Block": "block",
    "SoundRep": "sound-repetition",
    "WordRep": "word-repetition",
    "Interjection": "interjection",
}
_FLUENT = "NoStutteredWords"
_VOTES = {"0": 0, "1": 1, "2": 2, "3": 3}
_ENOUGH = 2  # of three annotators

_FOLDERS = ("clips", "Clips")  # what people give the owners' extract_clips.py; else the root


def read_votes(card: CorpusCard, root: Path, file: Path) -> pd.DataFrame:
    """The owners' table of votes as labels.

    An event is ``present`` in a clip where at least two of three annotators heard it. ``stutter``
    is ``stutter`` with any of the five events, ``fluent`` where at least two annotators heard no
    stuttered words and none of the five is present; the other clips have none.

    Returns:
        ``utterance, path, session, episode, speaker``, a column for each label, and ``where``.

    Raises:
        CorpusError: the table is damaged or lacks a column, or a vote is not 0 to 3.
    """
    keys = ("Show", "EpId", "ClipId")
    table = read_table(card.id, file, (*keys, *EVENTS, _FLUENT))
    session = table["Show"] + "_" + table["EpId"]
    name = session + "_" + table["ClipId"]
    folder = next((f"{one}/" for one in _FOLDERS if (root / one).is_dir()), "")
    found = pd.DataFrame(
        {
            "utterance": name,
            "path": folder + table["Show"] + "/" + table["EpId"] + "/" + name + ".wav",
            "session": session,
            WHERE: table[WHERE],
        }
    )
    heard = {name: _votes(card, table, name) >= _ENOUGH for name in (*EVENTS, _FLUENT)}
    any_event = pd.DataFrame({column: heard[column] for column in EVENTS}).any(axis=1)
    for column, label in EVENTS.items():
        found[label] = _words(heard[column], "present", "absent")
    fluent = _words(heard[_FLUENT], "fluent", "")
    found["stutter"] = fluent.mask(any_event, "stutter")
    return found


def manifest_of_clips(
    card: CorpusCard,
    root: Path,
    frame: pd.DataFrame,
    look: bool,
    excluded: tuple[Exclusion, ...] = (),
) -> Manifest:
    """The manifest of clips that the user has cut out of the recordings.

    The owners link to recordings, some of which are gone. A recording without a single clip is
    left out as ``unavailable``; a clip that is missing beside others is ``missing``.

    Raises:
        CorpusError: nothing is left.
    """
    gone: list[Exclusion] = []
    folder = next((one for one in _FOLDERS if (root / one).is_dir()), ".")
    if look:
        places = frame["path"].str.rpartition("/")[0]
        absent = {one for one in places.unique() if not _has_audio(root / one)}
        out = places.isin(list(absent))
        gone = [
            Exclusion(name, "unavailable", f"{place}/ has no clips")
            for name, place in zip(frame["utterance"][out], places[out], strict=True)
        ]
        if absent:
            _log.warning(
                "%s: %d of %d recordings have no clips (%d clips), such as %s.",
                card.id,
                len(absent),
                places.nunique(),
                len(gone),
                min(absent),
            )
        frame = frame.loc[~out]
    manifest = manifest_of_table(
        card, root, frame, look=look, folder=folder, excluded=(*excluded, *gone)
    )
    # Recordings and the clips of the owners' other corpus often lie in the same folder.
    shows = {name.split("_", 1)[0] for name in frame["session"].unique()}
    known = {one.utterance for one in excluded}
    kept = [
        one
        for one in manifest.excluded
        if one.reason != "extra" or _is_clip(one.utterance, shows, known)
    ]
    return replace(manifest, excluded=tuple(kept))


def _votes(card: CorpusCard, table: pd.DataFrame, column: str) -> pd.Series:
    votes = cast(pd.Series, table[column]).map(_VOTES.get)
    wrong = votes.isna().to_numpy()
    if wrong.any():
        place = int(wrong.argmax())
        raise CorpusError(
            f"{card.id}: {table[WHERE].iloc[place]}: {column}: {table[column].iloc[place]!r} is "
            "not allowed. Allowed: the votes of three annotators, 0 to 3."
        )
    return votes.astype("int64")  # type: ignore[return-value]


def _words(which: pd.Series, yes: str, no: str) -> pd.Series:
    return which.map({True: yes, False: no}.get).astype("string")  # type: ignore[return-value]


def _has_audio(folder: Path) -> bool:
    return folder.is_dir() and any(
        one.suffix.lower() in AUDIO_SUFFIXES and one.name[0] != "." for one in folder.iterdir()
    )


def _is_clip(path: str, shows: set[str], known: set[str]) -> bool:
    parts = path.split("/")
    return len(parts) == 3 and parts[0] in shows and parts[2] not in known
