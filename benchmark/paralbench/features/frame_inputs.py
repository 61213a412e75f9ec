"""Frames as probes read them: some rows at a time, whatever they lie in.

Each class is a :class:`paralbench.probes.inputs.Frames`.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from paralbench.errors import ProbeError
from paralbench.features.frame_layer import FrameLayer, layer_index
from paralbench.features.frame_store import FrameStore
from paralbench.features.store import FeatureSpace
from paralbench.probes.inputs import Frames, Index

States = Sequence[npt.NDArray[np.floating]]


class StoredFrames:
    """The frames of one layer in a feature space; only the rows asked for are read.

    Args:
        space: of the upstream.
        contents: sha256 of the decoded audio of each row.
        layer: which layer, -1 for the last.
        dtype: of the stored frames.

    Raises:
        StoreError: an utterance has no frames; the message says which and why.
        ParalbenchError: there is no such layer.
    """

    def __init__(
        self,
        space: FeatureSpace,
        contents: Sequence[str],
        layer: int = -1,
        dtype: str = "float16",
    ):
        layers, self.dim = space.shape or (1, 0)
        self.layer = layer_index(layer, layers)
        self._store = FrameStore(space, FrameLayer(self.layer, dtype))
        self._contents = list(contents)
        self.lengths: Index = self._store.lengths(self._contents)

    def read(self, rows: Index) -> States:
        """See :class:`~paralbench.probes.inputs.Frames`: views of the files, read-only."""
        return self._store.read([self._contents[row] for row in rows.tolist()])


class HeldFrames:
    """Frames in memory.

    Args:
        layer: index of the layer.
        states: ``(frames, dim)`` of each row, at least one frame each.

    Raises:
        ProbeError: they do not have one number of dimensions, or a row has no frame.
    """

    def __init__(self, layer: int, states: States):
        shapes = [np.shape(one) for one in states]
        dims = {shape[1:] for shape in shapes}
        if len(dims) != 1 or len(shapes[0]) != 2 or min(shape[0] for shape in shapes) == 0:
            raise ProbeError(
                f"frames of shapes {sorted(set(shapes))[:5]}: (frames, dim) is expected, with one "
                "frame or more and the same dim."
            )
        self.layer, self.dim = layer, shapes[0][1]
        self.lengths: Index = np.array([shape[0] for shape in shapes], np.int64)
        self._states = states

    def read(self, rows: Index) -> States:
        """See :class:`~paralbench.probes.inputs.Frames`."""
        return [self._states[row] for row in rows.tolist()]


class JoinedFrames:
    """Rows that are several utterances each, such as sessions: their frames end to end.

    Args:
        frames: of the utterances.
        groups: the row of each utterance, ``(n,)``, from 0 without a gap; within a row the
            utterances keep their order.

    Raises:
        ProbeError: there is not one row for each utterance, or a row without any.
    """

    def __init__(self, frames: Frames, groups: npt.NDArray[np.integer]):
        counts = np.bincount(groups)
        if len(groups) != len(frames.lengths) or not counts.all():
            raise ProbeError(
                f"{len(groups)} utterances in {len(counts)} rows for the frames of "
                f"{len(frames.lengths)}: each utterance needs a row, and each row an utterance."
            )
        self.layer, self.dim, self._frames = frames.layer, frames.dim, frames
        order = np.argsort(groups, kind="stable")
        self._members = np.split(order, np.cumsum(counts)[:-1])
        self.lengths: Index = np.array([frames.lengths[m].sum() for m in self._members], np.int64)

    def read(self, rows: Index) -> States:
        """See :class:`~paralbench.probes.inputs.Frames`."""
        return [np.concatenate(self._frames.read(self._members[row])) for row in rows.tolist()]
