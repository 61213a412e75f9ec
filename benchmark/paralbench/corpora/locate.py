"""Where a corpus is on this machine."""

import os
from collections.abc import Mapping
from pathlib import Path

from paralbench import paths
from paralbench.cards.corpus import CorpusCard
from paralbench.cards.yaml_reading import read_yaml
from paralbench.corpora.advice import VARIABLE, how_in_short, how_to_get
from paralbench.corpora.fetch import fetched
from paralbench.errors import CorpusError, CorpusNotFoundError


def locate(card: CorpusCard, roots: Mapping[str, Path] | None = None) -> Path:
    """The folder of a corpus.

    The first of: the folder in ``roots``; the one that the user's settings name
    (``corpora: {ID: DIR}`` in :func:`paralbench.paths.config_file`); the card's own ``root``; a
    folder called as the corpus, by its id or one of its usual names, in one of those that
    ``$PARALBENCH_CORPORA`` lists; what ``paralbench corpora fetch`` brought.

    Args:
        card: the corpus card.
        roots: corpus id to folder, as the user named them.

    Raises:
        CorpusNotFoundError: the folder that the user named does not exist, or there is none; the
            message says where it was looked for and how to get the corpus.
        CorpusError: the user's settings cannot be read.
    """
    named = (roots or {}).get(card.id)
    if named is not None:
        return _named(card, Path(named).expanduser(), "")
    settled = settings().get(card.id)
    if settled is not None:
        return _named(card, settled, f" ({paths.config_file()})")
    looked = []
    for folder in _candidates(card):
        if folder.is_dir():
            return folder
        looked.append(str(folder))
    arrived = fetched(card)
    if arrived is not None:
        return arrived
    places = "; ".join([*looked, f"corpora.{card.id} in {paths.config_file()}", "what was fetched"])
    raise CorpusNotFoundError(
        f"corpus {card.id!r} is not on this machine (looked for: {places}). {how_to_get(card)}",
        short=how_in_short(card),
    )


def settings() -> dict[str, Path]:
    """Corpus id to folder, from the user's settings; none where there is no such file.

    Raises:
        CorpusError: the file is damaged, or holds something else.
    """
    file = paths.config_file()
    if not file.is_file():
        return {}
    data = read_yaml(file)
    unknown = sorted(set(data) - {"corpora"})
    if unknown:
        raise CorpusError(f"{file}: {unknown[0]}: unknown key. Allowed: corpora.")
    found = data.get("corpora", {})
    if not isinstance(found, dict) or not all(isinstance(one, str) for one in found.values()):
        raise CorpusError(f"{file}: corpora: a mapping of corpus ids to folders is expected.")
    return {id: file.parent / Path(folder).expanduser() for id, folder in found.items()}


def _named(card: CorpusCard, folder: Path, where: str) -> Path:
    if not folder.is_dir():
        raise CorpusNotFoundError(f"corpus {card.id!r}: {folder} is no folder{where}.")
    return folder


def _candidates(card: CorpusCard) -> list[Path]:
    folders = []
    if card.root is not None:
        folders.append(card.folder / Path(card.root).expanduser())
    for given in os.environ.get(VARIABLE, "").split(os.pathsep):
        if given:
            folders += [Path(given).expanduser() / name for name in (card.id, *card.folders)]
    return folders
