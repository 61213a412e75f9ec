"""Where a corpus is on this machine."""

import os
from collections.abc import Mapping
from pathlib import Path

from paralbench.cards.corpus import CorpusCard, ManualSource
from paralbench.corpora.fetch import fetched
from paralbench.errors import CorpusNotFoundError

VARIABLE = "PARALBENCH_CORPORA"


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
    raise CorpusNotFoundError(_how_to_get(card, looked))


def _candidates(card: CorpusCard) -> list[Path]:
    folders = []
    if card.root is not None:
        folders.append(card.folder / Path(card.root).expanduser())
    given = os.environ.get(VARIABLE)
    if given:
        folders.append(Path(given).expanduser() / card.id)
    return folders


def _how_to_get(card: CorpusCard, looked: list[str]) -> str:
    places = "; ".join([*looked, "nothing fetched"]) if looked else "nothing fetched"
    message = f"corpus {card.id!r} is not on this machine (looked for: {places})."
    if any(not isinstance(source, ManualSource) for source in card.sources):
        message += f" Fetch it: paralbench corpora fetch {card.id}."
    for source in card.sources:
        if isinstance(source, ManualSource):
            message += " " + steps(source)
    return f"{message} {where_to_put(card)}"


def steps(source: ManualSource) -> str:
    """The numbered steps of a manual source, in one line."""
    listed = " ".join(f"({number}) {step}" for number, step in enumerate(source.steps, 1))
    return f"To get it by hand: {listed}"


def where_to_put(card: CorpusCard) -> str:
    """How to say where a corpus is that the user already has."""
    return (
        f"If you have it, name its folder (--root {card.id}=DIR) or link it as "
        f"${VARIABLE}/{card.id}."
    )
