"""The reader for a user's own corpus whose labels are in its file names.

.. code-block:: yaml

    reader:
      name: filename
      options:
        pattern: '(?P<speaker>[a-z]+[0-9]+)_(?P<emotion>[A-Z])_[0-9]+'
        values: {emotion: {A: anger, N: neutral}}
"""

from pathlib import Path

from paralbench.cards.corpus import CorpusCard
from paralbench.corpora.manifest import Manifest
from paralbench.corpora.readers.files import AudioFiles, audio_files
from paralbench.corpora.readers.labels import Row
from paralbench.corpora.readers.names import manifest_of_names
from paralbench.corpora.readers.options import FilenameOptions
from paralbench.errors import CorpusError


def read(card: CorpusCard, root: Path, *, look: bool = True) -> Manifest:
    """Read the labels that named groups of a pattern find in the paths.

    Raises:
        CardError: the options are wrong; see :class:`FilenameOptions`.
        CorpusError: no audio, or no file whose path fits the pattern.
    """
    options = FilenameOptions.of(card)
    files = audio_files(root, options.suffixes)
    if not files:
        raise CorpusError(
            f"{card.id}: no audio file under {root}; looked for {', '.join(options.suffixes)}."
        )
    if not any(options.expression.fullmatch(name) for name, _ in files):
        raise CorpusError(_no_match(card, root, files, options))

    def parse(name: str, path: str) -> Row | None:
        match = options.expression.fullmatch(name)
        return None if match is None else {**options.constants, **match.groupdict()}

    return manifest_of_names(card, root, files, parse, "matched by the pattern", options.values)


def _no_match(card: CorpusCard, root: Path, files: AudioFiles, options: FilenameOptions) -> str:
    name, _ = next(iter(files))
    message = (
        f"{card.id}: none of the {len(files)} audio files under {root} is matched by the pattern "
        f"{options.pattern!r}. It must match the whole end of a path without its suffix, such as "
        f"{name!r}."
    )
    above = root.absolute()
    prefix = ""
    for _ in range(2):  # a folder name in the pattern may be that of the given folder itself
        prefix = f"{above.name}/{prefix}"
        above = above.parent
        if options.expression.fullmatch(prefix + name):
            return f"{message} The folder is too deep; give {above} instead."
    return message
