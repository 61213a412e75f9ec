"""MSP-Podcast, releases 1.8 to 2.0: turns of podcasts, one row of consensus labels each.

The releases differ in the table's name (``labels_concensus``, sic, in 1.8), its form (CSV or JSON),
the folder of the audio (``Audios`` or ``Audio``) and the word for development (``Validation`` in
1.8). ``split`` is Train, Development and Test1; Test2 shares speakers with Test1 and belongs to no
part, and the labels of Test3 are kept by the owners. ``session`` is left missing: the podcast's
number in a turn's name is no unit that the owners keep apart. Transcripts, a file per turn, are not
read: the parts share no speaker, so that no speaker says the same words in two of them.
"""

import json
from pathlib import Path
from typing import Any, cast

import pandas as pd

from paralbench.cards.corpus import CorpusCard
from paralbench.corpora.manifest import Exclusion, Manifest
from paralbench.corpora.readers.files import require, without_suffix
from paralbench.corpora.readers.listing import manifest_of_table
from paralbench.corpora.readers.options import no_options
from paralbench.corpora.readers.tables import WHERE, first_file, read_table, read_text
from paralbench.errors import CorpusError

_FOLDERS = ("Labels", "labels", "Label", "label", ".")
_NAMES = ("labels_consensus", "labels_concensus")
TABLES = [
    str(Path(folder) / f"{name}.{suffix}")
    for suffix in ("csv", "json")
    for folder in _FOLDERS
    for name in _NAMES
]
AUDIO = ("Audios", "Audio", "audios", "audio", "wavs")

_COLUMNS = {
    "FileName": "file",
    "EmoClass": "emotion",
    "EmoAct": "arousal",
    "EmoVal": "valence",
    "EmoDom": "dominance",
    "SpkrID": "speaker",
    "Gender": "gender",
    "Split_Set": "split",
}
_EMOTIONS = {
    "A": "angry",
    "S": "sad",
    "H": "happy",
    "U": "surprise",
    "F": "fear",
    "D": "disgust",
    "C": "contempt",
    "N": "neutral",
    "O": "other",
    "X": "no agreement",
}
_SPLITS = {
    "Train": "train",
    "Validation": "development",
    "Development": "development",
    "Test": "test",
    "Test1": "test",
    "Test2": "",
}
_FREE = ("train", "")  # where a turn may be of an unknown speaker
_UNKNOWN = {"Unknown": "", "unknown": ""}
_HIDDEN = "Test3"


def read(card: CorpusCard, root: Path, *, look: bool = True) -> Manifest:
    """Read the table of consensus labels.

    Turns of Test3 are left out as ``label-missing``, those of the development and test parts whose
    speaker is unknown as ``speaker-unknown``: they could be by a speaker of the training part.

    Raises:
        CorpusError: the folder is another one, or the table is damaged or lacks a column.
    """
    no_options(card)
    require(card.id, root, _fits, "Labels/labels_consensus.csv (or .json) and Audios/ are")
    file = first_file(card.id, root, TABLES)
    table = _of_json(card, file) if file.suffix == ".json" else _of_csv(card, file)
    audio = next((name for name in AUDIO if (root / name).is_dir()), AUDIO[0])
    names = table["file"].str.replace(r"^.*/", "", regex=True)
    table["utterance"] = [without_suffix(name) for name in names]
    table["path"] = f"{audio}/" + names
    # A name without its suffix is completed, so that it can be told where it is missing.
    bare = table["utterance"] == names
    table.loc[bare, "path"] = table["path"][bare] + ".wav"
    hidden = table["split"] == _HIDDEN
    held_out = table["split"].isin([word for word, part in _SPLITS.items() if part not in _FREE])
    nameless = held_out & table["speaker"].isin(["", *_UNKNOWN])
    excluded = [
        *_left_out(table.loc[hidden], "label-missing", "the owners keep the labels of Test3"),
        *_left_out(table.loc[nameless], "speaker-unknown", "may speak in the training part"),
    ]
    kept = table.loc[~(hidden | nameless)].drop(columns=["file"])
    return manifest_of_table(
        card,
        root,
        kept,
        look=look,
        values={
            "emotion": _EMOTIONS,
            "split": _SPLITS,
            "speaker": _UNKNOWN,
            "gender": _UNKNOWN,
        },
        folder=audio,
        excluded=tuple(excluded),
    )


def _fits(folder: Path) -> bool:
    # A folder of labels has the table, too, but neither audio nor a folder for it beside.
    in_folder = any((folder / name).is_file() for name in TABLES if len(Path(name).parts) > 1)
    beside = any((folder / name).is_dir() for name in AUDIO)
    return in_folder or (beside and any((folder / name).is_file() for name in TABLES))


def _left_out(table: pd.DataFrame, reason: str, why: str) -> list[Exclusion]:
    pairs = zip(table["utterance"], table[WHERE], strict=True)
    return [Exclusion(str(name), reason, f"{place}: {why}") for name, place in pairs]


def _of_csv(card: CorpusCard, file: Path) -> pd.DataFrame:
    return read_table(card.id, file, tuple(_COLUMNS)).rename(columns=_COLUMNS)


def _of_json(card: CorpusCard, file: Path) -> pd.DataFrame:
    """The same table as JSON: file name to a mapping of the other columns."""
    text = read_text(card.id, file)
    try:
        # As pairs, because a mapping would swallow a second row for one file.
        pairs = json.loads(text, object_pairs_hook=list)
    except ValueError as error:
        raise CorpusError(f"{card.id}: {file} is no JSON: {error}.") from None
    if not isinstance(pairs, list) or not pairs:
        raise CorpusError(f"{card.id}: {file}: a mapping of file names to labels is expected.")
    columns = list(_COLUMNS)[1:]
    rows = []
    for number, (name, given) in enumerate(pairs, 1):
        found = _mapping(given)
        absent = [column for column in columns if column not in found]
        if absent:
            raise CorpusError(
                f"{card.id}: {file}: {name} has no {', '.join(map(repr, absent))}; it has "
                f"{', '.join(map(repr, found)) or 'nothing'}."
            )
        place = f"{file.name}, entry {number}"
        rows.append((str(name), *(_text(found[column]) for column in columns), place))
    names = [*_COLUMNS.values(), WHERE]
    return pd.DataFrame(rows, columns=pd.Index(names), dtype="string")


def _mapping(given: Any) -> dict[str, Any]:
    if not isinstance(given, list) or not all(
        isinstance(pair, tuple) and len(pair) == 2 for pair in given
    ):
        return {}
    return dict(cast(list[tuple[str, Any]], given))


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip()
