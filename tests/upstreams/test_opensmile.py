"""opensmile: its functionals as opensmile.Smile gives them, made safe."""

import pickle
import sys

import numpy as np
import pytest
import torch

from paralbench.cards import UpstreamCard
from paralbench.errors import CardError, MissingExtraError
from paralbench.upstreams import opensmile_family
from paralbench.upstreams.base import Encoder
from paralbench.upstreams.opensmile_family import load

opensmile = pytest.importorskip("opensmile")


def card(**options) -> UpstreamCard:
    data = {
        "name": "Functionals",
        "family": "opensmile",
        "weights": [{"source": "installed", "package": "opensmile", "extra": "functionals"}],
        "licence": "audEERING Research License",
        "window": 3600,
        "options": options,
    }
    return UpstreamCard.build(data, id="functionals")


def voice(samples: int = 16_000) -> np.ndarray:
    time = np.arange(samples) / 16_000
    rng = np.random.default_rng(0)
    tone = sum(np.cos(2 * np.pi * 140 * k * time) / k for k in range(1, 20))
    return (0.1 * tone * (1 + np.sin(9 * time)) + 0.01 * rng.standard_normal(samples)).astype("f")


def encode(encoder: Encoder, waveform: np.ndarray) -> np.ndarray:
    states = encoder.forward(torch.from_numpy(waveform)[None], torch.tensor([len(waveform)]))
    return states.layers[0][0, 0].numpy()


@pytest.mark.parametrize(("feature_set", "dim"), [("eGeMAPSv02", 88), ("ComParE_2016", 6373)])
def test_functionals_are_those_of_opensmile_called_directly(feature_set, dim):
    encoder = load(card(feature_set=feature_set))
    smile = opensmile.Smile(
        feature_set=opensmile.FeatureSet[feature_set],
        feature_level=opensmile.FeatureLevel.Functionals,
    )
    expected = smile.process_signal(voice(), 16_000)
    np.testing.assert_array_equal(encode(encoder, voice()), expected.to_numpy()[0])
    assert encoder.names() == tuple(expected.columns)
    assert encoder.dim == dim
    assert isinstance(encoder, Encoder)


def test_samples_beyond_full_scale_are_clipped_and_do_not_wrap_to_the_other_sign():
    smile = opensmile.Smile(feature_set=opensmile.FeatureSet.eGeMAPSv02)
    loud = 1.2 * np.sin(0.1 * np.arange(16_000)).astype(np.float32)
    clipped = smile.process_signal(np.clip(loud, -1, 32767 / 32768), 16_000).to_numpy()[0]
    wrapped = smile.process_signal(loud, 16_000).to_numpy()[0]
    np.testing.assert_array_equal(encode(load(card()), loud), clipped)
    assert np.abs(wrapped - clipped).max() > 100  # what opensmile alone makes of it


@pytest.mark.parametrize("feature_set", ["eGeMAPSv02", "ComParE_2016"])
@pytest.mark.parametrize("samples", [960, 16_000])
def test_every_waveform_from_60_ms_on_gives_finite_functionals(feature_set, samples):
    encoder = load(card(feature_set=feature_set))
    assert encoder.min_samples == 960
    rng = np.random.default_rng(0)
    for waveform in (np.zeros(samples), np.ones(samples), rng.standard_normal(samples)):
        assert np.isfinite(encode(encoder, waveform.astype(np.float32))).all()


def test_what_is_not_finite_becomes_zero():
    encoder = load(card())
    row = np.full((1, 88, 1), np.nan, dtype=np.float32)
    row[0, :3, 0] = [1, np.inf, -np.inf]
    encoder.__dict__["_smile"] = lambda _signal, _rate: row
    np.testing.assert_array_equal(encode(encoder, voice()), [1.0] + [0.0] * 87)


def test_an_encoder_travels_to_a_worker_process_and_its_key_names_the_version(monkeypatch):
    encoder = load(card())
    again = pickle.loads(pickle.dumps(encoder))
    np.testing.assert_array_equal(encode(again, voice()), encode(encoder, voice()))
    keys = {encoder.weights_key, load(card(feature_set="ComParE_2016")).weights_key}
    monkeypatch.setattr(opensmile_family, "library_version", lambda package: f"{package} 9.9")
    assert len(keys | {load(card()).weights_key}) == 3


def test_without_the_package_the_error_gives_the_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "opensmile", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'paralbench\[functionals\]'"):
        load(card())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"feature_set": "GeMAPS"}, "'GeMAPS' is not allowed: one of eGeMAPSv02, ComParE_2016"),
        ({"level": "LowLevelDescriptors"}, "is not allowed: one of Functionals"),
        ({"set": "eGeMAPSv02"}, "options.set: unknown option. Allowed: feature_set, level"),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(CardError, match=message):
        load(card(**options))
