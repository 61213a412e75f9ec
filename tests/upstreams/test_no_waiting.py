"""Encoding and pooling wait for nothing that the device computes.

On torch's "meta" device tensors have no values, so whoever looks at one gets an error; on a GPU
whoever looks at one waits for all that was begun before. transformers' mask for its own attention
is looked at once a batch (``padding_mask.all()``), so the families that use it are not here.
"""

import pytest
import torch

from paralbench.features.pooling import summarise
from paralbench.upstreams.padding import on_device
from paralbench.upstreams.wav2vec2_like import load as load_wav2vec2_like
from paralbench.upstreams.whisper import load as load_whisper

GROUP = {"feat_extract_norm": "group", "do_stable_layer_norm": False}
LAYER = {"feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True}
LENGTHS = (8000, 5000, 1040)


@pytest.mark.parametrize("norm", [GROUP, LAYER])
def test_wavlm(save_speech_model, make_card, norm):
    _, folder = save_speech_model("wavlm", **norm)
    summary = summarised(load_wav2vec2_like(make_card("wav2vec2-like", folder), folder))
    assert summary.lengths == [24, 15, 3]


@pytest.mark.parametrize(("variant", "frames"), [("30s", [25, 16, 4]), ("unpadded", [25, 16, 3])])
def test_whisper(save_whisper, make_card, variant, frames):
    _, folder = save_whisper(1)
    card = make_card("whisper", folder, variant=variant, window=1)
    assert summarised(load_whisper(card, folder)).lengths == frames


def summarised(encoder):
    meta = torch.device("meta")
    encoder.to(meta, torch.float32)
    waveforms = torch.zeros(len(LENGTHS), max(LENGTHS), device=meta)
    hidden = encoder.forward(waveforms, torch.tensor(LENGTHS))
    assert hidden.lengths.device.type == "cpu"
    summary = summarise(hidden)
    assert summary.means.shape == (len(LENGTHS), encoder.n_layers, encoder.dim)
    assert summary.means.device.type == "meta"
    return summary


def test_integers_arrive():
    assert on_device([3, 1], torch.device("cpu")).tolist() == [3, 1]
