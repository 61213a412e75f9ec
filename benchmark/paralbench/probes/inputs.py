"""What probes are trained on: statistics of every utterance, and the folds as positions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from paralbench.errors import ProbeError
from paralbench.probes.on_disk import Floats32, Means, OnDisk

Index = npt.NDArray[np.int64]


class Frames(Protocol):
    """The frames of one layer of every utterance, read when they are needed.

    Attributes:
        layer: index of the layer.
        dim: features per frame.
        lengths: frames of each utterance, ``(n,)`` int64, every one at least 1.
    """

    layer: int
    dim: int
    lengths: Index

    def read(self, rows: Index) -> Sequence[npt.NDArray[np.floating]]:
        """Frames ``(frames, dim)`` of each of the utterances, float16 or float32."""
        ...


@dataclass(frozen=True)
class Inputs:
    """The statistics of all utterances of a problem.

    Attributes:
        mean: over valid frames, ``(n, layers, dim)`` float32; on the disk where they are large.
        moments: packed covariances between layers ``(n, pairs, dim)`` float32, see
            :mod:`paralbench.features.moments`; None unless the recipe reads them.
        frames: None unless the recipe reads them.
    """

    mean: Means
    moments: Floats32 | None = None
    frames: Frames | None = None

    def __len__(self) -> int:
        return len(self.mean)

    @property
    def layers(self) -> int:
        """Layers of the means."""
        return self.mean.shape[1]

    @property
    def dim(self) -> int:
        """Features per layer."""
        return self.mean.shape[2]

    def check(self, used: Index) -> None:
        """Check that the statistics of the utterances ``used`` are finite.

        Raises:
            ProbeError: they are not; the message says of how many, and which is the first.
        """
        used = np.unique(used)
        bad = used[~(_finite(self.mean, used) & _finite(self.moments, used))]
        if len(bad):
            raise ProbeError(
                f"the features of {len(bad)} of {len(used)} utterances are not finite (the first "
                f"at position {bad[0]}); look at their audio, and at the upstream's precision."
            )


def _finite(values: Means | None, used: Index) -> npt.NDArray[np.bool_]:
    """Whether all of each utterance is finite, some utterances at a time."""
    if values is None:
        return np.ones(len(used), dtype=bool)
    if isinstance(values, OnDisk):
        return values.finite[used]
    parts = np.array_split(used, max(1, len(used) // 256))
    return np.concatenate([np.isfinite(values[part]).all(axis=(1, 2)) for part in parts])


@dataclass(frozen=True)
class FoldRows:
    """One fold as positions in the inputs.

    Attributes:
        name: for messages.
        train: training utterances.
        test: test utterances; disjoint from train.
        draws: for each seed the part of train to fit on and the development utterances that
            choose; empty where nothing is selected.
    """

    name: str
    train: Index
    test: Index
    draws: tuple[tuple[Index, Index], ...] = ()
