"""fbank: Kaldi's log mel energies, pooled to mean and standard deviation."""

import pickle

import numpy as np
import pytest
import torch

from paralbench.cards import UpstreamCard
from paralbench.errors import CardError
from paralbench.upstreams.base import Encoder
from paralbench.upstreams.fbank import FbankEncoder, load, log_mel


def speechlike(samples: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    time = np.arange(samples) / 16_000
    voice = np.sin(2 * np.pi * 150 * time) * (1 + np.sin(20 * time))
    return (0.1 * voice + 0.02 * rng.standard_normal(samples)).astype(np.float32)


def kaldi_in_numpy(waveform: np.ndarray, bins: int) -> np.ndarray:
    """Log mel energies after the description in Kaldi's feature-window and mel-computations."""
    signal = waveform.astype(np.float64) * 32768
    starts = range(0, len(signal) - 400 + 1, 160)
    frames = np.stack([signal[start : start + 400] for start in starts])
    frames -= frames.mean(axis=1, keepdims=True)
    frames -= 0.97 * np.concatenate([frames[:, :1], frames[:, :-1]], axis=1)
    frames *= (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 399)) ** 0.85  # Povey's window
    power = np.abs(np.fft.rfft(frames, 512)) ** 2

    def mel(hertz):
        return 1127 * np.log(1 + np.asarray(hertz) / 700)

    edges = np.linspace(mel(20), mel(8000), bins + 2)
    at = mel(np.arange(257) * 16_000 / 512)
    rising = (at - edges[:-2, None]) / (edges[1] - edges[0])
    falling = (edges[2:, None] - at) / (edges[1] - edges[0])
    filters = np.maximum(0, np.minimum(rising, falling))
    filters[:, 256] = 0  # Kaldi leaves the Nyquist bin out
    return np.log(np.maximum(power @ filters.T, np.finfo(np.float32).eps))


def card(**changes) -> UpstreamCard:
    data = {
        "name": "Filter bank",
        "family": "fbank",
        "weights": [{"source": "none"}],
        "licence": "BSD-2-Clause",
        "window": 3600,
        **changes,
    }
    return UpstreamCard.build(data, id="fbank")


def encode(encoder: Encoder, waveform: np.ndarray) -> np.ndarray:
    states = encoder.forward(torch.from_numpy(waveform)[None], torch.tensor([len(waveform)]))
    return states.layers[0][0, 0].numpy()


@pytest.mark.parametrize("bins", [23, 80])
def test_log_mel_energies_equal_kaldis_definition(bins):
    waveform = speechlike(8123)
    expected = kaldi_in_numpy(waveform, bins)
    assert log_mel(waveform, bins).shape == expected.shape == (49, bins)
    np.testing.assert_allclose(log_mel(waveform, bins), expected, atol=2e-3)


def test_the_vector_is_mean_and_population_deviation_over_frames():
    waveform = speechlike(20_000)
    frames = log_mel(waveform).astype(np.float64)
    expected = np.concatenate([frames.mean(axis=0), frames.std(axis=0, ddof=0)])
    encoder = FbankEncoder()
    np.testing.assert_allclose(encode(encoder, waveform), expected, rtol=1e-6)
    assert encoder.names()[0] == "mean_0"
    assert encoder.names()[80] == "std_0"


def test_a_level_shift_moves_the_means_by_its_logarithm_and_no_deviation():
    waveform = speechlike(16_000)
    quiet, loud = encode(FbankEncoder(), waveform), encode(FbankEncoder(), 4 * waveform)
    np.testing.assert_allclose(loud[:80] - quiet[:80], np.log(16), atol=1e-4)
    np.testing.assert_allclose(loud[80:], quiet[80:], atol=1e-4)


@pytest.mark.parametrize("samples", [400, 5_000])
def test_silence_and_the_shortest_waveform_are_finite(samples):
    row = encode(FbankEncoder(), np.zeros(samples, dtype=np.float32))
    np.testing.assert_allclose(row[:80], np.log(np.finfo(np.float32).eps), rtol=1e-6)
    np.testing.assert_allclose(row[80:], 0, atol=1e-6)


def test_what_shares_the_batch_does_not_matter():
    encoder = FbankEncoder()
    short, long = speechlike(5_000, 1), speechlike(9_000, 2)
    batch = torch.zeros(2, 9_000)
    batch[0, :5_000], batch[1] = torch.from_numpy(short), torch.from_numpy(long)
    states = encoder.forward(batch, torch.tensor([5_000, 9_000]))
    assert states.layers[0].shape == (2, 1, 160)
    assert states.lengths.tolist() == [1, 1]
    np.testing.assert_array_equal(states.layers[0][0, 0].numpy(), encode(encoder, short))
    np.testing.assert_array_equal(states.layers[0][1, 0].numpy(), encode(encoder, long))


def test_a_loaded_encoder_fits_the_contract_and_a_worker_process():
    encoder = load(card(dim=160))
    assert isinstance(encoder, Encoder)
    assert (encoder.n_layers, encoder.dim, encoder.batching) == (1, 160, "single")
    assert encoder.min_samples == 400
    assert encoder.window_samples == 3600 * 16_000
    assert encoder.to(torch.device("cpu"), torch.bfloat16) is encoder
    again = pickle.loads(pickle.dumps(encoder))
    np.testing.assert_array_equal(
        encode(again, speechlike(6_000)), encode(encoder, speechlike(6_000))
    )
    assert again.weights_key == encoder.weights_key != load(card(options={"bins": 40})).weights_key


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"options": {"bin": 80}}, "options.bin: unknown option. Allowed: bins"),
        ({"options": {"bins": 80.0}}, "options.bins: 80.0 is not allowed: a value of type int"),
        ({"options": {"bins": 500}}, "options.bins: 500 is not allowed: 1 to 120"),
        ({"variant": "mel"}, "variant: 'mel' is not allowed. Allowed: plain"),
    ],
)
def test_wrong_options_are_refused(changes, message):
    with pytest.raises(CardError, match=message):
        load(card(**changes))


def test_long_recordings_are_worked_through_in_blocks_that_leave_no_trace(monkeypatch):
    waveform = speechlike(30_123)
    whole = log_mel(waveform)
    monkeypatch.setattr("paralbench.upstreams.fbank.BLOCK_FRAMES", 50)
    np.testing.assert_allclose(log_mel(waveform), whole, atol=1e-4)


def test_a_waveform_that_is_too_short_is_named():
    with pytest.raises(ValueError, match="399 samples are too short"):
        encode(FbankEncoder(), np.zeros(399, dtype=np.float32))
