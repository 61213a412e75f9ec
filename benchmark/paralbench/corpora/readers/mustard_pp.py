"""MUStARD++: 1,202 utterances of five television series, sarcastic or not, with emotions.

``mustard++_text.csv`` has a row for each utterance and for each sentence of its context; those
with a cell under ``Sarcasm`` are the utterances, whose clips are called as their ``KEY``. In one
row of the owners' table an emotion stands under ``KEY``; its clip is called as the others are, by
``SCENE``. A speaker is known by series and name.
"""

from pathlib import Path

from paralbench.cards.corpus import CorpusCard
from paralbench.corpora.manifest import Manifest
from paralbench.corpora.readers.files import require
from paralbench.corpora.readers.listing import manifest_of_table
from paralbench.corpora.readers.options import no_options
from paralbench.corpora.readers.tables import read_table
from paralbench.errors import CorpusError

TABLE = "mustard++_text.csv"
CLIPS = tuple(
    f"{folder}final_utterance_{kind}"
    for folder in ("", "all_videos/", "videos/")
    for kind in ("videos", "audios")
)
_COLUMNS = {
    "SCENE": "scene",
    "KEY": "key",
    "SENTENCE": "transcript",
    "SPEAKER": "name",
    "SHOW": "show",
    "Sarcasm": "sarcasm",
    "Sarcasm_Type": "sarcasm-type",
    "Implicit_Emotion": "implicit-emotion",
    "Explicit_Emotion": "explicit-emotion",
    "Valence": "valence",
    "Arousal": "arousal",
}
_SARCASM = {
    "0": "not sarcastic",
    "0.0": "not sarcastic",
    "1": "sarcastic",
    "1.0": "sarcastic",
}
_TYPES = {
    "NONE": "none",
    "PRO": "propositional",
    "ILL": "illocutionary",
    "EMB": "embedded",
    "LIK": "like-prefixed",
}
_NAMES = ("anger", "disgust", "excitement", "fear", "frustration")
_NAMES += ("happiness", "neutral", "ridicule", "sadness", "surprise")
_EMOTIONS = {name.title(): name for name in _NAMES}


def read(card: CorpusCard, root: Path, *, look: bool = True) -> Manifest:
    """Read the table's rows of utterances.

    Raises:
        CorpusError: the folder is another one, or the table is damaged or lacks a column.
    """
    no_options(card)
    require(card.id, root, _fits, f"{TABLE} is")
    file = root / TABLE
    # Cells hold line breaks within quotation marks.
    table = read_table(card.id, file, tuple(_COLUMNS)).rename(columns=_COLUMNS)
    table = table.loc[table["sarcasm"] != ""].reset_index(drop=True)
    if not len(table):
        raise CorpusError(f"{card.id}: {file}: no row has a cell under 'Sarcasm'.")
    named = table["key"].str.endswith("_u")
    table["utterance"] = table["key"].where(named, table["scene"] + "_u")
    table["speaker"] = table["show"] + "/" + table["name"]
    table["transcript"] = table["transcript"].str.replace(r"\s+", " ", regex=True)
    clips = next((one for one in CLIPS if (root / one).is_dir()), CLIPS[0])
    table["path"] = f"{clips}/" + table["utterance"] + ".mp4"
    return manifest_of_table(
        card,
        root,
        table.drop(columns=["scene", "key", "name", "show"]),
        look=look,
        values={
            "sarcasm": _SARCASM,
            "sarcasm-type": _TYPES,
            "implicit-emotion": _EMOTIONS,
            "explicit-emotion": _EMOTIONS,
        },
        folder=clips,
    )


def _fits(folder: Path) -> bool:
    return (folder / TABLE).is_file()
