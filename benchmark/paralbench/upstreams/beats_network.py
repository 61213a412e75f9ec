"""BEATs' front end around the transformer that speechbrain holds."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from paralbench.torchaudio_cure import ensure_torchaudio

MELS = 128
SHIFT = 160  # samples between mel frames
FRAME = 400  # samples of a mel frame
MEAN, DEVIATION = 15.41663, 6.55582  # of the logarithmic mel energies of AudioSet


class BeatsNetwork(nn.Module):
    """Mel patches, LayerNorm, projection and transformer; module names are the checkpoint's.

    Args:
        config: the checkpoint's ``cfg``.
    """

    def __init__(self, config: Mapping[str, Any]):
        super().__init__()
        ensure_torchaudio()  # speechbrain imports it
        from speechbrain.lobes.models.beats import BEATsConfig, TransformerEncoder

        # The ratio scales gradients and nothing else.
        cfg = BEATsConfig(dict(config) | {"layer_wise_gradient_decay_ratio": 1.0})
        self.patch = cfg.input_patch_size
        with torch.device("cpu"):  # speechbrain draws weights by way of the processor
            self.patch_embedding = nn.Conv2d(
                1, cfg.embed_dim, self.patch, stride=self.patch, bias=cfg.conv_bias
            )
            self.layer_norm = nn.LayerNorm(cfg.embed_dim)
            self.post_extract_proj = (
                nn.Linear(cfg.embed_dim, cfg.encoder_embed_dim)
                if cfg.embed_dim != cfg.encoder_embed_dim
                else None
            )
            self.encoder = TransformerEncoder(cfg)

    def steps(self, samples: int) -> int:
        """Columns of patches that so many samples give."""
        return (1 + (samples - FRAME) // SHIFT) // self.patch

    def forward(self, waveforms: torch.Tensor, lengths: Sequence[int]) -> list[torch.Tensor]:
        """The transformer's input and the output of each layer.

        Args:
            waveforms: ``(batch, samples)``, float32.
            lengths: valid samples of each.

        Returns:
            For each of them ``(batch, steps, dim)``, the mean over a column's patches.
        """
        steps = [self.steps(length) for length in lengths]
        mel = waveforms.new_zeros(len(steps), 1, max(steps) * self.patch, MELS)
        for row, waveform, length, count in zip(mel, waveforms, lengths, steps, strict=True):
            row[0, : count * self.patch] = log_mel(waveform[:length])[: count * self.patch]
        x = self.patch_embedding(mel.to(self.patch_embedding.weight.dtype))
        bands = x.shape[-1]
        x = self.layer_norm(x.flatten(2).transpose(1, 2))
        if self.post_extract_proj is not None:
            x = self.post_extract_proj(x)
        padding = None
        if min(steps) < max(steps):
            place = torch.arange(x.shape[1], device=x.device)
            padding = place >= bands * torch.tensor(steps, device=x.device)[:, None]
        last, layers = self.encoder(x, padding_mask=padding, output_all_hiddens=True)
        layers = [*(layer.transpose(0, 1) for layer in layers[:-1]), last]
        return [layer.unflatten(1, (-1, bands)).mean(2) for layer in layers]


def log_mel(waveform: torch.Tensor) -> torch.Tensor:
    """Kaldi's logarithmic mel energies ``(frames, 128)`` of a waveform ``(samples,)``, scaled."""
    from torchaudio.compliance import kaldi

    mel = kaldi.fbank(
        waveform[None] * 2**15,  # Kaldi counts in 16-bit integers
        num_mel_bins=MELS,
        sample_frequency=16_000,
        frame_length=25,
        frame_shift=10,
    )
    return (mel - MEAN) / (2 * DEVIATION)
