"""The Moonshine encoder against transformers' own, alone and unpadded; and in padded batches."""

import json

import pytest
import torch

from paralbench.errors import CardError, WeightsError
from paralbench.upstreams.base import Encoder
from paralbench.upstreams.moonshine import load

# From one frame over both sides of a frame's edge; the longest neighbour is twenty times 8000.
LENGTHS = (895, 896, 1278, 1279, 8000)


@pytest.fixture
def make(save_moonshine, make_card):
    """``make()``: the encoder of ours and the model of transformers."""

    def build():
        model, folder = save_moonshine()
        return load(make_card("moonshine", folder), folder), model

    return build


def relative(one, other):
    return ((one - other).norm() / other.norm()).item()


def plain(model, waveform):
    """What transformers gives for one waveform alone."""
    with torch.inference_mode():
        output = model.model.encoder(
            torch.from_numpy(waveform)[None], output_hidden_states=True, return_dict=True
        )
    return [*output.hidden_states[:-1], output.last_hidden_state]


def test_alone_it_is_transformers(make, voice, pad, agrees):
    encoder, model = make()
    assert isinstance(encoder, Encoder)
    given = encoder.forward(*pad([voice(9000, 1)]))
    expected = plain(model, voice(9000, 1))
    assert len(given.layers) == len(expected) == encoder.n_layers == 4
    assert given.layers[0].shape == (1, int(given.lengths[0]), encoder.dim)
    agrees("moonshine", "transformers", max(map(relative, given.layers, expected)), 1e-6)


def test_the_last_layer_is_after_the_final_norm(make, voice, pad):
    encoder, _ = make()
    last = encoder.forward(*pad([voice(9000, 1)])).layers[-1]
    unscaled = last / encoder.model.layer_norm.weight
    torch.testing.assert_close(unscaled.mean(2), torch.zeros(1, last.shape[1]), rtol=0, atol=1e-5)


@pytest.mark.parametrize("beside", [3000, 160_000])
def test_padding_changes_nothing(beside, make, voice, pad):
    encoder, _ = make()
    assert encoder.batching == "any"
    waveforms = [voice(n, n) for n in (*LENGTHS, beside)]
    batch = encoder.forward(*pad(waveforms))
    for row, waveform in enumerate(waveforms):
        alone = encoder.forward(*pad([waveform]))
        frames = int(batch.lengths[row])
        assert alone.layers[0].shape[1] == int(alone.lengths[0]) == frames
        for padded, whole in zip(batch.layers, alone.layers, strict=True):
            assert torch.isfinite(padded).all()
            assert relative(padded[row, :frames].mean(0), whole[0].mean(0)) <= 1e-5


def test_without_the_cures_padding_would_matter(make, voice, pad):
    """The measure of the test above finds what the cures are for."""
    _, model = make()
    short = voice(8000, 1)
    batch, lengths = pad([short, voice(160_000, 2)])
    mask = (torch.arange(batch.shape[1]) < lengths[:, None]).long()
    alone = plain(model, short)[-1][0]
    with torch.inference_mode():
        padded = model.model.encoder(batch, attention_mask=mask).last_hidden_state[0, : len(alone)]
    assert relative(padded.mean(0), alone.mean(0)) > 1e-3


@pytest.mark.parametrize(("samples", "frames"), [(895, 1), (1278, 1), (1279, 2), (16_000, 40)])
def test_frames_follow_the_convolutions(samples, frames, make, voice, pad):
    encoder, _ = make()
    given = encoder.forward(*pad([voice(samples, 0), voice(16_000, 1)]))
    assert encoder.min_samples == 895
    assert given.lengths.tolist() == [frames, 40]
    assert given.lengths.dtype == torch.int64


def test_too_short_a_waveform_is_refused(make, voice, pad):
    encoder, _ = make()
    with pytest.raises(ValueError, match="894 samples: moonshine needs at least 895"):
        encoder.forward(*pad([voice(894, 0), voice(2000, 0)]))


def test_prepare_leaves_the_waveform(make, voice):
    encoder, _ = make()
    waveform = voice(2000, 0)
    assert encoder.prepare(waveform) is waveform


def test_half_precision_stays_near(make, voice, pad):
    encoder, _ = make()
    batch = pad([voice(16_000, 1), voice(160_000, 2)])
    exact = encoder.forward(*batch)
    rough = encoder.to(torch.device("cpu"), torch.bfloat16).forward(*batch)
    for one, other in zip(rough.layers, exact.layers, strict=True):
        assert one.dtype == torch.bfloat16
        assert relative(one[1].float(), other[1]) < 0.05


def test_positions_do_not_lose_precision_with_the_weights(make):
    """Rotations of the 1000th frame would be off by radians were their frequencies in bfloat16."""
    encoder, _ = make()
    exact = encoder.rotations.inv_freq.clone()
    encoder.to(torch.device("cpu"), torch.bfloat16)
    assert torch.equal(encoder.rotations.inv_freq, exact)


def test_the_hubs_older_words_for_rotations_are_read(save_moonshine, make_card):
    """The published config.json is of transformers 4: rope_theta, partial_rotary_factor."""
    _, folder = save_moonshine()
    file = folder / "config.json"
    config = json.loads(file.read_text())
    assert config.pop("rope_parameters")["partial_rotary_factor"] == 0.9
    file.write_text(json.dumps(config | {"rope_theta": 10_000.0, "partial_rotary_factor": 0.5}))
    rotations = {"rope_type": "default", "rope_theta": 10_000.0, "partial_rotary_factor": 0.5}
    card = make_card("moonshine", folder, architecture={"rope_parameters": rotations})
    assert len(load(card, folder).rotations.inv_freq) == 3  # of 10 dimensions 5


def test_the_cards_architecture_is_checked(save_moonshine, make_card):
    _, folder = save_moonshine()
    card = make_card("moonshine", folder, architecture={"encoder_num_hidden_layers": 6})
    with pytest.raises(WeightsError, match="encoder_num_hidden_layers is 3, the card says 6"):
        load(card, folder)


def test_the_variant_and_the_options_are_known(save_moonshine, make_card):
    _, folder = save_moonshine()
    with pytest.raises(CardError, match=r"variant: '30s' is not allowed. Allowed: plain"):
        load(make_card("moonshine", folder, variant="30s"), folder)
    with pytest.raises(CardError, match=r"options\.layer: unknown option. Allowed: none"):
        load(make_card("moonshine", folder, options={"layer": 3}), folder)
    with pytest.raises(WeightsError, match="needs a folder"):
        load(make_card("moonshine"), None)


@pytest.mark.parametrize("change", [{"do_normalize": True}, {"sampling_rate": 8000}])
def test_another_input_is_refused(change, save_moonshine, make_card):
    _, folder = save_moonshine()
    settings = {"do_normalize": False, "sampling_rate": 16_000} | change
    (folder / "preprocessor_config.json").write_text(json.dumps(settings))
    (name, value) = next(iter(change.items()))
    with pytest.raises(WeightsError, match=f"{name} is {value}; only"):
        load(make_card("moonshine", folder), folder)
