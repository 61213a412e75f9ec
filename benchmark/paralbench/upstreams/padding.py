"""Cures that make speech encoders exact under padding.

Passing an attention mask is not enough; for transformers' models,
:mod:`paralbench.upstreams.wav2vec2_padding` lists what still looks at padding in which.

The modules here replace or precede the ones at fault and read the lengths of the batch that is
being encoded from a shared :class:`ValidFrames`. Without padding they do nothing.
"""

from collections.abc import Sequence

import torch
from torch import nn


class ValidFrames:
    """How many frames of each utterance are valid after each convolution of a front end.

    Args:
        kernels: kernel sizes of the front end's convolutions, in order.
        strides: their strides.
    """

    def __init__(self, kernels: Sequence[int], strides: Sequence[int]):
        self.kernels, self.strides = tuple(kernels), tuple(strides)
        self._after: list[list[int]] = []
        self._mask: torch.Tensor | None = None

    @property
    def receptive_field(self) -> int:
        """Samples that one last frame sees: the shortest input that gives a frame."""
        field = 1
        for kernel, stride in zip(self.kernels[::-1], self.strides[::-1], strict=True):
            field = (field - 1) * stride + kernel
        return field

    def count(self, samples: int) -> list[int]:
        """Frames after each convolution for an input of so many samples."""
        counts = []
        for kernel, stride in zip(self.kernels, self.strides, strict=True):
            samples = (samples - kernel) // stride + 1
            counts.append(samples)
        return counts

    def set(self, lengths: Sequence[int], device: torch.device) -> torch.Tensor:
        """Start a batch.

        Args:
            lengths: valid samples of each utterance.
            device: of the batch.

        Returns:
            Valid frames of each utterance after the last convolution, ``(batch,)``, int64, on the
            CPU, where nobody waits for the device to read them.
        """
        self._after = [list(column) for column in zip(*map(self.count, lengths), strict=True)]
        last, self._mask = self._after[-1], None
        if min(last) < max(last):
            self._mask = valid_mask(on_device(last, device), max(last))
        return torch.tensor(last, dtype=torch.int64)

    def after(self, convolution: int) -> list[int]:
        """Valid frames of each utterance after the convolution of this index."""
        return self._after[convolution]

    @property
    def mask(self) -> torch.Tensor | None:
        """True on valid frames after the last convolution ``(batch, frames)``; None: all are."""
        return self._mask


class ValidNorm(nn.Module):
    """A norm over time whose statistics leave padded frames out; these become zero.

    Zero, because some models have a norm behind each of twenty convolutions: what is never
    normalised could grow beyond all bounds.

    Args:
        norm: the module it stands in for, such as a GroupNorm.
        frames: the lengths of the current batch.
        convolution: the index of the convolution before it.
    """

    def __init__(self, norm: nn.Module, frames: ValidFrames, convolution: int):
        super().__init__()
        self.norm, self.frames, self.convolution = norm, frames, convolution

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Normalise ``(batch, channels, frames)``."""
        valid = self.frames.after(self.convolution)
        if min(valid) == x.shape[-1]:
            return self.norm(x)
        # In place, because this may be the largest activation of the whole model.
        if x.device.type == "cuda" and isinstance(self.norm, nn.GroupNorm):
            return normalise_valid_(x, self.norm, on_device(valid, x.device))
        # Utterance by utterance, so that an utterance goes through the same kernel as alone.
        for row, frames in zip(x, valid, strict=True):
            row[:, :frames] = self.norm(row[None, :, :frames])[0]
            row[:, frames:] = 0
        return x


def normalise_valid_(x: torch.Tensor, norm: nn.GroupNorm, counts: torch.Tensor) -> torch.Tensor:
    """GroupNorm over valid frames in a few kernels for the whole batch, in place.

    For devices where a kernel per utterance costs its launch. Padded frames become the norm's
    shift, which is as finite as zero is.

    Args:
        x: ``(batch, channels, frames)``; it is overwritten.
        norm: groups, weight and bias.
        counts: valid frames of each utterance ``(batch,)``.
    """
    batch, channels, frames = x.shape
    members = channels // norm.num_groups
    padded = ~valid_mask(counts, frames)[:, None]
    x.masked_fill_(padded, 0)
    grouped = x.view(batch, norm.num_groups, members * frames)
    # torch sums bfloat16 and float16 in float32 without writing them down in float32.
    wide = torch.promote_types(x.dtype, torch.float32)
    n = counts.to(wide)[:, None] * members
    mean = grouped.sum(dim=2, dtype=wide) / n
    if wide == x.dtype:  # where rounding would show, the square of a mean is not taken off later
        grouped -= mean[..., None]
        x.masked_fill_(padded, 0)
        mean = torch.zeros_like(mean)
    squares = torch.linalg.vector_norm(grouped, dim=2, dtype=wide).square() / n
    scale = ((squares - mean**2).clamp(min=0) + norm.eps).rsqrt()
    scale, shift = (one.repeat_interleave(members, 1) for one in (scale, -mean * scale))
    if norm.weight is not None:
        scale, shift = scale * norm.weight.to(wide), shift * norm.weight.to(wide)
    if norm.bias is not None:
        shift = shift + norm.bias.to(wide)
    # Computed in float32 and rounded once, into the same memory.
    return torch.addcmul(shift[..., None], x, scale[..., None], out=x)


def on_device(values: Sequence[int], device: torch.device) -> torch.Tensor:
    """Integers ``(n,)``, int64, on a device, without waiting for what it computes."""
    tensor = torch.tensor(values, dtype=torch.int64)
    if device.type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


def valid_mask(lengths: torch.Tensor, longest: int) -> torch.Tensor:
    """True on the valid frames of each utterance, ``(batch, longest)``."""
    return torch.arange(longest, device=lengths.device) < lengths[:, None]


def attention_mask(valid: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """What is added to attention's scores so that nothing attends to padding.

    Args:
        valid: True on valid frames ``(batch, frames)``.
        dtype: of the scores.

    Returns:
        ``(batch, 1, 1, frames)``.
    """
    mask = torch.zeros(valid.shape, dtype=dtype, device=valid.device)
    return mask.masked_fill(~valid, torch.finfo(dtype).min)[:, None, None]


def without_padding(x: torch.Tensor, valid: torch.Tensor | None) -> torch.Tensor:
    """``(batch, channels, frames)`` with zeros in padded frames, whatever they held.

    Replaced, not multiplied by zero: in half precision they may hold an infinity.
    """
    return x if valid is None else x.masked_fill(~valid[:, None], 0)


def zero_padding_before(convolution: nn.Module, frames: ValidFrames) -> None:
    """Let a convolution over ``(batch, channels, frames)`` see zeros in padded frames."""

    def before(_module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        return (without_padding(inputs[0], frames.mask), *inputs[1:])

    convolution.register_forward_pre_hook(before)
