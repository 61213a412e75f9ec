"""Statistics over the valid frames of an utterance, computed where the hidden states are.

Sums are accumulated in float64, whatever precision the frames have: then the grouping of the
frames (which padding and windows change) does not show in the float32 that is stored, and large
offsets, which hidden states have in some dimensions, cost no digits. The price is small beside
an encoder's. Apple's devices have no float64: float32 there, and so for half precision on GPUs.
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


@dataclass(frozen=True)
class Summary:
    """Statistics of a batch as tensors: where the hidden states are, or on the CPU.

    Attributes:
        lengths: valid frames of each utterance.
        means: ``(batch, layers, dim)``, one tensor for the whole batch.
        moments: packed covariances of each utterance ``(pairs, dim)``; empty if not asked for.
        states: the valid frames of one layer ``(frames, dim)``; empty if not asked for.
    """

    lengths: list[int]
    means: "torch.Tensor"
    moments: "list[torch.Tensor]"
    states: "list[torch.Tensor]"

    @property
    def tensors(self) -> "list[torch.Tensor]":
        """All of them."""
        return [self.means, *self.moments, *self.states]

    def on_host(self, *, wait: bool = True) -> "Summary":
        """The same on the CPU; without ``wait`` the copies of a CUDA device are only begun."""

        def copy(tensor: "torch.Tensor") -> "torch.Tensor":
            return tensor.to("cpu", non_blocking=not wait)

        return Summary(
            self.lengths,
            copy(self.means),
            [copy(one) for one in self.moments],
            [copy(one) for one in self.states],
        )

    def copied(self) -> "Summary":
        """The same in memory of its own."""
        return Summary(
            self.lengths,
            self.means.clone(),
            [one.clone() for one in self.moments],
            [one.clone() for one in self.states],
        )

    def pooled(self) -> list[Pooled]:
        """One per utterance, in order; of a summary on the CPU."""
        rows = self.means.double().numpy()
        none = [None] * len(self.lengths)
        moments = [one.double().numpy() for one in self.moments] or none
        states = [one.numpy() for one in self.states] or none
        return [Pooled(*one) for one in zip(self.lengths, rows, moments, states, strict=True)]


def pool(
    hidden: "HiddenStates", *, second_moments: bool = False, layer: FrameLayer | None = None
) -> list[Pooled]:
    """Pool a batch of hidden states over each utterance's valid frames; see :func:`summarise`."""
    return summarise(hidden, second_moments=second_moments, layer=layer).on_host().pooled()


def summarise(
    hidden: "HiddenStates", *, second_moments: bool = False, layer: FrameLayer | None = None
) -> Summary:
    """The statistics over each utterance's valid frames, left on the device that holds them.

    On a CUDA device nothing is waited for, if the lengths are on the CPU and no frames are asked
    for (whether they fit into float16 is looked at, window by window).

    Args:
        hidden: layers ``(batch, frames, dim)``; padded frames are not read.
        second_moments: also the covariances between layers.
        layer: also the frames of this layer.

    Returns:
        An utterance without a valid frame has a mean of zeros.
    """
    import torch

    lengths = [int(length) for length in hidden.lengths.tolist()]
    device = hidden.layers[0].device
    wide = torch.float32 if device.type == "mps" else torch.float64
    on_device = _uploaded(np.array(lengths, np.int64), device)
    count = on_device.to(wide).clamp(min=1)[:, None]
    sums = [_sums(one, lengths, on_device, wide) for one in hidden.layers]
    means = torch.stack([one / count for one in sums], dim=1)
    moments = []
    if second_moments:
        moments = [
            _covariances([one[row, :length] for one in hidden.layers], means[row])
            for row, length in enumerate(lengths)
        ]
    states = []
    if layer is not None:
        own = hidden.layers[layer.index]
        states = [layer.narrowed(own[row, :length]) for row, length in enumerate(lengths)]
    return Summary(lengths, means, moments, states)


def _uploaded(integers: np.ndarray, device: "torch.device") -> "torch.Tensor":
    """Integers on a device, without waiting for what it computes."""
    import torch

    host = torch.from_numpy(integers)
    if device.type == "cuda":
        return host.pin_memory().to(device, non_blocking=True)
    return host.to(device)


def _sums(
    layer: "torch.Tensor", lengths: list[int], on_device: "torch.Tensor", wide: "torch.dtype"
) -> "torch.Tensor":
    """Sums over valid frames ``(batch, dim)`` of a layer ``(batch, frames, dim)``."""
    import torch

    if layer.device.type != "cpu":
        return masked_sums(layer, on_device, wide)
    if min(lengths) == layer.shape[1]:
        return layer.sum(dim=1, dtype=wide)
    # Three times as fast there as masking, which copies the layer.
    rows = [layer[row, :length].sum(0, dtype=wide) for row, length in enumerate(lengths)]
    return torch.stack(rows)


def masked_sums(
    layer: "torch.Tensor", lengths: "torch.Tensor", wide: "torch.dtype"
) -> "torch.Tensor":
    """Sums over valid frames in two kernels, for devices where each call costs its launch.

    The padding is replaced, not multiplied by zero: it may hold an infinity in half precision.
    Half precision is summed in float32, which a GPU does without writing it down anew; in float64
    it would write four times what the layer holds.

    Args:
        layer: ``(batch, frames, dim)``.
        lengths: valid frames ``(batch,)``, on the same device.
        wide: the type of the sums.
    """
    import torch

    valid = torch.arange(layer.shape[1], device=layer.device) < lengths[:, None]
    inner = torch.float32 if layer.element_size() < 4 else wide
    return layer.masked_fill(~valid[..., None], 0).sum(dim=1, dtype=inner).to(wide)


def _covariances(layers: Sequence["torch.Tensor"], mean: "torch.Tensor") -> "torch.Tensor":
    """Packed covariances ``(pairs, dim)`` of layers ``(frames, dim)`` with means ``(layers, dim)``.

    One utterance at a time and some dimensions at a time, which bounds the memory.
    """
    import torch

    frames, dim = layers[0].shape
    first, second = (_uploaded(index, mean.device) for index in pairs(len(layers)))
    step = max(1, _MOMENT_ELEMENTS // (max(frames, 1) * len(layers)))
    blocks = []
    for start in range(0, dim, step):
        part = slice(start, start + step)
        # (dim, layers, frames): one matrix product per dimension.
        centred = torch.stack([layer[:, part].to(mean.dtype).T for layer in layers], dim=1)
        centred = centred - mean[:, part].T[..., None]
        full = centred @ centred.transpose(1, 2) / max(frames, 1)
        blocks.append(full[:, first, second].T)
    return torch.cat(blocks, dim=1)


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
