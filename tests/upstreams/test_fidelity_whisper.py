"""Both variants of Whisper against openai-whisper's own encoder on the same random weights.

``assets/openai_whisper.py`` computed the references.
"""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from paralbench.upstreams.whisper import load
from paralbench.upstreams.whisper_mel import LogMel

REFERENCE = Path(__file__).parent / "assets" / "openai_whisper.npz"

# From openai-whisper's names to transformers', as OpenAI's own checkpoints were converted.
NAMES = (
    (r"^positional_embedding$", "embed_positions.weight"),
    (r"^ln_post\.", "layer_norm."),
    (r"^blocks\.", "layers."),
    (r"\.attn_ln\.", ".self_attn_layer_norm."),
    (r"\.attn\.query\.", ".self_attn.q_proj."),
    (r"\.attn\.key\.", ".self_attn.k_proj."),
    (r"\.attn\.value\.", ".self_attn.v_proj."),
    (r"\.attn\.out\.", ".self_attn.out_proj."),
    (r"\.mlp_ln\.", ".final_layer_norm."),
    (r"\.mlp\.0\.", ".fc1."),
    (r"\.mlp\.2\.", ".fc2."),
)


@pytest.fixture(scope="module")
def reference():
    with np.load(REFERENCE) as opened:
        return {name: opened[name] for name in opened.files}


@pytest.fixture
def folder(reference, tmp_path):
    """The same weights as a transformers folder."""
    tensors = {}
    for name, value in reference.items():
        if name.startswith("weights/"):
            new = name.removeprefix("weights/")
            for pattern, replacement in NAMES:
                new = re.sub(pattern, replacement, new)
            tensors[f"model.encoder.{new}"] = torch.from_numpy(value.copy())
    save_file(tensors, tmp_path / "model.safetensors")
    positions, width = tensors["model.encoder.embed_positions.weight"].shape
    config = {
        "model_type": "whisper",
        "d_model": width,
        "encoder_layers": 3,
        "encoder_attention_heads": 4,
        "encoder_ffn_dim": 4 * width,
        "max_source_positions": positions,
        "num_mel_bins": 80,
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    return tmp_path


def relative(one, other):
    return float(np.linalg.norm(one - other) / np.linalg.norm(other))


@pytest.mark.parametrize("variant", ["30s", "unpadded"])
def test_the_spectrogram_is_openais(variant, reference):
    log_mel = LogMel(80, 16_000)
    compute = log_mel if variant == "30s" else log_mel.unpadded
    given = compute(torch.from_numpy(reference["waveform"])[None])[0].numpy()
    expected = reference[f"{variant}/mel"]
    assert given.shape == expected.shape == (80, 100 if variant == "30s" else 57)
    assert relative(given, expected) <= 1e-5


@pytest.mark.parametrize("variant", ["30s", "unpadded"])
def test_every_layer_is_openais(variant, reference, folder, make_card):
    encoder = load(make_card("whisper", folder, variant=variant, window=1), folder)
    waveform = torch.from_numpy(reference["waveform"])[None]
    given = encoder.forward(waveform, torch.tensor([waveform.shape[1]]))
    assert len(given.layers) == encoder.n_layers == 4
    assert given.lengths.tolist() == [29]
    for index, layer in enumerate(given.layers):
        expected = reference[f"{variant}/layer{index}"][:29]
        assert layer[0].shape == expected.shape
        assert relative(layer[0].numpy(), expected) <= 1e-5


def test_the_variants_are_two_computations(reference):
    """Were the references of the two alike, the tests above would prove nothing of the cut."""
    for index in range(4):
        padded, alone = (reference[f"{variant}/layer{index}"] for variant in ("30s", "unpadded"))
        assert padded.shape == (50, 16)
        assert alone.shape == (29, 16)
        assert relative(padded[:29], alone) > 1e-2
