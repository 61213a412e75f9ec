"""Manifests of corpora whose labels are in the names of their files."""

from collections.abc import Callable, Mapping
from pathlib import Path

from paralbench.cards.corpus import CorpusCard
from paralbench.corpora.manifest import Exclusion, Manifest, make_manifest
from paralbench.corpora.readers.files import AudioFiles
from paralbench.corpora.readers.labels import Row, settle

# What one file's name says: a row of raw values, a reason to leave it out, or nothing.
Parse = Callable[[str, str], Row | Exclusion | None]


def manifest_of_names(
    card: CorpusCard,
    root: Path,
    files: AudioFiles,
    parse: Parse,
    expected: str,
    values: Mapping[str, Mapping[str, str]] | None = None,
) -> Manifest:
    """Read every file's name.

    Args:
        card: the corpus card.
        root: the corpus folder.
        files: its audio files.
        parse: called with a file's path without suffix and its path; returns raw values (without
            ``utterance``: the path without suffix), an exclusion, or None for a file whose name is
            not of the corpus's form.
        expected: that form in words.
        values: see :func:`~paralbench.corpora.readers.labels.settle`.

    Raises:
        CorpusError: nothing is left.
    """
    rows: list[Row] = []
    excluded: list[Exclusion] = []
    for name, path in files:
        found = parse(name, path)
        if found is None:
            found = Exclusion(name, "extra", f"the name is not {expected}")
        elif not isinstance(found, Exclusion):
            found = settle(card, {"utterance": name, "path": path, **found}, values)
        if isinstance(found, Exclusion):
            excluded.append(found)
        else:
            rows.append(found)
    used = {path for _, path in files}
    excluded += files.unused(used, "")
    return make_manifest(card.id, root, rows, excluded)
