"""The Whisper encoder against transformers' feature extractor and model."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from paralbench.errors import CardError, WeightsError
from paralbench.upstreams.base import Encoder
from paralbench.upstreams.whisper import load
from paralbench.upstreams.whisper_mel import LogMel


@pytest.fixture
def make(save_whisper, make_card):
    """``make(seconds, variant)``: the encoder of ours and the model of transformers."""

    def build(seconds=1, variant="30s"):
        model, folder = save_whisper(seconds)
        card = make_card("whisper", folder, variant=variant, window=seconds)
        return load(card, folder), model

    return build


@pytest.mark.parametrize("bins", [80, 128])
def test_the_spectrogram_is_transformers(bins, voice, pad):
    from transformers import WhisperFeatureExtractor

    waveforms = [voice(480_000, 1), 0.01 * voice(12_345, 2), np.zeros(800, np.float32)]
    given = LogMel(bins, 480_000)(pad(waveforms)[0])
    extractor = WhisperFeatureExtractor(feature_size=bins)
    expected = extractor(waveforms, sampling_rate=16_000, return_tensors="pt")["input_features"]
    assert given.shape == expected.shape == (3, bins, 3000)
    torch.testing.assert_close(given, expected, rtol=0, atol=1e-5)


def test_alone_it_is_transformers(make, voice, pad, agrees):
    from transformers import WhisperFeatureExtractor

    encoder, model = make()
    assert isinstance(encoder, Encoder)
    waveform = voice(9000, 1)
    given = encoder.forward(*pad([waveform]))
    mel = WhisperFeatureExtractor(chunk_length=1)(
        waveform, sampling_rate=16_000, return_tensors="pt"
    )
    with torch.inference_mode():
        output = model.model.encoder(mel["input_features"], output_hidden_states=True)
    assert len(given.layers) == len(output.hidden_states) == encoder.n_layers == 3
    frames = int(given.lengths[0])
    for one, other in zip(given.layers, output.hidden_states, strict=True):
        assert one.shape == (1, frames, encoder.dim)
        expected = other[:, :frames]
        agrees("whisper", "transformers", (one - expected).norm() / expected.norm(), 1e-6)
    assert torch.equal(output.hidden_states[-1], output.last_hidden_state)  # after the final norm


@pytest.mark.parametrize("variant", ["30s", "unpadded"])
def test_the_batch_changes_nothing(variant, make, voice, pad):
    encoder, _ = make(10, variant)
    assert encoder.batching == "any"
    waveforms = [voice(n, n) for n in (400, 801, 8000, 8000, 16_000, 160_000)]
    batch = encoder.forward(*pad(waveforms))
    for row, waveform in enumerate(waveforms):
        alone = encoder.forward(*pad([waveform]))
        frames = int(batch.lengths[row])
        assert int(alone.lengths[0]) == frames
        for padded, whole in zip(batch.layers, alone.layers, strict=True):
            one, other = padded[row, :frames].mean(0), whole[0, :frames].mean(0)
            assert ((one - other).norm() / other.norm()).item() <= 1e-5


@pytest.mark.parametrize(
    ("samples", "frames"), [(400, 2), (640, 2), (641, 3), (8000, 25), (16_000, 50)]
)
def test_frames_that_hold_speech_are_kept(samples, frames, make, voice, pad):
    encoder, _ = make()
    given = encoder.forward(*pad([voice(samples, 1)]))
    assert given.lengths.tolist() == [frames]
    assert given.layers[-1].shape[1] == frames


@pytest.mark.parametrize(
    ("samples", "frames"), [(400, 1), (479, 1), (480, 2), (799, 2), (800, 3), (16_000, 50)]
)
def test_unpadded_frames_follow_the_spectrogram(samples, frames, make, voice, pad):
    encoder, _ = make(1, "unpadded")
    given = encoder.forward(*pad([voice(samples, 1)]))
    assert given.lengths.tolist() == [frames]
    assert given.layers[-1].shape[1] == frames


def test_unpadded_costs_what_the_speech_is_long(make):
    """The planner reads what an encoder pads to; this variant pads to nothing."""
    padded, alone = make(1)[0], make(1, "unpadded")[0]
    assert padded.padded_samples == 16_000
    assert not hasattr(alone, "padded_samples")


def test_a_full_window_is_both_variants(make, voice, pad):
    """Without room for padding there is one signal, mirrored at its ends in both."""
    batch = pad([voice(16_000, 1)])
    padded, alone = (make(1, variant)[0].forward(*batch) for variant in ("30s", "unpadded"))
    for one, other in zip(padded.layers, alone.layers, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


def test_unpadded_refuses_what_it_cannot_mirror_or_hold(make, voice, pad):
    encoder, _ = make(1, "unpadded")
    with pytest.raises(ValueError, match="399 samples: unpadded Whisper needs at least 400"):
        encoder.forward(*pad([voice(399, 0), voice(800, 0)]))
    with pytest.raises(ValueError, match="16001 samples: the window holds 16000"):
        encoder.forward(*pad([voice(16_001, 0)]))


def test_the_window_is_the_models(make, voice, pad, save_whisper, make_card):
    encoder, _ = make(2)
    assert (encoder.window_samples, encoder.min_samples) == (32_000, 400)
    with pytest.raises(ValueError, match="32001 samples: the window holds 32000"):
        encoder.forward(*pad([voice(32_001, 1)]))
    _, folder = save_whisper(2)
    shorter = load(make_card("whisper", folder, variant="30s", window=1.5), folder)
    assert shorter.window_samples == 24_000
    with pytest.raises(CardError, match=r"window: 30.0 s; this model's window is 2.0 s"):
        load(make_card("whisper", folder, variant="30s"), folder)


@pytest.mark.parametrize("variant", ["30s", "unpadded"])
def test_half_precision_stays_near(variant, make, voice, pad):
    encoder, _ = make(1, variant)
    batch = pad([voice(8000, 1), voice(12_000, 2)])
    exact = encoder.forward(*batch).layers[-1]
    rough = encoder.to(torch.device("cpu"), torch.bfloat16).forward(*batch).layers[-1]
    assert rough.dtype == torch.bfloat16
    assert ((rough.float() - exact).norm() / exact.norm()).item() < 0.05


def test_the_variant_and_the_options_are_known(save_whisper, make_card):
    _, folder = save_whisper()
    with pytest.raises(
        CardError, match=r"variant: 'plain' is not allowed. Allowed: 30s .* unpadded "
    ):
        load(make_card("whisper", folder, window=1), folder)
    card = make_card("whisper", folder, variant="30s", window=1, options={"layer": 3})
    with pytest.raises(CardError, match=r"options\.layer: unknown option. Allowed: none"):
        load(card, folder)
    with pytest.raises(WeightsError, match="needs a folder"):
        load(make_card("whisper", variant="30s"), None)


def test_another_architecture_is_refused(save_speech_model, make_card):
    _, folder = save_speech_model("hubert")
    with pytest.raises(WeightsError, match=r"model_type 'hubert' .* Allowed: whisper"):
        load(make_card("whisper", folder, variant="30s"), folder)


@pytest.mark.parametrize(
    "change", [{"sampling_rate": 8000}, {"hop_length": 320}, {"feature_size": 128}]
)
def test_another_spectrogram_is_refused(change, save_whisper, make_card):
    _, folder = save_whisper()
    file = folder / "preprocessor_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    (name, value) = next(iter(change.items()))
    with pytest.raises(WeightsError, match=f"{name} is {value}; only"):
        load(make_card("whisper", folder, variant="30s", window=1), folder)


def test_missing_and_unknown_weights_are_listed(save_whisper, make_card):
    _, folder = save_whisper()
    file = folder / "model.safetensors"
    tensors = load_file(file)
    tensors["model.encoder.extra"] = torch.zeros(1)
    del tensors["model.encoder.conv1.bias"]
    save_file(tensors, file)
    with pytest.raises(WeightsError, match=r"missing: conv1\.bias; unknown: extra\."):
        load(make_card("whisper", folder, variant="30s", window=1), folder)


def test_the_cards_architecture_is_checked(save_whisper, make_card):
    _, folder = save_whisper()
    fields = {"variant": "unpadded", "window": 1}
    load(make_card("whisper", folder, architecture={"d_model": 16}, **fields), folder)
    card = make_card("whisper", folder, architecture={"d_model": 32}, **fields)
    with pytest.raises(WeightsError, match="d_model is 16, the card says 32"):
        load(card, folder)
