"""AST and SSAST against transformers' own model and feature extractor, one waveform at a time."""

import json

import numpy as np
import pytest
import torch

from paralbench.errors import CardError, WeightsError
from paralbench.upstreams.base import Encoder
from paralbench.upstreams.spectrogram_transformer import load

STRIDES = {"ast": 10, "ssast": 16}
every_model = pytest.mark.parametrize("kind", STRIDES)
LENGTHS = (400, 559, 560, 2_000, 8_000, 20_000)


@pytest.fixture
def save(tmp_path):
    """``save(kind, head=..., **preprocessor)``: a small random model, its extractor, its folder."""
    import transformers

    def make(kind, *, head=False, bands=(), **preprocessor):
        stride = STRIDES[kind]
        torch.manual_seed(0)
        config = transformers.ASTConfig(
            hidden_size=32,
            num_hidden_layers=3,
            num_attention_heads=4,
            intermediate_size=48,
            frequency_stride=stride,
            time_stride=stride,
            max_length=256,
        )
        name = "ASTForAudioClassification" if head else "ASTModel"
        model = getattr(transformers, name)(config).eval()
        for tensor in model.parameters():
            torch.nn.init.normal_(tensor, std=0.2)
        folder = tmp_path / f"ast{len(list(tmp_path.iterdir()))}"
        model.save_pretrained(folder)
        extractor = transformers.ASTFeatureExtractor(max_length=256, **preprocessor)
        extractor.save_pretrained(folder)
        return (model.audio_spectrogram_transformer if head else model), extractor, folder

    return make


@pytest.fixture
def card(make_card):
    """``card(folder, **fields)``: with a window that the small model has."""
    return lambda folder, **fields: make_card("ast", folder, **({"window": 2.5} | fields))


def of_transformers(model, extractor, waveform):
    """All columns of patches, padding among them, averaged over the bands."""
    inputs = extractor(waveform, sampling_rate=16_000, return_tensors="pt")
    with torch.inference_mode():
        output = model(**inputs, output_hidden_states=True)
    grid = model.embeddings.get_shape(model.config)
    layers = [*output.hidden_states[:-1], output.last_hidden_state]
    return [layer[:, 2:].reshape(1, *grid, -1).mean(1) for layer in layers]


def relative(one, other):
    return ((one - other).norm() / other.norm()).item()


@every_model
@pytest.mark.parametrize("head", [False, True])
def test_alone_it_is_transformers(kind, head, save, card, voice, pad, agrees):
    model, extractor, folder = save(kind, head=head)
    encoder = load(card(folder), folder)
    assert isinstance(encoder, Encoder)
    waveform = voice(20_000, 1)
    assert encoder.prepare(waveform) is waveform
    given = encoder.forward(*pad([waveform]))
    expected = of_transformers(model, extractor, waveform)
    kept = int(given.lengths[0])
    assert encoder.n_layers == len(given.layers) == len(expected) == 4
    assert given.layers[0].shape == (1, kept, encoder.dim) == (1, -(-123 // STRIDES[kind]), 32)
    for one, other in zip(given.layers, expected, strict=True):
        agrees("ast", "transformers", relative(one, other[:, :kept]), 1e-6)


@every_model
@pytest.mark.parametrize("beside", [700, 40_000])
def test_the_batch_changes_nothing(kind, beside, save, card, voice, pad):
    _, _, folder = save(kind)
    encoder = load(card(folder), folder)
    waveforms = [voice(n, n) for n in (*LENGTHS, beside)]
    batch = encoder.forward(*pad(waveforms))
    for row, waveform in enumerate(waveforms):
        alone = encoder.forward(*pad([waveform]))
        frames = int(batch.lengths[row])
        assert alone.layers[0].shape[1] == int(alone.lengths[0]) == frames
        for together, whole in zip(batch.layers, alone.layers, strict=True):
            assert relative(together[row, :frames].mean(0), whole[0].mean(0)) <= 1e-5


@pytest.mark.parametrize(
    ("kind", "samples", "frames"),
    [
        ("ast", 400, 1),
        ("ast", 1_999, 1),  # ten mel frames, 0 to 9
        ("ast", 2_000, 2),  # the eleventh begins the second column
        ("ast", 40_000, 25),  # 248 mel frames: the 25th column begins at the 240th
        ("ssast", 2_959, 1),
        ("ssast", 2_960, 2),
        ("ssast", 40_000, 16),
    ],
)
def test_frames_are_the_columns_that_begin_within_the_speech(
    kind, samples, frames, save, card, voice, pad
):
    _, _, folder = save(kind)
    given = load(card(folder), folder).forward(*pad([voice(samples, 0)]))
    assert given.lengths.tolist() == [frames]
    assert given.lengths.dtype == torch.int64
    assert given.layers[0].shape[1] == frames


def test_too_short_and_too_long_waveforms_are_refused(save, card, voice, pad):
    _, _, folder = save("ast")
    encoder = load(card(folder), folder)
    assert (encoder.min_samples, encoder.window_samples) == (400, 40_000)
    assert encoder.padded_samples == 256 * 160
    for samples in (399, 42_000):
        with pytest.raises(ValueError, match="needs at least 400 and at most 256 mel frames"):
            encoder.forward(*pad([voice(samples, 0)]))
    with pytest.raises(CardError, match=r"window: 2.6 s; this model's window is 2.56 s"):
        load(card(folder, window=2.6), folder)


def test_the_folder_says_how_spectrograms_are_scaled(save, card, voice, pad):
    waveform = voice(16_000, 2)
    found = []
    for settings in ({}, {"mean": -6.0, "std": 3.0}, {"do_normalize": False}):
        model, extractor, folder = save("ssast", **settings)
        encoder = load(card(folder), folder)
        given = encoder.forward(*pad([waveform]))
        expected = of_transformers(model, extractor, waveform)[-1][:, : int(given.lengths[0])]
        assert relative(given.layers[-1], expected) <= 1e-6
        found.append((given.layers[0], encoder.weights_key))
    assert relative(found[0][0], found[1][0]) > 1e-3
    assert len({key for _, key in found}) == 3


def test_half_precision_stays_near(save, card, voice, pad):
    _, _, folder = save("ast")
    encoder = load(card(folder), folder)
    batch = pad([voice(n, n) for n in (4_000, 16_000)])
    exact = encoder.forward(*batch)
    rough = encoder.to(torch.device("cpu"), torch.bfloat16).forward(*batch)
    for one, other in zip(rough.layers, exact.layers, strict=True):
        assert one.dtype == torch.bfloat16
        assert relative(one[0, : rough.lengths[0]].float(), other[0, : exact.lengths[0]]) < 0.1


@pytest.mark.parametrize(
    ("name", "value"), [("sampling_rate", 8_000), ("max_length", 1024), ("std", 0.0)]
)
def test_another_spectrogram_is_refused(name, value, save, card):
    _, _, folder = save("ast")
    file = folder / "preprocessor_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {name: value}))
    with pytest.raises(WeightsError, match=name):
        load(card(folder), folder)


def test_other_folders_and_cards_are_refused(save, card):
    _, _, folder = save("ast")
    with pytest.raises(WeightsError, match="time_stride is 10, the card says 16"):
        load(card(folder, architecture={"time_stride": 16}), folder)
    with pytest.raises(CardError, match=r"variant: '30s' is not allowed\. Allowed: plain"):
        load(card(folder, variant="30s"), folder)
    with pytest.raises(CardError, match=r"options\.layer: unknown option"):
        load(card(folder, options={"layer": 3}), folder)
    with pytest.raises(WeightsError, match="needs a folder"):
        load(card(folder), None)
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"model_type": "vit"}))
    with pytest.raises(WeightsError, match="model_type 'vit' is not an architecture"):
        load(card(folder), folder)


def test_an_unknown_tensor_is_refused(save, card):
    from safetensors.torch import load_file, save_file

    _, _, folder = save("ast", head=True)
    file = folder / "model.safetensors"
    save_file(load_file(file) | {"mask_embed": torch.from_numpy(np.ones(3, "f4"))}, file)
    with pytest.raises(WeightsError, match="unknown: mask_embed"):
        load(card(folder), folder)
