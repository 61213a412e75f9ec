"""VoxCeleb1: utterances of celebrities, ``wav/id10001/1zcIwhmdeo4/00001.wav``.

Gender comes from ``vox1_meta.csv``, and so does ``split``: its ``dev`` speakers are for training
(development is drawn from them), its ``test`` speakers are the test part. The parts of
``iden_split.txt`` hold the same speakers and are not used; but it lists every utterance, and where
it is, an utterance that it lists and that is not there is told as missing. A session is a video of
a speaker.
"""

from pathlib import Path

import pandas as pd

from paralbench.cards.corpus import CorpusCard
from paralbench.corpora.manifest import Exclusion, Manifest
from paralbench.corpora.readers.files import audio_files, require, without_suffix
from paralbench.corpora.readers.listing import manifest_of_table
from paralbench.corpora.readers.options import no_options
from paralbench.corpora.readers.tables import WHERE, read_table
from paralbench.corpora.readers.voxceleb import is_speaker, read_speakers, speaker_folders

SPEAKERS, UTTERANCES = "vox1_meta.csv", "iden_split.txt"
_COLUMNS = ("VoxCeleb1 ID", "Gender", "Set")


def read(card: CorpusCard, root: Path, *, look: bool = True) -> Manifest:
    """Read the table of speakers, and the list of utterances or the folders.

    Without the list the folders are looked at even if ``look`` is false.

    Raises:
        CorpusError: the folder is another one, or a table is damaged or lacks a column.
    """
    no_options(card)
    require(card.id, root, lambda folder: (folder / SPEAKERS).is_file(), f"{SPEAKERS} is")
    rows = read_speakers(card, root / SPEAKERS, _COLUMNS)
    listed = (root / UTTERANCES).is_file()
    frame = _listed(card, root) if listed else _found(root)
    speaker = frame["utterance"].str.slice(0, 7)
    known = {row[_COLUMNS[0]] for row in rows}
    strange = ~speaker.isin(list(known))
    excluded = [
        Exclusion(str(name), "label-unknown", f"{place}: its speaker is not in {SPEAKERS}")
        for name, place in zip(frame["utterance"][strange], frame[WHERE][strange], strict=True)
    ]
    if not listed:
        gone = sorted(known - set(speaker.unique()))
        excluded += [Exclusion(one, "missing", "no audio of this speaker") for one in gone]
    frame["speaker"] = speaker
    frame["session"] = frame["utterance"].str.rpartition("/")[0]
    frame["gender"] = speaker.map({row[_COLUMNS[0]]: row["Gender"] for row in rows}.get)
    frame["split"] = speaker.map({row[_COLUMNS[0]]: row["Set"] for row in rows}.get)
    return manifest_of_table(
        card,
        root,
        frame.loc[~strange],
        look=look and listed,
        values={"split": {"dev": "train"}},
        excluded=tuple(excluded),
    )


def _listed(card: CorpusCard, root: Path) -> pd.DataFrame:
    """The utterances of the owners' list."""
    table = read_table(card.id, root / UTTERANCES, ("part", "name"), separator=" ", header=False)
    homes = speaker_folders(root)
    names = [without_suffix(name) for name in table["name"]]
    paths = [homes.get(name[:7], "wav/") + name + ".wav" for name in names]
    return pd.DataFrame({"utterance": names, "path": paths, WHERE: table[WHERE]}, dtype="string")


def _found(root: Path) -> pd.DataFrame:
    """The utterances in the folders."""
    found = []
    for path, file in audio_files(root):
        name = "/".join(path.split("/")[-3:])
        if is_speaker(name[:7]) and name.count("/") == 2:
            found.append((name, file, file))
    return pd.DataFrame(found, columns=pd.Index(["utterance", "path", WHERE]), dtype="string")
