"""nEMO: acted emotional sentences in Polish, nine actors, labels in ``data.tsv``."""

from pathlib import Path

from paralbench.cards.corpus import CorpusCard
from paralbench.corpora.manifest import Manifest
from paralbench.corpora.readers.csv_table import read_table
from paralbench.corpora.readers.options import CsvOptions, no_options

_TABLE = CsvOptions(
    file="data.tsv",
    path="samples/{file_id}",  # says .wav, whatever the copy's suffix is
    utterance="{file_id}",
    columns={"speaker": "speaker_id", "transcript": "raw_text"},
    quotes=False,  # quotation marks in sentences are not closed
)


def read(card: CorpusCard, root: Path, *, look: bool = True) -> Manifest:
    """Read ``data.tsv`` and ``samples/``; blanks before a speaker's name are dropped."""
    no_options(card)
    return read_table(card, root, _TABLE)
