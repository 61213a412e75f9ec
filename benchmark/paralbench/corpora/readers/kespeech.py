"""KeSpeech: Mandarin and eight of its subdialects, in the parts of the owners' ``Tasks/ASR``."""

from pathlib import Path

import pandas as pd

from paralbench.cards.corpus import CorpusCard
from paralbench.corpora.manifest import Exclusion, Manifest
from paralbench.corpora.readers.files import require
from paralbench.corpora.readers.kaldi import read_list, values_of
from paralbench.corpora.readers.listing import manifest_of_table
from paralbench.corpora.readers.options import no_options
from paralbench.corpora.readers.tables import WHERE

PARTS = {
    "train_phase1": "train",
    "train_phase2": "train",
    "dev_phase1": "development",
    "dev_phase2": "development",
    "test": "test",
}
_LISTS, _SPEAKERS, _AUDIO = Path("Tasks") / "ASR", Path("Metadata"), "Audio"

_NOISE = "<SPOKEN_NOISE>"  # stands in transcripts for what is no word


def read(card: CorpusCard, root: Path, *, look: bool = True) -> Manifest:
    """Read ``wav.scp``, ``utt2spk``, ``utt2subdialect`` and ``text`` of each part, by utterance.

    Lines of one list need not be in the order of another. What another list names and ``wav.scp``
    does not is missing.

    Raises:
        CorpusError: the folder is another one, or a list is missing or no text.
    """
    no_options(card)
    require(card.id, root, _fits, "Tasks/ASR/ and Metadata/ are")
    parts = [_part(card, root, name) for name in PARTS]
    frame = pd.concat([rows for rows, _ in parts], ignore_index=True)
    for column, file in (("gender", "spk2gender"), ("age", "spk2age")):
        people = read_list(card.id, root / _SPEAKERS / file)
        frame[column] = values_of(people, frame["speaker"].tolist())
    return manifest_of_table(
        card,
        root,
        frame,
        look=look,
        folder=_AUDIO,
        excluded=tuple(one for _, dangling in parts for one in dangling),
    )


def _part(card: CorpusCard, root: Path, name: str) -> tuple[pd.DataFrame, list[Exclusion]]:
    folder = root / _LISTS / name
    files = read_list(card.id, folder / "wav.scp")
    speakers, dialects, texts = (
        read_list(card.id, folder / file) for file in ("utt2spk", "utt2subdialect", "text")
    )
    keys: list[str] = files["key"].tolist()
    frame = pd.DataFrame(
        {
            "utterance": files["key"],
            # Kaldi wants paths that can be opened, so copies have the folder's own path in front.
            "path": files["value"].str.replace(r"^.*(?=Audio/)", "", regex=True),
            "speaker": values_of(speakers, keys),
            "split": PARTS[name],
            "dialect": values_of(dialects, keys),
            "transcript": [text.replace(_NOISE, "") for text in values_of(texts, keys)],
            WHERE: files[WHERE],
        }
    )
    listed = set(keys)
    labels = zip(dialects["key"].tolist(), dialects[WHERE].tolist(), strict=True)
    dangling = [
        Exclusion(key, "missing", f"{where}, and not in wav.scp")
        for key, where in labels
        if key not in listed
    ]
    return frame, dangling


def _fits(folder: Path) -> bool:
    return (folder / _LISTS).is_dir() and (folder / _SPEAKERS).is_dir()
