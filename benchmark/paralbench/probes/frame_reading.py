"""Frames of utterances as tensors: end to end without padding, standardised."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from paralbench.errors import ProbeError
from paralbench.probes.inputs import Frames, Index
from paralbench.probes.settings import Settings

# A dimension whose spread is below this share of its mean is constant but for rounding.
_ROUNDING = 1e-6


class FrameReader:
    """Reads frames onto the device: all of them once where they fit, else when they are asked for.

    Args:
        frames: of all utterances.
        rows: those that will be read.
        settings: device and type; its memory is the most that is kept.

    Raises:
        ProbeError: a value is not finite.
    """

    def __init__(self, frames: Frames, rows: Index, settings: Settings):
        self._frames, self.lengths, self.dim = frames, frames.lengths, frames.dim
        self.device, self.dtype = torch.device(settings.device), settings.dtype
        self._kept: Tensor | None = None
        self._starts = np.zeros(len(self.lengths), np.int64)
        rows = np.unique(rows)
        ends = np.cumsum(self.lengths[rows])
        if len(rows) and ends[-1] * self.dim * settings.dtype.itemsize <= settings.memory:
            self._starts[rows] = ends - self.lengths[rows]
            self._kept = self._load(rows)

    def read(self, rows: Index) -> Tensor:
        """The frames of some utterances, end to end in their order: ``(frames, dim)``, a copy.

        Raises:
            ProbeError: a value is not finite.
        """
        if self._kept is None:
            return self._load(rows)
        starts, ends = self._starts[rows], self._starts[rows] + self.lengths[rows]
        spans = zip(starts.tolist(), ends.tolist(), strict=True)
        return torch.cat([self._kept[start:end] for start, end in spans])

    def _load(self, rows: Index) -> Tensor:
        ends = np.cumsum(self.lengths[rows])
        loaded = torch.empty(int(ends[-1]), self.dim, dtype=self.dtype)
        # By numpy: torch warns of arrays that it may not write, as mapped files are.
        into: npt.NDArray[np.floating] = loaded.numpy()
        for row, end, states in zip(rows, ends, self._frames.read(rows), strict=True):
            into[end - self.lengths[row] : end] = states
            if not np.isfinite(states).all():
                raise ProbeError(
                    f"the frames of layer {self._frames.layer} of the utterance at position {row} "
                    "are not finite; look at its audio, and at the upstream's precision."
                )
        return loaded.to(self.device)


@dataclass(frozen=True)
class StandardFrames:
    """Frames standardised as one training set says.

    Attributes:
        reader: of all utterances.
        mean, scale: subtracted and multiplied, ``(dim,)``; None: nothing is standardised.
    """

    reader: FrameReader
    mean: Tensor | None = None
    scale: Tensor | None = None

    def read(self, rows: Index) -> Tensor:
        """The frames of some utterances, end to end: ``(frames, dim)``."""
        found = self.reader.read(rows)
        if self.mean is None or self.scale is None:
            return found
        return found.sub_(self.mean).mul_(self.scale)


def standardised(reader: FrameReader, rows: Index, most: int) -> StandardFrames:
    """Frames whose dimensions have mean 0 and variance 1 over all frames of some utterances.

    One pass, in double precision. A constant dimension becomes 0: nothing can be learned of it,
    and at test it may be anything.

    Args:
        reader: of all utterances.
        rows: the training utterances.
        most: frames that are looked at at once.
    """
    parts = blocks(rows, reader.lengths[rows], most)
    wide = torch.float32 if reader.device.type == "mps" else torch.float64
    # Sums of squares around the mean of some of the frames do not cancel, as those around 0 may.
    shift = reader.read(parts[0][:1]).to(wide).mean(0)
    total, squares = torch.zeros_like(shift), torch.zeros_like(shift)
    for part in parts:
        values = reader.read(part).to(wide) - shift
        total += values.sum(0)
        squares += values.square_().sum(0)
    n = int(reader.lengths[rows].sum())
    deviation = (squares / n - (total / n).square()).clamp_min(0).sqrt()
    mean = shift + total / n
    varies = deviation > _ROUNDING * mean.abs()
    scale = torch.where(varies, 1 / torch.where(varies, deviation, 1.0), 0.0)
    return StandardFrames(reader, mean.to(reader.dtype), scale.to(reader.dtype))


def blocks(rows: Index, lengths: Sequence[int] | Index, most: int) -> list[Index]:
    """Cut rows into runs of at most ``most`` frames, each of at least one utterance.

    Args:
        rows: utterances, ``(n,)``.
        lengths: frames of each, ``(n,)``.
        most: frames.
    """
    cuts, held = [], 0
    for position, length in enumerate(lengths):
        if held and held + length > most:
            cuts.append(position)
            held = 0
        held += int(length)
    return np.split(rows, cuts)
