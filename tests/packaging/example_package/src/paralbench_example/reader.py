"""A reader: ``SPEAKER/LABEL-NUMBER.wav``."""

from paralbench.corpora.manifest import make_manifest


def read(card, root, *, look=True):
    """Read speaker and voice from the path."""
    rows = [
        {
            "utterance": f"{file.parent.name}-{file.stem}",
            "path": file.relative_to(root).as_posix(),
            "speaker": file.parent.name,
            "voice": file.stem.partition("-")[0],
        }
        for file in sorted(root.glob("*/*.wav"))
    ]
    return make_manifest(card.id, root, rows, [])
