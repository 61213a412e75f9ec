"""openai-whisper's own spectra and layers of a small encoder, written as reference of our tests.

openai-whisper asks for triton (hundreds of megabytes), so it is no dependency of the tests. With

    pip install --no-deps openai-whisper==20250625 tiktoken more-itertools regex

this writes the reference anew, and ``test_fidelity_whisper.py`` compares with openai-whisper
itself:

    python tests/upstreams/reference/make_openai_whisper.py

Weights and waveform come from numpy's frozen legacy generator, so they need not be stored.
"""

import json
from pathlib import Path

import numpy as np
import torch

VERSION = "20250625"  # of openai-whisper, which wrote the reference
FILE = Path(__file__).with_name("openai_whisper.json")

SECONDS, SAMPLES = 1, 9137  # of the window; of the waveform, no multiple of any hop
MELS, WIDTH, HEADS, BLOCKS = 80, 16, 4, 3
BANDS = (0, 1, 30, 79)  # the mel bands that are stored, over all frames
FRAMES = (0, 1, 14, 26, 27, 28)  # the encoder's frames that are stored; 28 is the last of speech


def waveform():
    """Noise that is loud at its begin and fades, with an offset: ``(9137,)`` float32."""
    noise = np.random.RandomState(1).standard_normal(SAMPLES)
    return (0.1 * noise * np.linspace(1, 0.1, SAMPLES) + 0.02).astype(np.float32)


def weights():
    """Tensors by openai-whisper's names."""
    shapes = {
        "conv1.weight": (WIDTH, MELS, 3),
        "conv1.bias": (WIDTH,),
        "conv2.weight": (WIDTH, WIDTH, 3),
        "conv2.bias": (WIDTH,),
        "positional_embedding": (50 * SECONDS, WIDTH),
        "ln_post.weight": (WIDTH,),
        "ln_post.bias": (WIDTH,),
    }
    for block in (f"blocks.{index}" for index in range(BLOCKS)):
        for name in ("query", "key", "value", "out"):
            shapes[f"{block}.attn.{name}.weight"] = (WIDTH, WIDTH)
            if name != "key":
                shapes[f"{block}.attn.{name}.bias"] = (WIDTH,)
        shapes |= {
            f"{block}.mlp.0.weight": (4 * WIDTH, WIDTH),
            f"{block}.mlp.0.bias": (4 * WIDTH,),
            f"{block}.mlp.2.weight": (WIDTH, 4 * WIDTH),
            f"{block}.mlp.2.bias": (WIDTH,),
        }
        for norm in ("attn_ln", "mlp_ln"):
            shapes |= {f"{block}.{norm}.weight": (WIDTH,), f"{block}.{norm}.bias": (WIDTH,)}
    draw = np.random.RandomState(0).standard_normal
    found = {}
    for name, shape in shapes.items():
        middle = 1.0 if "ln" in name and name.endswith("weight") else 0.0
        scale = 0.1 if name.startswith("conv") else 0.3
        values = (middle + scale * draw(shape)).astype(np.float32)
        found[name] = torch.from_numpy(values)
    return found


def layers(encoder, mel):
    """The encoder's own blocks, run on a spectrogram (bins, frames) of any length.

    Returns:
        The input of the first block, the outputs of the blocks, and in place of the last one's
        the output of the final LayerNorm, each (frames, width).
    """
    from torch.nn.functional import gelu

    with torch.no_grad():
        states = gelu(encoder.conv2(gelu(encoder.conv1(mel[None])))).permute(0, 2, 1)
        found = [states + encoder.positional_embedding[: states.shape[1]]]
        for block in encoder.blocks:
            found.append(block(found[-1]))
        return [one[0] for one in (*found[:-1], encoder.ln_post(found[-1]))]


def compute():
    """What openai-whisper gives for both variants, as plain lists."""
    from whisper.audio import log_mel_spectrogram, pad_or_trim
    from whisper.model import AudioEncoder

    encoder = AudioEncoder(MELS, 50 * SECONDS, WIDTH, HEADS, BLOCKS).eval()
    encoder.load_state_dict(weights())
    mels = {
        "30s": log_mel_spectrogram(pad_or_trim(waveform(), 16_000 * SECONDS), MELS),
        "unpadded": log_mel_spectrogram(waveform(), MELS),
    }
    # The blocks one by one are what the published forward does, where it takes the length.
    with torch.no_grad():
        whole = encoder(mels["30s"][None])[0]
    torch.testing.assert_close(layers(encoder, mels["30s"])[-1], whole, rtol=0, atol=0)
    return {
        variant: {
            "mel": _rounded(mel[list(BANDS)]),
            "layers": [_rounded(layer[list(FRAMES)]) for layer in layers(encoder, mel)],
        }
        for variant, mel in mels.items()
    }


def _rounded(tensor):
    return [[round(value, 7) for value in row] for row in tensor.tolist()]


if __name__ == "__main__":
    FILE.write_text(json.dumps({"version": VERSION, **compute()}) + "\n")
