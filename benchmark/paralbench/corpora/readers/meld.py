"""MELD: utterances of Friends, a clip each, with an emotion and a sentiment.

The archive of each part unpacks to ``train_splits``, ``dev_splits_complete`` and
``output_repeated_splits_test``, in a folder of the part or not, with ``train_sent_emo.csv`` and so
on in either place. A clip is ``dia0_utt0.mp4`` in all three, so that an utterance is named with its
part. Stray clips, such as ``final_videos_testdia0_utt0.mp4``, are told as extra. ``session`` is the
dialogue, ``speaker`` the name in the table, which at times is that of several people.
"""

from pathlib import Path

import pandas as pd

from paralbench.cards.corpus import CorpusCard
from paralbench.corpora.manifest import Manifest
from paralbench.corpora.readers.files import require
from paralbench.corpora.readers.listing import manifest_of_table
from paralbench.corpora.readers.options import no_options
from paralbench.corpora.readers.tables import first_file, read_table

FOLDERS = {
    "train": "train_splits",
    "dev": "dev_splits_complete",
    "test": "output_repeated_splits_test",
}
_COLUMNS = {
    "Utterance": "transcript",
    "Speaker": "speaker",
    "Emotion": "emotion",
    "Sentiment": "sentiment",
    "Dialogue_ID": "dialogue",
    "Utterance_ID": "number",
}


def read(card: CorpusCard, root: Path, *, look: bool = True) -> Manifest:
    """Read the tables of the three parts.

    Raises:
        CorpusError: the folder is another one, or a table is missing, damaged or lacks a column.
    """
    no_options(card)
    names = ", ".join(Path(one[0]).name for one in map(_tables, FOLDERS))
    require(card.id, root, _fits, f"{names}, here or in train/, dev/ and test/, are")
    tables = []
    for part, clips in FOLDERS.items():
        file = first_file(card.id, root, _tables(part))
        table = read_table(card.id, file, tuple(_COLUMNS)).rename(columns=_COLUMNS)
        folder = next((one for one in _clips(part) if (root / one).is_dir()), f"{part}/{clips}")
        clip = "dia" + table["dialogue"] + "_utt" + table["number"]
        table["utterance"] = f"{part}/" + clip
        table["session"] = f"{part}/dia" + table["dialogue"]
        table["path"] = f"{folder}/" + clip + ".mp4"
        table["split"] = part
        tables.append(table.drop(columns=["dialogue", "number"]))
    return manifest_of_table(card, root, pd.concat(tables, ignore_index=True), look=look)


def _tables(part: str) -> list[str]:
    name = f"{part}_sent_emo.csv"
    return [f"{part}/{name}", name, f"data/MELD/{name}"]


def _clips(part: str) -> list[str]:
    return [f"{part}/{FOLDERS[part]}", FOLDERS[part]]


def _fits(folder: Path) -> bool:
    return all(any((folder / name).is_file() for name in _tables(part)) for part in FOLDERS)
