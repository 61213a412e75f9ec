"""OpenVINO in torch's place: the same features, or a refusal."""

import pytest
import torch

from paralbench.errors import MissingExtraError, ParalbenchError
from paralbench.upstreams import openvino_backend, wav2vec2_like, whisper
from paralbench.upstreams.base import BACKENDS, Encoder, backend_of
from paralbench.upstreams.fbank import FbankEncoder
from paralbench.upstreams.openvino_backend import OpenVinoEncoder, require_openvino, with_openvino
from paralbench.upstreams.probing import noise, relative_difference, time_means

CPU = torch.device("cpu")
LENGTHS = (400, 9_999, 24_000, 80_000)  # the receptive field of one frame is 400 samples


def difference(one, other, lengths):
    """The largest relative difference of a layer's time mean, each utterance alone."""
    worst = 0.0
    for seed, length in enumerate(lengths):
        batch = noise([length], seed)
        states, wanted = one.forward(*batch), other.forward(*batch)
        assert states.lengths.tolist() == wanted.lengths.tolist()
        assert [a.shape for a in states.layers] == [b.shape for b in wanted.layers]
        pairs = zip(time_means(wanted), time_means(states), strict=True)
        worst = max(worst, *(relative_difference(a, b) for a, b in pairs))
    return worst


@pytest.fixture
def make(save_speech_model, make_card):
    def make(kind="wav2vec2", **config):
        _, folder = save_speech_model(kind, **config)
        return wav2vec2_like.load(make_card("wav2vec2-like", folder), folder)

    return make


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        ("wav2vec2", {}),
        ("hubert", {"feat_extract_norm": "layer", "do_stable_layer_norm": True}),
        ("wavlm", {}),
        ("data2vec-audio", {}),
    ],
)
def test_features_are_torch_s_at_every_length(kind, config, make):
    encoder = with_openvino(make(kind, **config))
    assert isinstance(encoder, OpenVinoEncoder)
    assert difference(encoder, make(kind, **config), LENGTHS) < 1e-5


def test_whisper_s_window_is_of_fixed_size(save_whisper, make_card):
    _, folder = save_whisper(seconds=2)
    card = make_card("whisper", folder, variant="30s", window=2)
    encoder = with_openvino(whisper.load(card, folder))
    plain = whisper.load(card, folder)
    assert encoder.padded_samples == plain.padded_samples == 32_000
    assert difference(encoder, plain, (400, 9_999, 32_000)) < 1e-5


def test_it_is_an_encoder_of_one_utterance_at_a_time(make):
    plain = make()
    encoder = with_openvino(make())
    assert isinstance(encoder, Encoder)
    assert (encoder.batching, backend_of(encoder)) == ("single", "openvino")
    for name in ("n_layers", "dim", "min_samples", "window_samples", "weights_key"):
        assert getattr(encoder, name) == getattr(plain, name)
    assert backend_of(plain) == "torch"
    assert {backend_of(plain), backend_of(encoder)} == set(BACKENDS)


def test_hidden_states_outlive_the_next_utterance(make):
    encoder = with_openvino(make())
    states = encoder.forward(*noise([16_000], 0))
    before = [layer.clone() for layer in states.layers]
    encoder.forward(*noise([16_000], 1))
    assert all(torch.equal(a, b) for a, b in zip(before, states.layers, strict=True))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_it_computes_in_fp32_only(make, dtype):
    encoder = with_openvino(make())
    assert encoder.to(CPU, torch.float32) is encoder
    with pytest.raises(ParalbenchError, match="on the cpu in fp32, not on cpu in torch"):
        encoder.to(CPU, dtype)


def test_encoders_without_a_whole_model_stay_with_torch(make, save_whisper, make_card):
    fbank = FbankEncoder()
    assert with_openvino(fbank) is fbank
    _, folder = save_whisper(seconds=2)
    # It calls the model's layers one by one, and masks.
    unpadded = whisper.load(make_card("whisper", folder, variant="unpadded", window=2), folder)
    assert with_openvino(unpadded) is unpadded


def test_a_model_that_is_called_with_a_mask_stays_with_torch(make):
    encoder = make()
    forward = encoder.forward

    def masked(waveforms, lengths):
        states = forward(waveforms, lengths)
        encoder.model(waveforms, attention_mask=torch.ones(waveforms.shape, dtype=torch.long))
        return states

    encoder.forward = masked
    assert with_openvino(encoder) is encoder


def test_other_features_than_torch_s_are_refused(make, monkeypatch):
    monkeypatch.setattr(openvino_backend, "TOLERANCE", 0.0)
    encoder = with_openvino(make())
    for _ in range(2):  # a second call is no way around it
        with pytest.raises(ParalbenchError, match=r"differ from torch's by .* backend 'torch'"):
            encoder.forward(*noise([16_000], 0))


def test_a_model_that_depends_on_the_length_in_python_is_refused(make):
    """A trace holds what Python computed for one length; the second length shows it."""
    encoder = make()
    layer = encoder.model.encoder.layers[0].feed_forward
    forward = layer.forward
    layer.forward = lambda x: forward(x) * (1 + x.shape[1].__index__() / 1e3)
    with pytest.raises(ParalbenchError, match="differ from torch's"):
        with_openvino(encoder).forward(*noise([16_000], 0))


def test_an_operator_that_openvino_lacks_is_told(make):
    encoder = make()
    projection = encoder.model.feature_projection
    forward = projection.forward
    projection.forward = lambda x: forward(torch.special.erfcx(x))
    with pytest.raises(ParalbenchError, match=r"(?s)cannot convert Wav2Vec2Model; .*erfcx"):
        with_openvino(encoder)


def test_a_missing_package_is_told(make, monkeypatch):
    monkeypatch.setattr(openvino_backend.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'paralbench\[openvino\]'"):
        require_openvino()
    with pytest.raises(MissingExtraError):
        with_openvino(make())


def test_nothing_is_reported_over_the_network(run_python, tmp_path):
    """OpenVINO's telemetry leaves a folder in the home of the user it reports about."""
    code = """
import sys
from paralbench.upstreams.openvino_backend import _import_openvino
_import_openvino()
assert "openvino" in sys.modules and "openvino_telemetry" not in sys.modules
"""
    run_python(code, env={"HOME": str(tmp_path)})
    assert list(tmp_path.iterdir()) == []
