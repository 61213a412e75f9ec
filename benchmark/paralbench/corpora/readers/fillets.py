"""Fish Fillets: the two fish of a game, the same lines in Czech and in Dutch.

``sound/airplane/cs/let-m-divna.ogg``: level, language, and after the first hyphen the voice:
``m`` (malá, small) is the small fish, a woman's voice; ``v`` (velká, big) the big one, a man's.
"""

from pathlib import Path

from paralbench.cards.corpus import CorpusCard
from paralbench.corpora.manifest import Exclusion, Manifest
from paralbench.corpora.readers.files import audio_files, require
from paralbench.corpora.readers.labels import Row
from paralbench.corpora.readers.names import manifest_of_names
from paralbench.corpora.readers.options import no_options

_LANGUAGES = ("cs", "nl")
_FISH = {"m": ("small", "female"), "v": ("big", "male")}


def read(card: CorpusCard, root: Path, *, look: bool = True) -> Manifest:
    """Read the two fish; all other voices are excluded as ``label-missing``.

    ``session`` is left empty. The levels are shared by the two languages, but each language was
    recorded by other people at another time: a level is no recording session.
    """
    no_options(card)
    require(card.id, root, _fits, "the game's levels, each with a folder cs or nl, are")

    def parse(name: str, path: str) -> Row | Exclusion | None:
        *_, language, stem = ["", "", *name.split("/")]
        if language not in _LANGUAGES:
            return None
        parts = stem.split("-")
        voice = parts[1] if len(parts) > 1 else ""
        if voice not in _FISH:
            return Exclusion(name, "label-missing", _other(parts))
        fish, gender = _FISH[voice]
        return {"speaker": f"{language}-{fish}", "gender": gender, "language": language}

    return manifest_of_names(card, root, audio_files(root), parse, "like airplane/cs/let-m-divna")


def _other(parts: list[str]) -> str:
    if parts[0] in _FISH:
        # In levels that were added later (hanoi, hole, linux, nowall, rush). The Czech ones lie
        # half an octave below the small fish elsewhere: not the same voice, or not surely.
        return "a fish of the levels added later: not surely the same voice"
    return f"the voice {parts[1]!r} is no fish" if len(parts) > 1 else "no voice in the name"


def _fits(folder: Path) -> bool:
    return any(next(folder.glob(f"*/{language}/*-*"), None) for language in _LANGUAGES)
