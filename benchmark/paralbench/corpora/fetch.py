"""Fetching a corpus from its card's sources."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from paralbench import paths
from paralbench.cards.corpus import CorpusCard, ManualSource, Source
from paralbench.corpora.advice import steps_by_hand, where_to_put
from paralbench.corpora.providers import PROVIDERS
from paralbench.errors import CorpusNotFoundError, FetchError
from paralbench.storage.downloads import Downloads, locked

Progress = Callable[[str], None]

_MARKER = ".paralbench.json"


def fetch(card: CorpusCard, home: Path | None = None, progress: Progress | None = None) -> Path:
    """Bring a corpus to this machine, or find that it is here already.

    The card's sources are tried in their order. Downloads are checked against the card's checksums
    and kept by checksum, so that none is downloaded twice; a corpus appears in its folder when it
    is complete, never before. Two processes may fetch at once: the second waits for the first.

    Args:
        card: the corpus card.
        home: instead of :func:`paralbench.paths.home`.
        progress: called with a line of text when something slow begins.

    Returns:
        The folder that the corpus's reader reads.

    Raises:
        FetchError: every source failed; the message says what was tried and why each failed.
        CorpusNotFoundError: it has to be asked for; the message gives the steps.
    """
    found = fetched(card, home)
    if found is not None:
        return found
    tell = progress or (lambda _line: None)
    failures: list[str] = []
    folder = _corpora(home) / card.id
    downloads = Downloads((home / "downloads") if home else paths.downloads_home())
    for source in _automatic(card):
        try:
            with locked(folder / ".lock", lambda: tell(f"{card.id}: another process fetches it")):
                return _arrived(folder, source) or _bring(card, source, folder, downloads, tell)
        except FetchError as error:
            failures.append(f"{source.source}: {error}")
        except OSError as error:
            free = shutil.disk_usage(_existing(folder)).free / 1e9
            failures.append(f"{source.source}: cannot write: {error} ({free:.1f} GB free).")
        tell(f"{card.id}: {failures[-1]}")
    raise _explain(card, failures)


def fetched(card: CorpusCard, home: Path | None = None) -> Path | None:
    """The folder of a corpus that was fetched; None where it was not."""
    folder = _corpora(home) / card.id
    return next((root for one in _automatic(card) if (root := _arrived(folder, one))), None)


def _automatic(card: CorpusCard) -> list[Source]:
    return [source for source in card.sources if not isinstance(source, ManualSource)]


def _corpora(home: Path | None) -> Path:
    return (home / "corpora") if home else paths.corpora_home()


def _existing(folder: Path) -> Path:
    return next(one for one in (folder, *folder.parents) if one.exists())


def _content(source: Source) -> str:
    """What identifies a fetched folder: the source with its checksums."""
    return json.dumps(source.model_dump(mode="json"), sort_keys=True)


def _place(folder: Path, source: Source) -> Path:
    return folder / hashlib.sha256(_content(source).encode()).hexdigest()[:16]


def _arrived(folder: Path, source: Source) -> Path | None:
    place = _place(folder, source)
    try:
        marker = json.loads((place / _MARKER).read_text(encoding="utf-8"))
        root = place / marker["root"]
    except (OSError, ValueError, KeyError):
        return None
    return root if marker.get("source") == json.loads(_content(source)) and root.is_dir() else None


def _bring(
    card: CorpusCard, source: Source, folder: Path, downloads: Downloads, tell: Progress
) -> Path:
    """Download, unpack beside the place, then rename: the lock is held."""
    for left in folder.glob(".tmp-*"):  # of a process that died: the lock is ours
        shutil.rmtree(left, ignore_errors=True)
    staging = Path(tempfile.mkdtemp(prefix=".tmp-", dir=folder))
    try:
        root = PROVIDERS[source.source](source, staging, downloads, tell)
        if not (staging / root).is_dir():
            raise FetchError(f"there is no folder {root} in what was downloaded.")
        marker = {"root": root, "source": json.loads(_content(source))}
        (staging / _MARKER).write_text(json.dumps(marker, indent=1), encoding="utf-8")
        place = _place(folder, source)
        if place.exists():  # without a marker that fits: not ours to trust
            shutil.rmtree(place)
        staging.chmod(0o755)
        staging.rename(place)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    tell(f"{card.id}: ready in {place / root}")
    return place / root


def _explain(card: CorpusCard, failures: list[str]) -> FetchError | CorpusNotFoundError:
    by_hand = [*steps_by_hand(card), where_to_put(card)]
    if failures:
        tried = f"corpus {card.id!r} cannot be fetched. Tried: {' '.join(failures)}"
        return FetchError(" ".join([tried, *by_hand]))
    why = (
        f"by a program ({card.access}; {card.licence.strip().rstrip('.')})."
        if card.sources
        else "because its card names no source."
    )
    return CorpusNotFoundError(" ".join([f"corpus {card.id!r} cannot be fetched", why, *by_hand]))
