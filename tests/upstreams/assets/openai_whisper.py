"""Writes ``openai_whisper.npz``: a small encoder of openai-whisper, and what it gives.

openai-whisper asks for triton (hundreds of megabytes), so the tests do not install it; they read
what this script wrote. To write it again (openai-whisper 20250625, torch 2.13):

    pip install --no-deps openai-whisper tiktoken more-itertools regex
    python tests/upstreams/assets/openai_whisper.py

The file holds ``weights/<name>`` (drawn at random, openai-whisper's names), ``waveform``, and per
variant ``<variant>/mel`` and ``<variant>/layer<n>``: the input of the first block, the outputs of
the blocks, and in place of the last one's the output of the final LayerNorm.
"""

from pathlib import Path

import numpy as np
import torch
import whisper
from torch.nn.functional import gelu
from whisper.audio import log_mel_spectrogram, pad_or_trim
from whisper.model import AudioEncoder

SECONDS, SAMPLES = 1, 9137  # of the window; of the waveform, no multiple of any hop
MELS, WIDTH, HEADS, BLOCKS = 80, 16, 4, 3


def layers(encoder: AudioEncoder, mel: torch.Tensor) -> list[torch.Tensor]:
    """The encoder's own blocks, run on a spectrogram (bins, frames) of any length."""
    states = gelu(encoder.conv2(gelu(encoder.conv1(mel[None])))).permute(0, 2, 1)
    states = states + encoder.positional_embedding[: states.shape[1]]
    found = [states]
    for block in encoder.blocks:
        found.append(block(found[-1]))
    return [*found[:-1], encoder.ln_post(found[-1])]


def main() -> None:
    torch.manual_seed(0)
    encoder = AudioEncoder(MELS, 50 * SECONDS, WIDTH, HEADS, BLOCKS).eval()
    with torch.no_grad():
        for name, tensor in encoder.named_parameters():
            scale = 0.02 if name.startswith("conv") else 0.3
            tensor.copy_(scale * torch.randn(tensor.shape) + (1.0 if tensor.ndim == 1 else 0.0))
    noise = np.random.default_rng(0).standard_normal(SAMPLES)
    waveform = (0.1 * noise * np.hanning(SAMPLES)[::-1] + 0.02).astype(np.float32)
    mels = {
        "30s": log_mel_spectrogram(pad_or_trim(waveform, 16_000 * SECONDS), MELS),
        "unpadded": log_mel_spectrogram(waveform, MELS),
    }
    found = {f"weights/{name}": one.numpy() for name, one in encoder.state_dict().items()}
    found |= {"waveform": waveform, "version": np.array(whisper.__version__)}
    with torch.no_grad():
        given = layers(encoder, mels["30s"])
        torch.testing.assert_close(given[-1], encoder(mels["30s"][None]), rtol=0, atol=0)
        for variant, mel in mels.items():
            found[f"{variant}/mel"] = mel.numpy()
            for index, layer in enumerate(layers(encoder, mel)):
                found[f"{variant}/layer{index}"] = layer[0].numpy()
    np.savez_compressed(Path(__file__).with_suffix(".npz"), **found)


if __name__ == "__main__":
    main()
