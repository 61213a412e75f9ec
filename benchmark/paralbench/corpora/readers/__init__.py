"""Readers: each turns a folder, as the corpus's owners distribute it, into a manifest.

A reader is ``read(card, root, *, look=True) -> Manifest``; ``look`` is whether it looks for the
audio files, where it could do without. ``filename`` and ``csv`` serve any corpus whose labels
are in its file names or in a table; the others know the traps of one corpus.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from paralbench.cards.corpus import CorpusCard
from paralbench.errors import UnknownNameError
from paralbench.registry import Registry

if TYPE_CHECKING:
    from paralbench.corpora.manifest import Manifest


class Read(Protocol):
    """From a card and a folder to the utterances that its labels and names tell of."""

    def __call__(self, card: CorpusCard, root: Path, /, *, look: bool = True) -> "Manifest":
        """Read the corpus.

        Raises:
            CardError: the reader's options are wrong.
            CorpusError: the folder does not look as the owners distribute the corpus.
        """
        ...


_HERE = "paralbench.corpora.readers"

_BUILTIN = {
    "accentdb": f"{_HERE}.accentdb:read",
    "agevoxceleb": f"{_HERE}.agevoxceleb:read",
    "asterisk-prompts": f"{_HERE}.asterisk_prompts:read",
    "baved": f"{_HERE}.baved:read",
    "british-dialects": f"{_HERE}.british_dialects:read",
    "cmu-mosei": f"{_HERE}.cmu_mosei:read",
    "common-voice": f"{_HERE}.common_voice:read",
    "crema-d": f"{_HERE}.crema_d:read",
    "csv": f"{_HERE}.csv_table:read",
    "daic-woz": f"{_HERE}.daic_woz:read",
    "e-daic": f"{_HERE}.e_daic:read",
    "emodb": f"{_HERE}.emodb:read",
    "filename": f"{_HERE}.filename:read",
    "fillets": f"{_HERE}.fillets:read",
    "fluencybank": f"{_HERE}.fluencybank:read",
    "iemocap": f"{_HERE}.iemocap:read",
    "kespeech": f"{_HERE}.kespeech:read",
    "klettres": f"{_HERE}.klettres:read",
    "ktuberling": f"{_HERE}.ktuberling:read",
    "l2-arctic": f"{_HERE}.l2_arctic:read",
    "meld": f"{_HERE}.meld:read",
    "msp-podcast": f"{_HERE}.msp_podcast:read",
    "mustard": f"{_HERE}.mustard:read",
    "mustard-pp": f"{_HERE}.mustard_pp:read",
    "nemo": f"{_HERE}.nemo:read",
    "polish-emotion": f"{_HERE}.polish_emotion:read",
    "ravdess": f"{_HERE}.ravdess:read",
    "sep-28k": f"{_HERE}.sep_28k:read",
    "timit": f"{_HERE}.timit:read",
    "urdu": f"{_HERE}.urdu:read",
    "urtic": f"{_HERE}.urtic:read",
    "voxceleb1": f"{_HERE}.voxceleb1:read",
}

READERS: Registry[Read] = Registry("corpus reader", "paralbench.readers", _BUILTIN)


def check_card(card: CorpusCard) -> None:
    """Check a card's reader and its options without touching the corpus.

    Raises:
        UnknownNameError: there is no such reader.
        CardError: an option is unknown, missing or not allowed.
    """
    from paralbench.corpora.readers.options import CsvOptions, FilenameOptions, no_options

    if card.reader.name not in READERS:
        raise UnknownNameError(READERS.kind, card.reader.name, READERS.names())
    if card.reader.name == "filename":
        FilenameOptions.of(card)
    elif card.reader.name == "csv":
        CsvOptions.of(card)
    elif card.reader.name in _BUILTIN:
        no_options(card)
