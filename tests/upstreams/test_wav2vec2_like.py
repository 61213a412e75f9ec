"""Transformers' encoders, exact under padding: against transformers itself, alone and unpadded."""

import json

import numpy as np
import pytest
import torch

from paralbench.errors import CardError, WeightsError
from paralbench.upstreams.base import Encoder
from paralbench.upstreams.wav2vec2_like import load

GROUP = {"feat_extract_norm": "group", "do_stable_layer_norm": False}
LAYER = {"feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True}
CONFORMER = LAYER | {"position_embeddings_type": "relative", "max_source_positions": 50}
SQUEEZE = GROUP | {"squeeze_factor": 2}
DISENTANGLED = SQUEEZE | {"max_position_embeddings": 64, "position_buckets": 16}
MODELS = {
    "conformer-relative": ("wav2vec2-conformer", CONFORMER),
    "conformer-rotary": ("wav2vec2-conformer", GROUP | {"position_embeddings_type": "rotary"}),
    "data2vec": ("data2vec-audio", {}),
    "hubert-base": ("hubert", GROUP),
    "hubert-large": ("hubert", LAYER),
    "hubert-batch-norm": ("hubert", GROUP | {"conv_pos_batch_norm": True}),
    "hubert-distilled": ("hubert", GROUP | {"feat_proj_layer_norm": False}),
    "sew": ("sew", SQUEEZE),
    "sew-odd-positions": ("sew", SQUEEZE | {"num_conv_pos_embeddings": 31}),
    "sew-layer-norm": ("sew", LAYER | {"squeeze_factor": 2}),
    "sew-d-layer-norm": ("sew-d", LAYER | DISENTANGLED | {"feat_extract_norm": "layer"}),
    "sew-d": ("sew-d", DISENTANGLED),
    "sew-d-of-three": ("sew-d", DISENTANGLED | {"squeeze_factor": 3}),
    "unispeech-base": ("unispeech", GROUP),
    "unispeech-sat-base": ("unispeech-sat", GROUP),
    "unispeech-sat-large": ("unispeech-sat", LAYER),
    "wav2vec2-base": ("wav2vec2", GROUP),
    "wav2vec2-large": ("wav2vec2", LAYER),
    "wavlm-base": ("wavlm", GROUP),
    "wavlm-large": ("wavlm", LAYER),
}
every_model = pytest.mark.parametrize("kind", MODELS)

# From one frame over both sides of a frame's edge; the longest neighbour is twenty times 8000.
LENGTHS = (400, 401, 719, 720, 1040, 1600, 7680, 8000)


@pytest.fixture
def make(save_speech_model, make_card):
    """``make(kind)``: the encoder of ours and the model of transformers."""

    def build(kind):
        model_type, config = MODELS[kind]
        model, folder = save_speech_model(model_type, **config)
        return load(make_card("wav2vec2-like", folder), folder), model

    return build


def plain_layers(model, waveform):
    """What transformers gives for one waveform alone: inputs of layers, and the output."""
    with torch.inference_mode():
        output = model(torch.from_numpy(waveform)[None], output_hidden_states=True)
        if model.config.model_type in ("sew", "sew-d"):  # the output has been upsampled
            frames = model.encoder.upsample(output.hidden_states[-1])
            assert torch.equal(frames, output.last_hidden_state[:, : frames.shape[1]])
            return list(output.hidden_states)
    return [*output.hidden_states[:-1], output.last_hidden_state]


def relative(one, other):
    return ((one - other).norm() / other.norm()).item()


@every_model
def test_alone_it_is_transformers(kind, make, voice, pad, agrees):
    encoder, model = make(kind)
    assert isinstance(encoder, Encoder)
    waveform = encoder.prepare(voice(9000, 1))
    given = encoder.forward(*pad([waveform]))
    expected = plain_layers(model, waveform)
    assert len(given.layers) == len(expected) == encoder.n_layers == 4
    assert given.layers[0].shape == (1, int(given.lengths[0]), encoder.dim)
    agrees("wav2vec2-like", "transformers", max(map(relative, given.layers, expected)), 1e-6)


@every_model
@pytest.mark.parametrize("beside", [3000, 160_000])
def test_padding_changes_nothing(kind, beside, make, voice, pad):
    encoder, _ = make(kind)
    lengths = [n for n in (*LENGTHS, beside) if n >= encoder.min_samples]
    waveforms = [encoder.prepare(voice(n, n)) for n in lengths]
    batch = encoder.forward(*pad(waveforms))
    for row, waveform in enumerate(waveforms):
        alone = encoder.forward(*pad([waveform]))
        frames = int(batch.lengths[row])
        assert alone.layers[0].shape[1] == int(alone.lengths[0]) == frames
        for padded, whole in zip(batch.layers, alone.layers, strict=True):
            assert torch.isfinite(padded).all()
            assert relative(padded[row, :frames].mean(0), whole[0].mean(0)) <= 1e-5


def test_without_the_cures_padding_would_matter(save_speech_model, voice, pad):
    """The measure of the test above finds what the cures are for."""
    for kind in ("wav2vec2-base", "data2vec", "conformer-relative", "sew", "sew-d"):
        model_type, config = MODELS[kind]
        model, _ = save_speech_model(model_type, **config)
        short = voice(8000, 1)
        batch, lengths = pad([short, voice(160_000, 2)])
        mask = (torch.arange(batch.shape[1]) < lengths[:, None]).long()
        with torch.inference_mode():
            alone = model(torch.from_numpy(short)[None]).last_hidden_state[0]
            padded = model(batch, attention_mask=mask).last_hidden_state[0, : len(alone)]
        assert relative(padded.mean(0), alone.mean(0)) > 1e-3, kind


@pytest.mark.parametrize("kind", ["sew", "sew-d"])
def test_half_a_squeezed_frame_is_not_attended_to(kind, make, voice, pad):
    """Layer norm instead of group norm: an odd number of frames is all that could leak."""
    encoder, _ = make(f"{kind}-layer-norm")
    odd = voice(400 + 320 * 24, 1)  # 25 frames, 12 squeezed ones
    given = encoder.forward(*pad([odd, voice(32_000, 2)]))
    alone = encoder.forward(*pad([odd]))
    assert alone.layers[0].shape[1] == int(given.lengths[0]) == 12
    for padded, whole in zip(given.layers, alone.layers, strict=True):
        assert relative(padded[0, :12], whole[0]) <= 1e-5


@pytest.mark.parametrize(("samples", "frames"), [(400, 1), (719, 1), (720, 2), (16_000, 49)])
def test_frames_follow_the_convolutions(samples, frames, make, voice, pad):
    encoder, _ = make("wav2vec2-base")
    given = encoder.forward(*pad([voice(samples, 0), voice(16_000, 1)]))
    assert encoder.min_samples == 400
    assert given.lengths.tolist() == [frames, 49]
    assert given.lengths.dtype == torch.int64


def test_the_last_layer_is_after_the_final_norm(make, voice, pad):
    encoder, model = make("wavlm-large")
    given = encoder.forward(*pad([voice(4000, 3)]))
    with torch.inference_mode():
        output = model(torch.from_numpy(voice(4000, 3))[None], output_hidden_states=True)
        normed = model.encoder.layer_norm(output.hidden_states[-1])
    assert relative(given.layers[-1], normed) <= 1e-6
    assert relative(given.layers[-1], output.hidden_states[-1]) > 1e-2


def test_prepare_is_the_feature_extractor(make, voice):
    from transformers import Wav2Vec2FeatureExtractor

    encoder, _ = make("hubert-large")
    waveform = voice(12_345, 5)
    expected = Wav2Vec2FeatureExtractor(do_normalize=True)(waveform, sampling_rate=16_000)
    np.testing.assert_allclose(
        encoder.prepare(waveform), expected["input_values"][0], rtol=0, atol=1e-5
    )
    assert not encoder.prepare(np.zeros(500, np.float32)).any()


def test_do_normalize_comes_from_the_folder_or_the_card(save_speech_model, make_card, voice):
    waveform = voice(2000, 0)
    _, raw = save_speech_model("wavlm", preprocessor={"do_normalize": False})
    assert load(make_card("wav2vec2-like", raw), raw).prepare(waveform) is waveform
    card = make_card("wav2vec2-like", raw, options={"do_normalize": True})
    assert abs(load(card, raw).prepare(waveform).mean()) < 1e-6

    _, silent = save_speech_model("wavlm", preprocessor=None)
    with pytest.raises(WeightsError, match=r"options: \{do_normalize: true\}"):
        load(make_card("wav2vec2-like", silent), silent)
    card = make_card("wav2vec2-like", silent, options={"do_normalize": False})
    assert load(card, silent).prepare(waveform) is waveform


def test_a_regression_head_of_the_owners_own_is_left_out(save_speech_model, make_card, voice, pad):
    """As audEERING publishes its emotion model: a class of theirs around the encoder."""
    from safetensors.torch import load_file, save_file

    model, folder = save_speech_model("wav2vec2", **LAYER)
    file = folder / "model.safetensors"
    tensors = {f"wav2vec2.{name}": tensor for name, tensor in load_file(file).items()}
    for layer in ("dense", "out_proj"):
        tensors |= {
            f"classifier.{layer}.weight": torch.ones(32, 32),
            f"classifier.{layer}.bias": torch.ones(32),
        }
    save_file(tensors, file)
    given = load(make_card("wav2vec2-like", folder), folder).forward(*pad([voice(4000, 1)]))
    assert relative(given.layers[-1], plain_layers(model, voice(4000, 1))[-1]) <= 1e-6


def test_too_short_a_waveform_is_refused(make, voice, pad):
    encoder, _ = make("wavlm-base")
    with pytest.raises(ValueError, match="399 samples: wav2vec2-like needs at least 400"):
        encoder.forward(*pad([voice(399, 0), voice(800, 0)]))


@pytest.mark.parametrize(
    "kind", ["conformer-rotary", "data2vec", "sew", "sew-d", "wav2vec2-base", "wavlm-large"]
)
def test_half_precision_stays_near(kind, make, voice, pad):
    encoder, _ = make(kind)
    batch = pad([encoder.prepare(voice(n, n)) for n in (2000, 16_000)])
    exact = encoder.forward(*batch)
    rough = encoder.to(torch.device("cpu"), torch.bfloat16).forward(*batch)
    for one, other in zip(rough.layers, exact.layers, strict=True):
        assert one.dtype == torch.bfloat16
        assert relative(one[0, : rough.lengths[0]].float(), other[0, : exact.lengths[0]]) < 0.1


def test_what_only_training_uses_is_off(save_speech_model, make_card, voice, pad):
    """Masking, dropout, layer drop, checkpointing: the same twice, and the same as plain."""
    config = GROUP | {
        "mask_time_prob": 0.9,
        "layerdrop": 0.9,
        "hidden_dropout": 0.5,
        "gradient_checkpointing": True,
    }
    model, _ = save_speech_model("wav2vec2", **GROUP)
    _, same = save_speech_model("wav2vec2", **config)
    file = same / "config.json"
    form = {"output_attentions": True, "output_hidden_states": False, "return_dict": False}
    file.write_text(json.dumps(json.loads(file.read_text()) | form))
    encoder = load(make_card("wav2vec2-like", same), same)
    given = encoder.forward(*pad([voice(4000, 1)]))
    assert relative(given.layers[-1], plain_layers(model, voice(4000, 1))[-1]) <= 1e-6


def test_the_variant_and_the_options_are_known(save_speech_model, make_card):
    _, folder = save_speech_model("hubert")
    with pytest.raises(CardError, match=r"variant: '30s' is not allowed. Allowed: plain"):
        load(make_card("wav2vec2-like", folder, variant="30s"), folder)
    with pytest.raises(CardError, match=r"options.layer: unknown option. Allowed: do_normalize"):
        load(make_card("wav2vec2-like", folder, options={"layer": 3}), folder)
    with pytest.raises(CardError, match="'yes' is not allowed: true or false"):
        load(make_card("wav2vec2-like", folder, options={"do_normalize": "yes"}), folder)
    with pytest.raises(WeightsError, match="needs a folder"):
        load(make_card("wav2vec2-like"), None)
