"""prosody: contours against signals whose pitch, level, noise and pauses are known."""

import pickle

import librosa
import numpy as np
import pytest
import torch

from paralbench.cards import UpstreamCard
from paralbench.errors import CardError
from paralbench.upstreams.base import Encoder
from paralbench.upstreams.prosody import ProsodyEncoder, describe, load, names
from paralbench.upstreams.prosody.frames import BLOCK, count_frames
from paralbench.upstreams.prosody.measures import NEUTRAL_F0, functionals, measure, segments
from paralbench.upstreams.prosody.pitch import Pitch, track
from paralbench.upstreams.prosody.spectrum import CONTOURS, balance, contours, delta

RATE = 16_000


def harmonic(f0: np.ndarray | float, samples: int = RATE, level: float = 0.1) -> np.ndarray:
    """A sawtooth-like voice of ten harmonics at an F0 in hertz, per sample or constant."""
    f0 = np.broadcast_to(f0, (samples,))
    phase = 2 * np.pi * np.cumsum(f0) / RATE
    parts = [np.where(k * f0 < 7_500, np.cos(k * phase) / k, 0) for k in range(1, 11)]
    return (level * np.sum(parts, axis=0)).astype(np.float32)


def centres(frames: int) -> np.ndarray:
    return np.arange(frames) * 160 + 256


def noise(samples: int, level: float = 0.1, seed: int = 0) -> np.ndarray:
    return (level * np.random.default_rng(seed).standard_normal(samples)).astype(np.float32)


@pytest.mark.parametrize("f0", [70.0, 82.3, 120.0, 155.7, 220.0, 331.0, 440.0, 590.0])
def test_f0_of_steady_voices_is_within_a_tenth_of_a_percent(f0):
    pitch = track(harmonic(f0))
    assert pitch.voiced.all()
    np.testing.assert_allclose(pitch.f0[2:-2], f0, rtol=1e-3)


@pytest.mark.parametrize(("start", "end", "seconds"), [(100, 300, 2), (300, 100, 1), (80, 500, 3)])
def test_f0_follows_a_glide_within_a_percent(start, end, seconds):
    samples = seconds * RATE
    f0 = start * (end / start) ** (np.arange(samples) / samples)
    pitch = track(harmonic(f0, samples))
    truth = f0[centres(len(pitch.f0))]
    assert pitch.voiced.mean() > 0.97
    np.testing.assert_allclose(pitch.f0[pitch.voiced], truth[pitch.voiced], rtol=0.01)


@pytest.mark.parametrize("ratio", [30.0, 20.0, 10.0])
def test_harmonics_to_noise_ratio_is_the_one_that_was_mixed(ratio):
    voice = harmonic(150.0, 2 * RATE)
    mixed = voice + noise(2 * RATE, level=float(voice.std()) * 10 ** (-ratio / 20))
    pitch = track(mixed)
    assert pitch.voiced.all()
    assert np.mean(pitch.hnr) == pytest.approx(ratio, abs=1.0)


def test_noise_silence_and_offsets_are_unvoiced():
    for waveform in (noise(RATE), np.zeros(RATE, dtype=np.float32), np.full(RATE, 0.5, "f")):
        pitch = track(waveform)
        assert not pitch.voiced.any()
        assert np.isnan(pitch.f0).all()


def test_contours_equal_librosas_on_the_same_frames():
    waveform = harmonic(180.0) + noise(RATE, 0.01)
    found = contours(waveform)
    assert tuple(found) == CONTOURS
    options = {"n_fft": 512, "hop_length": 160, "center": False}
    feature = librosa.feature
    expected = {
        "centroid": feature.spectral_centroid(y=waveform, sr=RATE, **options),
        "bandwidth": feature.spectral_bandwidth(y=waveform, sr=RATE, **options),
        "rolloff": feature.spectral_rolloff(y=waveform, sr=RATE, **options),
        "energy": 20
        * np.log10(feature.rms(y=waveform, frame_length=512, hop_length=160, center=False)),
    }
    for name, contour in expected.items():
        np.testing.assert_allclose(found[name], contour[0], rtol=1e-4, err_msg=name)


def test_spectral_balance_of_a_tilted_spectrum_is_its_tilt():
    hertz = np.linspace(0, 8_000, 257)
    falling = balance(10 ** (-12 * hertz[:, None] / 1000 / 10))  # 12 dB down per kHz
    assert falling["slope_0_500"] == pytest.approx(-12)
    assert falling["slope_500_1500"] == pytest.approx(-12)
    assert falling["hammarberg"] == pytest.approx(24, abs=0.5)
    flat = balance(np.ones((257, 3)))
    assert flat["hammarberg"] == pytest.approx(np.zeros(3))
    assert flat["alpha_ratio"] == pytest.approx(np.full(3, 10 * np.log10(30 / 128)))


def test_voiced_and_unvoiced_stretches_are_measured_in_seconds():
    pieces = [harmonic(150.0, 4_800), np.zeros(3_200, "f"), harmonic(150.0, 8_000)]
    found = describe(np.concatenate(pieces))
    assert found["voiced_seconds_mean"] == pytest.approx(0.4, abs=0.04)
    assert found["voiced_seconds_max"] == pytest.approx(0.5, abs=0.04)
    assert found["unvoiced_seconds_mean"] == pytest.approx(0.2, abs=0.06)
    assert found["voiced_fraction"] == pytest.approx(0.8, abs=0.05)
    assert found["voiced_segments_per_second"] == pytest.approx(2.0, abs=0.1)
    by_hand = segments(np.array([1, 1, 0, 1, 0, 0, 0, 1, 1, 1], dtype=bool))
    assert by_hand["voiced_seconds_std"] == pytest.approx(np.std([0.02, 0.01, 0.03]))
    assert by_hand["unvoiced_seconds_mean"] == pytest.approx(0.02)


def test_f0_statistics_are_in_semitones_and_rates_per_second():
    samples = 2 * RATE
    octave = 110 * 2 ** (np.arange(samples) / samples)  # one octave up in two seconds
    found = describe(harmonic(octave, samples))
    assert found["f0_p50"] == pytest.approx(12 * np.log2(110 * 2**0.5 / 27.5), abs=0.1)
    assert found["f0_range"] == pytest.approx(0.9 * 12 * 1.96 / 2, abs=0.05)  # frames span 1.96 s
    assert found["f0_slope"] == pytest.approx(6, abs=0.05)
    assert found["f0_rise"] == pytest.approx(6, abs=0.05)
    assert found["f0_fall"] == pytest.approx(0, abs=0.05)
    assert found["f0_jitter"] < 0.005
    tremor = np.sin(2 * np.pi * 8 * np.arange(samples) / RATE)
    shaky = describe(harmonic(octave * 2 ** (tremor / 24), samples))
    # The second difference of a sine of half a semitone at 8 Hz, its mean modulus 2 / pi of it.
    expected = 0.5 * 4 * np.sin(np.pi * 8 / 100) ** 2 * 2 / np.pi
    assert shaky["f0_jitter"] == pytest.approx(expected, rel=0.25)


def test_energy_peaks_count_syllables():
    time = np.arange(3 * RATE) / RATE
    syllables = harmonic(120.0, 3 * RATE) * (0.55 - 0.45 * np.cos(2 * np.pi * 4 * time))
    assert describe(syllables.astype("f"))["energy_peaks_per_second"] == pytest.approx(4, abs=0.1)


def test_functionals_against_numpy():
    contour = np.random.default_rng(0).standard_normal(50).cumsum()
    times = np.arange(50) / 100
    found = functionals("x", contour, times)
    assert found["x_slope"] == pytest.approx(np.polyfit(times, contour, 1)[0])
    assert found["x_std"] == pytest.approx(contour.std())
    assert found["x_p5"] == pytest.approx(np.quantile(contour, 0.05))
    assert found["x_range"] == pytest.approx(np.quantile(contour, 0.95) - found["x_p5"])
    np.testing.assert_allclose(delta(3 * times)[2:-2], 3)


def test_an_unvoiced_utterance_has_neutral_values():
    found = describe(noise(RATE))
    assert found["voiced_fraction"] == 0
    assert pytest.approx(librosa.hz_to_midi(150) - librosa.hz_to_midi(27.5)) == NEUTRAL_F0
    assert {found[f"f0_{what}"] for what in ("mean", "p5", "p50", "p95")} == {NEUTRAL_F0}
    of_voice = ("f0_std", "f0_range", "f0_slope", "f0_jitter", "hnr_mean", "alpha_ratio_mean")
    assert {found[name] for name in of_voice} == {0}


@pytest.mark.parametrize("samples", [512, 700, 1_024, 5_000])
def test_nothing_is_ever_undefined(samples):
    square = np.sign(np.sin(np.arange(samples) * 0.05)).astype("f")
    impulse = np.zeros(samples, "f")
    impulse[100] = 1
    for waveform in (
        np.zeros(samples, "f"), np.ones(samples, "f"), noise(samples), noise(samples, 1e-7),
        harmonic(150.0, samples), square, impulse,
    ):  # fmt: skip
        found = describe(waveform)
        assert tuple(found) == names()
        assert np.isfinite(list(found.values())).all()


def test_a_single_voiced_frame_has_no_spread():
    once = np.array([False, True, False])
    pitch = Pitch(np.where(once, 150.0, np.nan), once, np.ones(3), np.where(once, 9.0, np.nan))
    found = measure(pitch, {name: np.arange(3.0) for name in CONTOURS})
    assert found["f0_mean"] == pytest.approx(NEUTRAL_F0)
    assert found["hnr_mean"] == pytest.approx(9)
    assert found["f0_std"] == found["f0_slope"] == found["f0_jitter"] == 0


def test_long_recordings_are_worked_through_in_blocks_that_leave_no_trace(monkeypatch):
    assert count_frames(60 * RATE) <= BLOCK
    waveform = harmonic(150 + 30 * np.sin(np.arange(3 * RATE) / 8_000), 3 * RATE)
    whole = contours(waveform), track(waveform)
    monkeypatch.setattr("paralbench.upstreams.prosody.frames.BLOCK", 70)
    blocks = contours(waveform), track(waveform)
    for name in ("energy", "mfcc_3", "centroid", "slope_0_500"):
        np.testing.assert_allclose(blocks[0][name], whole[0][name], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(blocks[1].f0, whole[1].f0, rtol=1e-3)


def test_a_loaded_encoder_fits_the_contract_and_a_worker_process():
    data = {
        "name": "Prosody", "family": "prosody", "weights": [{"source": "none"}],
        "licence": "ISC", "window": 3600, "dim": len(names()),
    }  # fmt: skip
    encoder = load(UpstreamCard.build(data, id="prosody"))
    assert isinstance(encoder, Encoder)
    assert len(set(names())) == encoder.dim == 275
    waveform = harmonic(200.0, 8_000)
    batch = torch.stack([torch.from_numpy(waveform), torch.zeros(8_000)])
    states = pickle.loads(pickle.dumps(encoder)).forward(batch, torch.tensor([8_000, 6_000]))
    assert states.layers[0].shape == (2, 1, 275)
    expected = np.array(list(describe(waveform).values()), dtype="f")
    np.testing.assert_array_equal(states.layers[0][0, 0].numpy(), expected)
    assert ProsodyEncoder().weights_key == encoder.weights_key
    with pytest.raises(CardError, match=r"options.hop: unknown option. Allowed: none"):
        load(UpstreamCard.build({**data, "options": {"hop": 160}}, id="prosody"))
