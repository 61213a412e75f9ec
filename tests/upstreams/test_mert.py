"""MERT against the owners' steps: torchaudio's resampling, then HuBERT, alone and unpadded."""

import json

import numpy as np
import pytest
import torch

from paralbench.errors import CardError, WeightsError
from paralbench.upstreams.base import Encoder
from paralbench.upstreams.mert import load
from paralbench.upstreams.probing import padding_error

OFF = {"feature_extractor_cqt": False, "deepnorm": False, "attention_relax": -1.0}


@pytest.fixture
def save(save_speech_model):
    """``save(do_normalize=False, **config)``: a small HuBERT in the guise of MERT, its folder."""

    def build(do_normalize=False, **config):
        preprocessor = {"do_normalize": do_normalize, "sampling_rate": 24_000}
        model, folder = save_speech_model("hubert", preprocessor=preprocessor)
        file = folder / "config.json"
        data = json.loads(file.read_text()) | OFF | {"model_type": "mert_model"} | config
        file.write_text(json.dumps(data))
        return model, folder

    return build


def owners_layers(model, waveform, do_normalize):
    """The owners' steps: resample, normalise, HuBERT."""
    from torchaudio.functional import resample
    from transformers import Wav2Vec2FeatureExtractor

    upsampled = resample(torch.from_numpy(waveform), 16_000, 24_000).numpy()
    extract = Wav2Vec2FeatureExtractor(sampling_rate=24_000, do_normalize=do_normalize)
    inputs = extract(upsampled, sampling_rate=24_000, return_tensors="pt").input_values
    with torch.inference_mode():
        return model(inputs, output_hidden_states=True).hidden_states


@pytest.mark.parametrize("do_normalize", [False, True])
@pytest.mark.parametrize("samples", [8000, 8001])
def test_alone_it_is_hubert_at_24_khz(samples, do_normalize, save, make_card, voice, pad, agrees):
    model, folder = save(do_normalize)
    encoder = load(make_card("mert", folder), folder)
    assert isinstance(encoder, Encoder)
    waveform = voice(samples, 1) - np.float32(0.02)  # a constant would matter at the very ends
    given = encoder.forward(*pad([encoder.prepare(waveform)]))
    expected = owners_layers(model, waveform, do_normalize)
    assert given.layers[0].shape == (1, int(given.lengths[0]), encoder.dim) == (1, 37, 32)
    assert len(given.layers) == len(expected) == encoder.n_layers
    for one, other in zip(given.layers, expected, strict=True):
        agrees("mert", "transformers at 24 kHz", (one - other).norm() / other.norm(), 1e-4)


@pytest.mark.parametrize("beside", [3000, 160_000])
def test_padding_changes_nothing(beside, save, make_card):
    encoder = load(make_card("mert", folder := save()[1]), folder)
    lengths = (8000, 267, 268, 479, 481, 1601, beside)
    assert padding_error(encoder.forward, lengths=lengths) <= 1e-5


def test_too_short_a_waveform_is_refused(save, make_card, voice, pad):
    encoder = load(make_card("mert", folder := save()[1]), folder)
    assert encoder.forward(*pad([voice(267, 0)])).lengths.tolist() == [1]
    with pytest.raises(ValueError, match="266 samples: mert needs at least 267"):
        encoder.forward(*pad([voice(266, 0)]))


@pytest.mark.parametrize(
    ("key", "value"),
    [("feature_extractor_cqt", True), ("deepnorm", True), ("attention_relax", 32.0)],
)
def test_what_is_not_plainly_hubert_is_refused(key, value, save, make_card):
    _, folder = save(**{key: value})
    with pytest.raises(WeightsError, match=f"{key} is {value!r}; only"):
        load(make_card("mert", folder), folder)


def test_another_rate_or_architecture_is_refused(save, make_card):
    _, folder = save()
    with pytest.raises(WeightsError, match="hidden_size is 32, the card says 64"):
        load(make_card("mert", folder, architecture={"hidden_size": 64}), folder)
    with pytest.raises(CardError, match="variant: 'late' is not allowed"):
        load(make_card("mert", folder, variant="late"), folder)
    (folder / "preprocessor_config.json").write_text('{"sampling_rate": 16000}')
    with pytest.raises(WeightsError, match="sampling_rate is 16000; only 24000 is supported"):
        load(make_card("mert", folder), folder)
