"""URTIC, the corpus of the ComParE 2017 cold challenge: ``wav/train_0001.wav`` and a label table.

A file's name tells its part. The owners keep the labels of the test part; its files are then left
out as ``label-missing``, whether the table lists them or not. Speakers are not named.
"""

from pathlib import Path

import pandas as pd

from paralbench.cards.corpus import CorpusCard
from paralbench.corpora.manifest import Manifest
from paralbench.corpora.readers.files import audio_files, require, without_suffix
from paralbench.corpora.readers.listing import manifest_of_table
from paralbench.corpora.readers.options import no_options
from paralbench.corpora.readers.tables import WHERE, read_table
from paralbench.errors import CorpusError

AUDIO, LABELS = "wav", "lab/ComParE2017_Cold.tsv"
_NAME, _COLD = "file_name", "Cold (upper respiratory tract infection)"
_FORM = r"(?:train|devel|test)_[0-9]+"

_CLASSES = {"C": "cold", "NC": "no cold", "?": "", "-1": ""}


def read(card: CorpusCard, root: Path, *, look: bool = True) -> Manifest:
    """Read the table of labels.

    Raises:
        CorpusError: the folder is another one, the table is damaged or lacks a column, or a name
            tells no part.
    """
    no_options(card)
    require(card.id, root, lambda folder: (folder / LABELS).is_file(), f"{LABELS} and {AUDIO}/ are")
    table = read_table(card.id, root / LABELS, (_NAME, _COLD), separator="\t")
    names = [without_suffix(name) for name in table[_NAME]]
    given = [*zip(names, table[_COLD], table[WHERE], strict=True)]
    if look and (root / AUDIO).is_dir():
        hidden = sorted(name for name, _ in audio_files(root / AUDIO) if name.startswith("test_"))
        listed = set(names)
        given += [(name, "", AUDIO) for name in hidden if name not in listed]
    frame = pd.DataFrame(given, columns=pd.Index(["utterance", "cold", WHERE]), dtype="string")
    wrong = (~frame["utterance"].str.fullmatch(_FORM)).to_numpy(dtype=bool)
    if wrong.any():
        place = int(wrong.argmax())
        raise CorpusError(
            f"{card.id}: {frame[WHERE].iloc[place]}: {frame['utterance'].iloc[place]!r} is no file "
            "like train_0001.wav, devel_0001.wav or test_0001.wav."
        )
    frame["path"] = f"{AUDIO}/" + frame["utterance"] + ".wav"
    frame["split"] = frame["utterance"].str.partition("_")[0]
    return manifest_of_table(card, root, frame, look=look, values={"cold": _CLASSES}, folder=AUDIO)
