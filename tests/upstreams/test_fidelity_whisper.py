"""Both variants of Whisper against openai-whisper's own encoder on the same random weights."""

import importlib.util
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from paralbench.upstreams.whisper import load
from paralbench.upstreams.whisper_mel import LogMel

SCRIPT = Path(__file__).parent / "reference" / "make_openai_whisper.py"
VARIANTS = {"30s": 50, "unpadded": 29}  # frames that openai-whisper's encoder gives

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
every_variant = pytest.mark.parametrize("variant", VARIANTS)


@pytest.fixture(scope="module")
def maker():
    """The script that wrote the reference."""
    specification = importlib.util.spec_from_file_location("make_openai_whisper", SCRIPT)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def reference(maker):
    return json.loads(maker.FILE.read_text())


@pytest.fixture
def run(maker, tmp_path, make_card):
    """``run(variant)``: our hidden states with the same weights in a transformers folder."""
    tensors = {}
    for name, value in maker.weights().items():
        for pattern, replacement in NAMES:
            name = re.sub(pattern, replacement, name)
        tensors[f"model.encoder.{name}"] = value
    save_file(tensors, tmp_path / "model.safetensors")
    config = {
        "model_type": "whisper",
        "d_model": maker.WIDTH,
        "encoder_layers": maker.BLOCKS,
        "encoder_attention_heads": maker.HEADS,
        "encoder_ffn_dim": 4 * maker.WIDTH,
        "max_source_positions": 50 * maker.SECONDS,
        "num_mel_bins": maker.MELS,
    }
    (tmp_path / "config.json").write_text(json.dumps(config))

    def encode(variant):
        card = make_card("whisper", tmp_path, variant=variant, window=maker.SECONDS)
        waveform = torch.from_numpy(maker.waveform())[None]
        return load(card, tmp_path).forward(waveform, torch.tensor([waveform.shape[1]]))

    return encode


def relative(one, other):
    return float(np.linalg.norm(one - other) / np.linalg.norm(other))


@every_variant
def test_the_spectrogram_is_openais(variant, maker, reference):
    log_mel = LogMel(maker.MELS, 16_000 * maker.SECONDS)
    compute = log_mel if variant == "30s" else log_mel.unpadded
    given = compute(torch.from_numpy(maker.waveform())[None])[0].numpy()
    expected = np.array(reference[variant]["mel"])
    assert given.shape == (maker.MELS, expected.shape[1])
    assert expected.shape[1] == (100 if variant == "30s" else 57)
    assert relative(given[list(maker.BANDS)], expected) <= 1e-5


@every_variant
def test_every_layer_is_openais(variant, maker, reference, run, agrees):
    given = run(variant)
    assert given.lengths.tolist() == [29]
    layers = reference[variant]["layers"]
    assert len(given.layers) == len(layers) == maker.BLOCKS + 1
    for layer, expected in zip(given.layers, layers, strict=True):
        assert layer.shape == (1, 29, maker.WIDTH)
        found = layer[0, list(maker.FRAMES)].numpy()
        agrees("whisper", "openai-whisper", relative(found, np.array(expected)), 1e-5)


def test_the_variants_are_two_computations(reference):
    """Were the references of the two alike, the tests above would prove nothing of the cut."""
    for padded, alone in zip(*(reference[one]["layers"] for one in VARIANTS), strict=True):
        assert relative(np.array(padded), np.array(alone)) > 1e-2


def test_the_reference_is_what_openai_whisper_gives(maker, reference):
    if importlib.util.find_spec("whisper") is None:
        pytest.skip(f"openai-whisper is not installed; {SCRIPT.name} says how")
    given = maker.compute()
    for variant in VARIANTS:
        for one, other in zip(given[variant]["layers"], reference[variant]["layers"], strict=True):
            assert relative(np.array(one), np.array(other)) <= 1e-5
