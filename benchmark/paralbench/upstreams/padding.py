"""Cures that make transformers' speech encoders exact under padding.

Passing the attention mask is not enough; :mod:`paralbench.upstreams.wav2vec2_padding` lists what
still looks at padding in which architecture.

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
            frames = torch.arange(max(self._after[-1]), device=device)
            self._mask = frames < last[:, None]
        return last

    def after(self, convolution: int) -> list[int]:
        """Valid frames of each utterance after the convolution of this index."""
        return self._after[convolution]

    @property
    def mask(self) -> torch.Tensor | None:
        """True on valid frames after the last convolution ``(batch, frames)``; None: all are."""
        return self._mask


class ValidGroupNorm(nn.Module):
    """GroupNorm whose statistics are taken over the valid frames only.

    Args:
        norm: the module it stands in for.
        frames: the lengths of the current batch.
        convolution: the index of the convolution before it.
    """

    def __init__(self, norm: nn.GroupNorm, frames: ValidFrames, convolution: int):
        super().__init__()
        self.norm, self.frames, self.convolution = norm, frames, convolution

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Normalise ``(batch, channels, frames)``; padded frames are left as they are."""
        valid = self.frames.after(self.convolution)
        if min(valid) == x.shape[-1]:
            return self.norm(x)
        # Utterance by utterance, so that an utterance goes through the same kernel as alone, and
        # in place, because this is the largest activation of the whole model.
        for row, frames in zip(x, valid, strict=True):
            row[:, :frames] = self.norm(row[None, :, :frames])[0]
        return x


def zero_padding_before(convolution: nn.Module, frames: ValidFrames) -> None:
    """Let a convolution over ``(batch, channels, frames)`` see zeros in padded frames."""

    def before(_module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        if frames.mask is None:
            return inputs
        return (inputs[0] * frames.mask[:, None].to(inputs[0].dtype), *inputs[1:])

    convolution.register_forward_pre_hook(before)
