"""Statistics over the valid frames of an utterance, computed where the hidden states are.

Sums are accumulated in float64, whatever precision the frames have: then the grouping of the
frames (which padding and windows change) does not show in the float32 that is stored, and large
offsets, which hidden states have in some dimensions, cost no digits. The price is small beside
an encoder's. Apple's devices have no float64: float32 there.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from paralbench.errors import ParalbenchError
from paralbench.features.frame_layer import FrameLayer
from paralbench.features.moments import pairs

if TYPE_CHECKING:
    import torch

    from paralbench.upstreams.base import HiddenStates

# Frames x layers x dimensions of one utterance that second moments take at once, in float64.
_MOMENT_ELEMENTS = 8_000_000


@dataclass(frozen=True)
class Pooled:
    """Statistics of an utterance, or of a window of it.

    Attributes:
        frames: how many valid frames.
        mean: ``(layers, dim)``, float64.
        moments: packed population covariances ``(pairs, dim)``, float64, or None.
        states: the valid frames of one layer ``(frames, dim)``, float16 or float32, or None.
    """

    frames: int
    mean: np.ndarray
    moments: np.ndarray | None = None
    states: np.ndarray | None = None

    @property
    def finite(self) -> bool:
        """Whether every statistic is a number that float32 can hold."""
        with np.errstate(over="ignore"):
            statistics = [self.mean.astype(np.float32)]
            if self.moments is not None:
                statistics.append(self.moments.astype(np.float32))
            if self.states is not None:
                statistics.append(self.states)
        return all(bool(np.isfinite(one).all()) for one in statistics)


def pool(
    hidden: "HiddenStates", *, second_moments: bool = False, layer: FrameLayer | None = None
) -> list[Pooled]:
    """Pool a batch of hidden states over each utterance's valid frames.

    Args:
        hidden: layers ``(batch, frames, dim)``; padded frames are not read.
        second_moments: also the covariances between layers.
        layer: also the frames of this layer.

    Returns:
        One per utterance, in order. An utterance without a valid frame has a mean of zeros.
    """
    import torch

    lengths = [int(length) for length in hidden.lengths.tolist()]
    device = hidden.layers[0].device
    wide = torch.float32 if device.type == "mps" else torch.float64
    count = torch.tensor(lengths, device=device, dtype=wide).clamp(min=1)[:, None]
    means = torch.stack([_sums(layer, lengths, wide) / count for layer in hidden.layers], dim=1)
    rows = means.to("cpu", torch.float64).numpy()
    moments: list[np.ndarray | None] = [None] * len(lengths)
    if second_moments:
        moments = [
            _covariances([layer[row, :length] for layer in hidden.layers], means[row])
            for row, length in enumerate(lengths)
        ]
    states: list[np.ndarray | None] = [None] * len(lengths)
    if layer is not None:
        own = hidden.layers[layer.index]
        states = [
            layer.narrowed(own[row, :length]).to("cpu").numpy()
            for row, length in enumerate(lengths)
        ]
    return [Pooled(*one) for one in zip(lengths, rows, moments, states, strict=True)]


def _sums(layer: "torch.Tensor", lengths: list[int], wide: "torch.dtype") -> "torch.Tensor":
    """Sums over valid frames ``(batch, dim)`` of a layer ``(batch, frames, dim)``."""
    import torch

    if min(lengths) == layer.shape[1]:
        return layer.sum(dim=1, dtype=wide)
    if layer.device.type == "cpu":
        # Three times as fast there as masking, which copies the layer.
        rows = [layer[row, :length].sum(0, dtype=wide) for row, length in enumerate(lengths)]
        return torch.stack(rows)
    return masked_sums(layer, lengths, wide)


def masked_sums(layer: "torch.Tensor", lengths: list[int], wide: "torch.dtype") -> "torch.Tensor":
    """Sums over valid frames in two kernels, for devices where each call costs its launch.

    The padding is replaced, not multiplied by zero: it may hold an infinity in half precision.
    """
    import torch

    frames = torch.arange(layer.shape[1], device=layer.device)
    valid = frames < torch.tensor(lengths, device=layer.device)[:, None]
    return layer.masked_fill(~valid[..., None], 0).sum(dim=1, dtype=wide)


def _covariances(layers: Sequence["torch.Tensor"], mean: "torch.Tensor") -> np.ndarray:
    """Packed covariances ``(pairs, dim)`` of layers ``(frames, dim)`` with means ``(layers, dim)``.

    One utterance at a time and some dimensions at a time, which bounds the memory.
    """
    import torch

    frames, dim = layers[0].shape
    first, second = (torch.from_numpy(index) for index in pairs(len(layers)))
    step = max(1, _MOMENT_ELEMENTS // (max(frames, 1) * len(layers)))
    blocks = []
    for start in range(0, dim, step):
        part = slice(start, start + step)
        # (dim, layers, frames): one matrix product per dimension.
        centred = torch.stack([layer[:, part].to(mean.dtype).T for layer in layers], dim=1)
        centred = centred - mean[:, part].T[..., None]
        full = centred @ centred.transpose(1, 2) / max(frames, 1)
        blocks.append(full[:, first, second].T.to("cpu", torch.float64))
    return torch.cat(blocks, dim=1).numpy()


def merge(parts: Sequence[Pooled]) -> Pooled:
    """The statistics of windows as those of the whole, by Chan, Golub and LeVeque (1979).

    Exact: only the windows' frames, means and covariances are needed. The frames of a layer are
    put end to end; where those of one window are float32, all are.

    Raises:
        ParalbenchError: there are no parts.
    """
    if not parts:
        raise ParalbenchError("no windows to merge; give at least one.")
    merged = parts[0]
    if len(parts) == 1:
        return merged
    for part in parts[1:]:
        merged = _merge(merged, part)
    states = [part.states for part in parts if part.states is not None]
    return replace(merged, states=np.concatenate(states) if states else None)


def _merge(one: Pooled, other: Pooled) -> Pooled:
    frames = one.frames + other.frames
    if frames == 0:
        return one
    share = other.frames / frames
    moments = None
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is excluded later
        step = other.mean - one.mean
        mean = one.mean + share * step
        if one.moments is not None and other.moments is not None:
            first, second = pairs(len(step))
            moments = (
                (1 - share) * one.moments
                + share * other.moments
                + share * (1 - share) * step[first] * step[second]
            )
    return Pooled(frames, mean, moments)
