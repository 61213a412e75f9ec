"""Reading a corpus: its reader, then the checks that hold for every reader."""

import logging
from dataclasses import replace
from pathlib import Path

from paralbench.cards.corpus import CorpusCard
from paralbench.corpora.columns import REASONS
from paralbench.corpora.kept import kept_or_read
from paralbench.corpora.manifest import Exclusion, Manifest
from paralbench.corpora.readers import READERS
from paralbench.corpora.readers.files import WrongFolderError
from paralbench.errors import CorpusError

_log = logging.getLogger(__name__)

# What a whole and undamaged corpus has none of.
FAULTS = ("missing", "duplicate-row", "label-unknown")
_MOST_SHOWN = 3


def load_manifest(
    card: CorpusCard, root: Path, *, partial: bool = False, look: bool = True
) -> Manifest:
    """The utterances of a corpus that can be used, as far as its labels and names tell.

    What the card names as known to be bad is excluded as ``known-bad``.

    Args:
        card: the corpus card.
        root: the corpus's folder.
        partial: whether audio may be missing, and rows doubled or not understood: they are
            excluded and recorded. Otherwise they are an error.
        look: whether the audio files are looked for. Readers whose labels are in the files' names
            look all the same.

    Raises:
        UnknownNameError: the card names a reader that does not exist.
        CardError: the reader's options are wrong.
        CorpusError: the folder does not look as the owners distribute the corpus.
    """
    manifest = read_manifest(card, root, look=look)
    if not partial:
        _refuse_faults(card, manifest)
    return without_known_bad(card, manifest)


def without_known_bad(card: CorpusCard, manifest: Manifest) -> Manifest:
    """The manifest without the utterances that the card names as bad."""
    reasons = {one.utterance: one.reason for one in card.known_bad}
    bad = [name for name in manifest.frame["utterance"].tolist() if name in reasons]
    if not bad:
        return manifest
    left_out = [Exclusion(name, "known-bad", reasons[name]) for name in bad]
    frame = manifest.frame.set_index("utterance", drop=False).drop(index=bad)
    return replace(
        manifest,
        frame=frame.reset_index(drop=True),
        excluded=(*manifest.excluded, *left_out),
    )


def _refuse_faults(card: CorpusCard, manifest: Manifest) -> None:
    known = {one.utterance for one in card.known_bad}
    faults = [
        one for one in manifest.excluded if one.reason in FAULTS and one.utterance not in known
    ]
    if not faults:
        return
    lines = []
    for reason in FAULTS:
        found = [one for one in faults if one.reason == reason]
        lines += [f"  {reason} ({REASONS[reason]}): {len(found)}"] if found else []
        lines += [
            f"    {one.utterance}" + (f": {one.detail}" if one.detail else "")
            for one in found[:_MOST_SHOWN]
        ]
    raise CorpusError(
        f"{card.id}: {manifest.root} is not whole; {len(manifest)} utterances can be used, but\n"
        + "\n".join(lines)
        + "\nComplete or mend the folder, or go on with what is there: --partial, which records "
        "every utterance that is left out."
    )


def read_manifest(card: CorpusCard, root: Path, *, look: bool = True) -> Manifest:
    """What the reader finds, with the utterances that are known to be bad.

    Raises:
        UnknownNameError, CardError, CorpusError: see :func:`load_manifest`.
    """
    root = Path(root).expanduser()
    read = READERS.get(card.reader.name)
    if not root.is_dir():
        what = "is a file, not the corpus's folder" if root.exists() else "does not exist"
        raise CorpusError(f"{card.id}: {root} {what}.")
    try:
        manifest = kept_or_read(read, card, root, look=look)
    except WrongFolderError as error:
        if error.instead is None:
            raise
        _log.warning("%s Going on with that folder.", error)
        manifest = kept_or_read(read, card, error.instead, look=look)
    for name, label in card.labels.items():
        if name not in manifest.frame.columns:
            raise CorpusError(
                f"{card.id}: the reader {card.reader.name!r} gives no label {name!r}; it gives "
                f"{', '.join(manifest.labels) or 'none'}."
            )
        given = set(manifest.frame[name].dropna().tolist())
        unknown = sorted(given - set(label.values)) if label.kind == "class" else []
        if unknown:
            raise CorpusError(
                f"{card.id}: the reader {card.reader.name!r} gives the {name} {unknown[0]!r}, "
                f"which the card does not name; allowed: {', '.join(label.values)}."
            )
        if label.kind == "number":  # also where no utterance has one
            manifest.frame[name] = manifest.frame[name].astype("float64")
    return manifest
