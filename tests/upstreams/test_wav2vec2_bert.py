"""Wav2Vec2-BERT against transformers: its feature extractor and its model, alone and unpadded."""

import json

import numpy as np
import pytest
import torch

from paralbench.errors import CardError, WeightsError
from paralbench.upstreams.base import Encoder
from paralbench.upstreams.probing import padding_error
from paralbench.upstreams.wav2vec2_bert import VARIANT, NormalisedLogMel, load

POSITIONS = {
    "relative_key": {"left_max_position_embeddings": 12, "right_max_position_embeddings": 3},
    "relative": {"max_source_positions": 50},
    "rotary": {},
}


@pytest.fixture
def save(tmp_path):
    """``save(positions, head=None)``: a small random model of transformers and its folder."""
    import transformers

    def build(positions="relative_key", head="Model", **config):
        torch.manual_seed(0)
        settings = transformers.Wav2Vec2BertConfig(
            hidden_size=32,
            num_hidden_layers=3,
            num_attention_heads=4,
            intermediate_size=48,
            vocab_size=8,
            **{"position_embeddings_type": positions} | POSITIONS[positions] | config,
        )
        model = getattr(transformers, f"Wav2Vec2Bert{head}")(settings).eval()
        folder = tmp_path / f"bert-{len(list(tmp_path.iterdir()))}"
        model.save_pretrained(folder)
        transformers.SeamlessM4TFeatureExtractor().save_pretrained(folder)
        return model, folder

    return build


@pytest.fixture
def load_folder(make_card):
    """``load_folder(folder, **fields)``: the encoder in a folder."""

    def build(folder, **fields):
        return load(make_card("wav2vec2-bert", folder, **{"variant": VARIANT} | fields), folder)

    return build


def owners_features(waveform):
    from transformers import SeamlessM4TFeatureExtractor

    return SeamlessM4TFeatureExtractor()(waveform, sampling_rate=16_000, return_tensors="pt")


def relative(one, other):
    return ((one - other).norm() / other.norm()).item()


@pytest.mark.parametrize("positions", POSITIONS)
@pytest.mark.parametrize("samples", [560, 9000, 9160])
def test_alone_it_is_transformers(samples, positions, save, load_folder, voice, pad, agrees):
    """Also with an odd number of mel frames, whose last the owners' mask leaves out."""
    model, folder = save(positions)
    encoder = load_folder(folder)
    assert isinstance(encoder, Encoder)
    waveform = voice(samples, 1)
    given = encoder.forward(*pad([encoder.prepare(waveform)]))
    inputs = owners_features(waveform)
    with torch.inference_mode():
        output = model(**inputs, output_hidden_states=True)
    expected = [*output.hidden_states[:-1], output.last_hidden_state]
    frames = int(inputs["attention_mask"].sum())
    assert given.lengths.tolist() == [frames]
    assert len(given.layers) == len(expected) == encoder.n_layers == 4
    assert given.layers[0].shape == (1, frames, encoder.dim)
    for one, other in zip(given.layers, expected, strict=True):
        agrees("wav2vec2-bert", "transformers", relative(one, other[:, :frames]), 1e-4)


@pytest.mark.parametrize("positions", POSITIONS)
@pytest.mark.parametrize("beside", [3000, 160_000])
def test_padding_changes_nothing(beside, positions, save, load_folder):
    encoder = load_folder(save(positions)[1])
    lengths = (8000, 560, 719, 720, 721, 879, 880, 1600, beside)
    assert padding_error(encoder.forward, lengths=lengths) <= 1e-5


def test_features_are_the_owners(voice, pad):
    batch, lengths = pad([voice(n, n) for n in (16_000, 5000, 721)])
    batch[1, 1000:3000] = 0  # digital silence lies at the floor of the energies
    given, frames = NormalisedLogMel(80)(batch, lengths.tolist())
    for row, length in enumerate(lengths.tolist()):
        expected = owners_features(batch[row, :length].numpy())
        whole = int(expected["attention_mask"].sum())
        assert int(frames[row]) == whole
        difference = given[row, :whole] - expected["input_features"][0, :whole]
        assert difference.abs().max() <= 1e-4
        assert not given[row, whole:].any()


def test_digital_silence_is_finite(save, load_folder, pad):
    encoder = load_folder(save()[1])
    given = encoder.forward(*pad([np.zeros(4000, np.float32)]))
    assert all(torch.isfinite(layer).all() for layer in given.layers)


def test_heads_and_adapters_are_left_out(save, load_folder, voice, pad):
    """A CTC model with an adapter has the same features as its bare encoder."""
    model, folder = save(head="ForCTC", add_adapter=True, use_intermediate_ffn_before_adapter=True)
    waveform = voice(5000, 2)
    given = load_folder(folder).forward(*pad([waveform]))
    with torch.inference_mode():
        output = model.wav2vec2_bert(**owners_features(waveform), output_hidden_states=True)
    frames = int(given.lengths[0])
    assert relative(given.layers[-1], output.hidden_states[-1][:, :frames]) <= 1e-5


@pytest.mark.parametrize("positions", POSITIONS)
def test_half_precision_stays_near(positions, save, load_folder, voice, pad):
    encoder = load_folder(save(positions)[1])
    batch = pad([voice(n, n) for n in (2000, 16_000)])
    exact = encoder.forward(*batch)
    rough = encoder.to(torch.device("cpu"), torch.bfloat16).forward(*batch)
    for one, other in zip(rough.layers, exact.layers, strict=True):
        assert one.dtype == torch.bfloat16
        assert relative(one[0, : rough.lengths[0]].float(), other[0, : exact.lengths[0]]) < 0.1


def test_too_short_a_waveform_is_refused(save, load_folder, voice, pad):
    with pytest.raises(ValueError, match="559 samples: wav2vec2-bert needs at least 560"):
        load_folder(save()[1]).forward(*pad([voice(559, 0)]))


def test_other_input_features_are_refused(save, load_folder):
    folder = save()[1]
    file = folder / "preprocessor_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"stride": 4}))
    with pytest.raises(WeightsError, match="stride is 4; only 2 is supported"):
        load_folder(folder)


def test_the_variant_and_the_options_are_known(save, load_folder, make_card):
    folder = save()[1]
    with pytest.raises(CardError, match=f"variant: 'plain' is not allowed. Allowed: {VARIANT}"):
        load_folder(folder, variant="plain")
    with pytest.raises(CardError, match=r"options\.bins: unknown option. Allowed: none"):
        load_folder(folder, options={"bins": 80})
    with pytest.raises(WeightsError, match="needs a folder"):
        load(make_card("wav2vec2-bert", variant=VARIANT), None)
