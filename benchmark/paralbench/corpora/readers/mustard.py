"""MUStARD: 690 utterances of four television series, sarcastic or not.

``data/sarcasm_data.json`` holds the labels in the order that ``data/split_indices.p`` counts in.
``split`` is the owners' speaker-independent one: Friends is the test part. ``fold`` is the
utterance's test fold in their speaker-dependent one. A speaker is known by series and name, since
``PERSON`` occurs in several; within a series it may be several people. Contexts are not read.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from paralbench.cards.corpus import CorpusCard
from paralbench.corpora.manifest import Manifest
from paralbench.corpora.readers.files import require
from paralbench.corpora.readers.indices import read_indices
from paralbench.corpora.readers.listing import manifest_of_table
from paralbench.corpora.readers.options import no_options
from paralbench.corpora.readers.tables import WHERE, first_file, read_text
from paralbench.errors import CorpusError

LABELS = ("data/sarcasm_data.json", "sarcasm_data.json")
FOLDS = "split_indices.p"
CLIPS = tuple(
    f"{folder}utterances_final"
    for folder in ("data/videos/", "data/audios/", "", "mmsd_raw_data/", "data/mmsd_raw_data/")
)
_TEST_SHOW = "FRIENDS"
_KEYS = ("utterance", "speaker", "show", "sarcasm")
_SARCASM = {"True": "sarcastic", "False": "not sarcastic"}


def read(card: CorpusCard, root: Path, *, look: bool = True) -> Manifest:
    """Read the labels and, where they are there, the folds.

    Raises:
        CorpusError: the folder is another one, or a file is damaged or does not fit the other.
    """
    no_options(card)
    require(card.id, root, _fits, "data/sarcasm_data.json is")
    file = first_file(card.id, root, LABELS)
    rows = [_row(card, file, number, pair) for number, pair in enumerate(_entries(card, file))]
    table = pd.DataFrame(rows)
    folds = file.parent / FOLDS
    if folds.is_file():
        table["fold"] = _folds(card, folds, len(rows))
    clips = next((one for one in CLIPS if (root / one).is_dir()), CLIPS[0])
    table["path"] = f"{clips}/" + table["utterance"] + ".mp4"
    values = {"sarcasm": _SARCASM}
    return manifest_of_table(card, root, table, look=look, values=values, folder=clips)


def _fits(folder: Path) -> bool:
    if (folder / LABELS[0]).is_file():
        return True
    # The folder data/ of the owners' repository has it, too, and belongs to the folder above.
    return (folder / LABELS[1]).is_file() and folder.name != "data"


def _entries(card: CorpusCard, file: Path) -> list[tuple[str, Any]]:
    try:
        # As pairs, because a mapping would swallow a second entry of one name.
        found = json.loads(read_text(card.id, file), object_pairs_hook=_Pairs)
    except ValueError as error:
        raise CorpusError(f"{card.id}: {file} is no JSON: {error}.") from None
    if not isinstance(found, _Pairs) or not found:
        raise CorpusError(f"{card.id}: {file}: a mapping of utterances to labels is expected.")
    return list(found)


class _Pairs(list[tuple[str, Any]]):
    """A JSON mapping as it is written, with doubles."""


def _row(card: CorpusCard, file: Path, number: int, entry: tuple[str, Any]) -> dict[str, str]:
    name, given = entry
    found = dict(given) if isinstance(given, _Pairs) else {}
    absent = [key for key in _KEYS if key not in found]
    if absent:
        raise CorpusError(
            f"{card.id}: {file}: {name} has no {', '.join(map(repr, absent))}; it has "
            f"{', '.join(map(repr, found)) or 'nothing'}."
        )
    show, speaker = (str(found[key]).strip() for key in ("show", "speaker"))
    return {
        "utterance": name,
        "speaker": f"{show}/{speaker}",
        "split": "test" if show == _TEST_SHOW else "train",
        "transcript": str(found["utterance"]),
        "sarcasm": str(found["sarcasm"]),
        WHERE: f"{file.name}, entry {number + 1}",
    }


def _folds(card: CorpusCard, file: Path, n: int) -> list[str]:
    """The fold, from 1, that tests each utterance."""
    found = np.zeros(n, dtype=np.int64)
    for number, (train, test) in enumerate(read_indices(card.id, file), 1):
        both = np.sort(np.concatenate([train, test]))
        if not np.array_equal(both, np.arange(n)) or found[test].any():
            raise CorpusError(
                f"{card.id}: {file}: fold {number} ({len(train)} for training, {len(test)} for "
                f"test) does not divide the {n} utterances of the labels, or tests one that "
                "another fold tests."
            )
        found[test] = number
    if not found.all():
        raise CorpusError(
            f"{card.id}: {file}: {int((found == 0).sum())} of {n} utterances are tested in no fold."
        )
    return [str(one) for one in found]
