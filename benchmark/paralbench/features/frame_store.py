"""The frames of one layer of each utterance, for probes that need more of them than their mean.

They lie beside the pooled features, in a folder of the space for each layer and type, and are found
by the same content keys. An utterance that is excluded in its space has no frames either.
"""

import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from paralbench.errors import StoreError
from paralbench.features.frame_layer import FrameLayer, layer_index
from paralbench.features.sizes import size_text
from paralbench.features.store import FeatureSpace
from paralbench.storage.keyed import RaggedStore


class FrameStore:
    """Frames of one layer in one type, by sha256 of the decoded audio.

    Nothing in it is changed: frames are appended a whole shard at a time, also by several processes
    at once, and a kill leaves no half of one.

    Attributes:
        space: whose hidden states they are.
        layer: which layer, and the type.
        folder: ``frames/layer-INDEX-TYPE`` of the space; created on the first write.
    """

    def __init__(self, space: FeatureSpace, layer: FrameLayer):
        self.space, self.layer = space, layer
        self.folder = space.folder / "frames" / f"layer-{layer.index}-{layer.dtype}"
        # Float32 always: for what float16 cannot hold.
        self._rows = RaggedStore(self.folder, dtypes=("float16", "float32"), ndim=2)

    def __len__(self) -> int:
        """How many utterances have frames."""
        return len(self._rows)

    @property
    def dim(self) -> int | None:
        """Features per frame; None while there are none."""
        width = self._rows.width
        return None if width is None else width[0]

    def files(self, contents: Iterable[str]) -> list[Path]:
        """The shards that hold the frames of some contents."""
        return self._rows.files(contents)

    def refresh(self) -> None:
        """See what other processes wrote since."""
        self._rows.refresh()

    def missing(self, contents: Iterable[str]) -> list[str]:
        """The contents that have neither frames nor a recorded exclusion, in order, each once."""
        lacking = self._rows.missing(contents)
        excluded = self.space.excluded(lacking) if lacking else {}
        return [content for content in lacking if content not in excluded]

    def append(
        self,
        contents: Sequence[str],
        states: Sequence[np.ndarray],
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        """Store frames; they are on the disk when this returns.

        Contents that are stored already keep the frames they have.

        Args:
            contents: sha256 of decoded audio, each once.
            states: of each the valid frames ``(frames, dim)``, at least one; float16, or float32.
            metadata: strings to keep with them.

        Raises:
            StoreError: the arrays do not fit the contents or the store, a value is not finite, or
                nothing can be written.
        """
        if len(contents) != len(states):
            raise StoreError(f"{self.folder}: {len(contents)} contents, frames of {len(states)}.")
        for content, one in zip(contents, states, strict=True):
            if len(one) == 0 or not np.isfinite(one).all():
                raise StoreError(
                    f"{self.folder}: {content[:12]} has no frames, or some that are NaN or "
                    "infinite; exclude it."
                )
        given = dict(zip(contents, states, strict=True))
        new = self._rows.missing(contents)
        self._rows.append(new, [given[content] for content in new], metadata)

    def lengths(self, contents: Sequence[str]) -> np.ndarray:
        """Frames of each content ``(n,)``, int64.

        Raises:
            StoreError: a content has no frames here; the message says which and why.
        """
        self._check(contents)
        return self._rows.lengths(contents)

    def read(self, contents: Sequence[str]) -> list[np.ndarray]:
        """The frames ``(frames, dim)`` of each content, float16 or float32.

        They are read-only views of the files: only what is looked at is read from the disk.

        Raises:
            StoreError: see :meth:`lengths`.
        """
        self._check(contents)
        return [self._rows.get(content) for content in contents]

    def _check(self, contents: Sequence[str]) -> None:
        lacking = self._rows.missing(contents)
        if lacking:
            self.refresh()
            lacking = self._rows.missing(lacking)
        if lacking:
            reasons = self.space.excluded(lacking)
            why = "; ".join(f"{content[:12]}: {reason}" for content, reason in reasons.items())
            raise StoreError(
                f"{self.folder}: {len(lacking)} of {len(contents)} utterances have no frames here"
                f"{f' ({why[:200]})' if why else ''}. Extract them with frames of layer "
                f"{self.layer.index}, or leave out what was excluded."
            )


def open_frames(space: FeatureSpace, layer: int, dtype: str = "float16") -> FrameStore | None:
    """The frames of a layer, -1 for the last; None while the space is empty.

    Then the number of its layers is unknown; but then no utterance has frames either.

    Raises:
        ParalbenchError: there is no such layer.
    """
    if space.shape is None:
        return None
    return FrameStore(space, FrameLayer(layer_index(layer, space.shape[0]), dtype))


def lacking(
    space: FeatureSpace,
    contents: Iterable[str],
    *,
    second_moments: bool = False,
    frames: FrameStore | None = None,
) -> list[str]:
    """The contents of which something that is wanted is not stored, in order, each once.

    Args:
        space: the pooled features.
        contents: sha256 of decoded audio.
        second_moments: whether these are wanted too.
        frames: where the frames are that are wanted too.
    """
    asked = list(dict.fromkeys(contents))
    found = set(space.missing(asked, second_moments=second_moments))
    if frames is not None:
        found.update(frames.missing(asked))
    return [content for content in asked if content in found]


def check_room(folder: Path, needed: int) -> None:
    """Refuse to begin what cannot be finished.

    Args:
        folder: where it is to go; it need not exist yet.
        needed: bytes.

    Raises:
        StoreError: fewer bytes are free on the disk.
    """
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(there).free
    if needed > free:
        raise StoreError(
            f"{folder}: frames of {needed} bytes ({size_text(needed)}) are to be stored and "
            f"{free} bytes ({size_text(free)}) are free. Free some space, set PARALBENCH_HOME to "
            "a folder on a larger disk, or leave out the probes that read frames."
        )
