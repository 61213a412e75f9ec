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
            Valid frames of each utterance after the last convolution, ``(batch,)``, int64.
        """
        self._after = [list(column) for column in zip(*map(self.count, lengths), strict=True)]
        last = torch.tensor(self._after[-1], dtype=torch.int64, device=device)
        self._mask = None
        if min(self._after[-1]) < max(self._after[-1]):
            self._mask = valid_mask(last, max(self._after[-1]))
        return last

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
        # Utterance by utterance, so that an utterance goes through the same kernel as alone, and
        # in place, because this may be the largest activation of the whole model.
        for row, frames in zip(x, valid, strict=True):
            row[:, :frames] = self.norm(row[None, :, :frames])[0]
            row[:, frames:] = 0
        return x


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
