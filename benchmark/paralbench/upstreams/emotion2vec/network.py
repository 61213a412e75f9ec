"""The network of emotion2vec, a data2vec 2.0 audio encoder, for inference.

Convolutions over samples, each with LayerNorm and GELU; LayerNorm and a projection; a residual
stack of positional convolutions; learned extra tokens in front; LayerNorm; and transformer blocks
that normalise after each residual. Attention has a linear bias by distance (ALiBi, Press et al.,
ICLR 2022), here symmetric and zero from and to the extra tokens.

Described by Ma et al. (Findings of ACL 2024, arXiv 2312.15185) and Baevski et al. (data2vec 2.0,
ICML 2023); the details are those that the published weights need.
"""

import torch
from torch import nn
from torch.nn import functional

from paralbench.upstreams.emotion2vec.settings import Settings
from paralbench.upstreams.padding import ValidFrames, without_padding


class Block(nn.Module):
    """A transformer block, normalised after the residuals."""

    def __init__(self, settings: Settings):
        super().__init__()
        dim = settings.dim
        self.heads = settings.heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)
        self.norm1 = nn.LayerNorm(dim, settings.epsilon)
        self.fc1 = nn.Linear(dim, settings.hidden)
        self.fc2 = nn.Linear(settings.hidden, dim)
        self.norm2 = nn.LayerNorm(dim, settings.epsilon)

    def forward(self, x: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        """``(batch, tokens, dim)``, with a bias that broadcasts to the attention's scores."""
        split = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        seen = functional.scaled_dot_product_attention(*split, attn_mask=bias)
        x = self.norm1(x + self.out(seen.transpose(1, 2).flatten(2)))
        return self.norm2(x + self.fc2(functional.gelu(self.fc1(x))))


class Network(nn.Module):
    """emotion2vec's encoder."""

    def __init__(self, settings: Settings):
        super().__init__()
        dim = settings.dim
        sizes = settings.convolutions
        inputs = (1, *(channels for channels, _, _ in sizes))
        self.convolutions = nn.ModuleList(
            nn.Conv1d(before, channels, kernel, stride, bias=False)
            for before, (channels, kernel, stride) in zip(inputs, sizes, strict=False)
        )
        self.convolution_norms = nn.ModuleList(nn.LayerNorm(one) for one, _, _ in sizes)
        self.feature_norm = nn.LayerNorm(sizes[-1][0])
        self.projection = nn.Linear(sizes[-1][0], dim)
        number, kernel, groups = settings.positions
        self.positions = nn.ModuleList(
            nn.Conv1d(dim, dim, kernel, padding=kernel // 2, groups=groups) for _ in range(number)
        )
        self.extra_tokens = nn.Parameter(torch.randn(1, settings.extra_tokens, dim))
        heads = settings.heads if settings.scale_per_head else 1
        self.alibi_scale = nn.Parameter(torch.ones(1, 1, heads, 1, 1))
        self.norm = nn.LayerNorm(dim, settings.epsilon)
        self.blocks = nn.ModuleList(
            Block(settings) for _ in range(settings.prenet + settings.depth)
        )
        self.heads = settings.heads

    def forward(self, waveforms: torch.Tensor, frames: ValidFrames) -> list[torch.Tensor]:
        """The input of the first block and the output of each, without the extra tokens.

        Args:
            waveforms: ``(batch, samples)``.
            frames: set for the batch.

        Returns:
            For each of them ``(batch, frames, dim)``.
        """
        valid = frames.mask
        x = waveforms[:, None]
        for convolution, norm in zip(self.convolutions, self.convolution_norms, strict=True):
            x = functional.gelu(norm(convolution(x).transpose(1, 2))).transpose(1, 2)
        x = self.projection(self.feature_norm(x.transpose(1, 2)))
        x = x + self._position(x, valid)
        x = self.norm(torch.cat([self.extra_tokens.expand(len(x), -1, -1), x], dim=1))
        extra = self.extra_tokens.shape[1]
        bias = self._bias(x.shape[1], valid).to(x.dtype)
        layers = [x]
        for block in self.blocks:
            layers.append(block(layers[-1], bias))
        return [layer[:, extra:] for layer in layers]

    def _position(self, x: torch.Tensor, valid: torch.Tensor | None) -> torch.Tensor:
        """The positional convolutions; none of them sees what another wrote into padding."""
        x = x.transpose(1, 2)
        frames = x.shape[-1]
        for convolution in self.positions:
            x = convolution(without_padding(x, valid))[..., :frames].transpose(1, 2)
            x = functional.gelu(functional.layer_norm(x, x.shape[-1:])).transpose(1, 2)
        return x.transpose(1, 2)

    def _bias(self, tokens: int, valid: torch.Tensor | None) -> torch.Tensor:
        """The attention's bias ``(batch or 1, heads, tokens, tokens)``, float32.

        It is minus infinity towards padding; extra tokens are always seen.
        """
        extra = self.extra_tokens.shape[1]
        device = self.extra_tokens.device
        place = torch.arange(tokens - extra, device=device)
        distance = (place[None] - place[:, None]).abs().float()
        slopes = self.alibi_scale[0].float().clamp(min=0) * alibi_slopes(self.heads, device)
        bias = functional.pad(-slopes * distance, (extra, 0, extra, 0))
        if valid is None:
            return bias
        padding = functional.pad(~valid, (extra, 0))[:, None, None]
        return bias.masked_fill(padding, float("-inf"))


def alibi_slopes(heads: int, device: torch.device) -> torch.Tensor:
    """The bias per frame of distance, ``(heads, 1, 1)``.

    For n heads, a power of two, ``2 ** (-8 i / n)`` for i = 1 to n. For others, those of the next
    smaller power, and then every other one of the next larger.
    """
    power = 1 << (heads.bit_length() - 1)
    exponents = [8 * i / power for i in range(1, power + 1)]
    exponents += [8 * i / (2 * power) for i in range(1, 2 * (heads - power), 2)]
    return 2.0 ** -torch.tensor(exponents, device=device)[:, None, None]
