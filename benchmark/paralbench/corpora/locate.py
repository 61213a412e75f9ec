"""Where a corpus is on this machine."""

import os
from collections.abc import Mapping
from pathlib import Path

from paralbench.cards.corpus import CorpusCard
from paralbench.corpora.advice import VARIABLE, how_to_get
from paralbench.corpora.fetch import fetched
from paralbench.errors import CorpusNotFoundError


def locate(card: CorpusCard, roots: Mapping[str, Path] | None = None) -> Path:
    """The folder of a corpus.

    The first of: the folder in ``roots``; the card's own ``root``; ``$PARALBENCH_CORPORA/ID``;
    what ``paralbench corpora fetch`` brought.

    Args:
        card: the corpus card.
        roots: corpus id to folder, as the user named them.

    Raises:
        CorpusNotFoundError: the folder that the user named does not exist, or there is none; the
            message says where it was looked for and how to get the corpus.
    """
    named = (roots or {}).get(card.id)
    if named is not None:
        folder = Path(named).expanduser()
        if not folder.is_dir():
            raise CorpusNotFoundError(f"corpus {card.id!r}: {folder} is no folder.")
        return folder
    looked = []
    for folder in _candidates(card):
        if folder.is_dir():
            return folder
        looked.append(str(folder))
    arrived = fetched(card)
    if arrived is not None:
        return arrived
    places = "; ".join([*looked, "nothing was fetched"])
    raise CorpusNotFoundError(
        f"corpus {card.id!r} is not on this machine (looked for: {places}). {how_to_get(card)}"
    )


def _candidates(card: CorpusCard) -> list[Path]:
    folders = []
    if card.root is not None:
        folders.append(card.folder / Path(card.root).expanduser())
    given = os.environ.get(VARIABLE)
    if given:
        folders.append(Path(given).expanduser() / card.id)
    return folders
