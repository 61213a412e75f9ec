"""Group normalisation over the valid frames of each utterance."""

import torch
from torch import nn

from paralbench.upstreams.padding import ValidFrames


class ValidNorm(nn.Module):
    """A norm over time whose statistics leave padded frames out; they become zero.

    Zero, and not left as they are as in :class:`paralbench.upstreams.padding.ValidGroupNorm`,
    because here a norm follows each of twenty convolutions: what is never normalised could grow
    beyond all bounds.

    Args:
        norm: the module it stands in for.
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
        # Utterance by utterance, so that an utterance goes through the same kernel as alone.
        normed = torch.zeros_like(x)
        for row, (source, frames) in enumerate(zip(x, valid, strict=True)):
            normed[row, :, :frames] = self.norm(source[None, :, :frames])[0]
        return normed
