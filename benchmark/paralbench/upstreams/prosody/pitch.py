"""Fundamental frequency, voicing and harmonicity, frame by frame.

F0 is tracked by pYIN (Mauch and Dixon, ICASSP 2014; librosa) on a grid of 0.2 semitones and then
refined at the peak of the frame's autocorrelation, whose height gives the harmonics-to-noise ratio
(Boersma, IFA Proceedings 17, 1993).
"""

from dataclasses import dataclass

import numpy as np

from paralbench.upstreams.base import SAMPLE_RATE
from paralbench.upstreams.prosody.frames import HOP, spans, windows

WINDOW = 1024  # 64 ms: four periods of the lowest F0
LOWEST, HIGHEST = 65.0, 600.0  # Hz: low male voices to children and shouting
RESOLUTION = 0.2  # semitones; the cost of pYIN's Viterbi search grows with its inverse square
# pYIN's prior over YIN's threshold, of mean 0.15 as in its authors' plug-in. librosa's default, of
# mean 0.1, leaves noisy recordings unvoiced: a third of the clips of polish-emotion altogether.
THRESHOLD_PRIOR = (2, 34 / 3)
REACH = 0.03  # how far from pYIN's period the autocorrelation's peak is looked for, relative
HNR_LIMITS = (-20.0, 50.0)  # dB; outside, the estimate is numerical noise


@dataclass(frozen=True)
class Pitch:
    """Pitch contours; every array is ``(frames,)``.

    Attributes:
        f0: hertz; NaN where unvoiced.
        voiced: pYIN's decision.
        probability: pYIN's voicing probability, 0 to 1.
        hnr: harmonics-to-noise ratio in dB; NaN where unvoiced.
    """

    f0: np.ndarray
    voiced: np.ndarray
    probability: np.ndarray
    hnr: np.ndarray


def track(waveform: np.ndarray) -> Pitch:
    """Pitch of a waveform ``(samples,)`` on the frame grid of :mod:`.frames`."""
    blocks = [_track_block(span) for span in spans(waveform, WINDOW)]
    return Pitch(
        f0=np.concatenate([block.f0 for block in blocks]),
        voiced=np.concatenate([block.voiced for block in blocks]),
        probability=np.concatenate([block.probability for block in blocks]),
        hnr=np.concatenate([block.hnr for block in blocks]),
    )


def _track_block(span: np.ndarray) -> Pitch:
    import librosa

    f0, voiced, probability = librosa.pyin(
        span,
        fmin=LOWEST,
        fmax=HIGHEST,
        sr=SAMPLE_RATE,
        frame_length=WINDOW,
        hop_length=HOP,
        resolution=RESOLUTION,
        beta_parameters=THRESHOLD_PRIOR,
        center=False,
    )
    hnr = np.full(len(f0), np.nan)
    if voiced.any():
        f0[voiced], hnr[voiced] = refine(windows(span, WINDOW)[voiced], f0[voiced])
    return Pitch(f0, voiced, probability, hnr)


def refine(frames: np.ndarray, f0: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """F0 and harmonics-to-noise ratio from the autocorrelation's peak near a given F0.

    Args:
        frames: ``(frames, samples)``.
        f0: a first estimate in hertz, ``(frames,)``.

    Returns:
        F0 in hertz, interpolated between lags, and the ratio in dB, ``(frames,)`` each.
    """
    correlation = normalised_autocorrelation(frames)
    period = SAMPLE_RATE / f0
    reach = int(np.ceil(REACH * SAMPLE_RATE / LOWEST))
    offsets = np.arange(-reach, reach + 1)
    lags = np.round(period).astype(int)[:, None] + offsets
    rows = np.arange(len(frames))
    near = np.where(
        np.abs(offsets) <= np.maximum(1, REACH * period)[:, None],
        correlation[rows[:, None], lags],
        -np.inf,
    )
    lag = lags[rows, near.argmax(axis=1)]
    left, peak, right = (correlation[rows, lag + step] for step in (-1, 0, 1))
    curvature = left - 2 * peak + right
    is_peak = (peak >= left) & (peak >= right) & (curvature < 0)
    shift = np.where(is_peak, 0.5 * (left - right) / np.where(is_peak, curvature, 1.0), 0.0)
    height = np.where(is_peak, peak - 0.25 * (left - right) * shift, peak)
    refined = np.where(is_peak, SAMPLE_RATE / (lag + shift), f0)
    share = np.clip(height, 1e-6, 1 - 1e-6)  # of the energy that is periodic
    return refined, np.clip(10 * np.log10(share / (1 - share)), *HNR_LIMITS)


def normalised_autocorrelation(frames: np.ndarray) -> np.ndarray:
    """Boersma's autocorrelation ``(frames, lags)``: of the windowed frame over the window's own.

    Lags reach half a frame; lag 0 is 1, or 0 for a frame without signal.
    """
    width = frames.shape[1]
    window = np.hanning(width + 1)[:-1]
    centred = (frames - frames.mean(axis=1, keepdims=True)) * window
    raw = _autocorrelation(centred)
    energy = raw[:, :1]
    relative = raw / np.where(energy > 0, energy, 1.0)
    own = _autocorrelation(window[None])
    return relative * own[0, 0] / own


def _autocorrelation(frames: np.ndarray) -> np.ndarray:
    width = frames.shape[1]
    spectrum = np.fft.rfft(frames.astype(np.float64), n=2 * width, axis=1)
    return np.fft.irfft(np.abs(spectrum) ** 2, axis=1)[:, : width // 2]
