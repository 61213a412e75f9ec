"""Energy, cepstrum and spectral shape, frame by frame (librosa, 32 ms Hann windows every 10 ms)."""

import numpy as np

from paralbench.upstreams.base import SAMPLE_RATE
from paralbench.upstreams.prosody.frames import FRAME, FRAMES_PER_SECOND, HOP, spans, windows

MELS = 40
CEPSTRA = 13
CONTRAST_BANDS = 5  # octaves from 200 Hz, and the band below; the last one ends at 8 kHz
SILENCE = 1e-5  # root mean square relative to full scale: -100 dB
FLOOR = 1e-10  # of powers, before a logarithm
DELTA_REACH = 2  # frames on each side
CONTOURS = (
    "energy",
    *(f"mfcc_{index}" for index in range(CEPSTRA)),
    "centroid",
    "bandwidth",
    "rolloff",
    "flatness",
    *(f"contrast_{index}" for index in range(CONTRAST_BANDS + 1)),
    "zero_crossings",
    "alpha_ratio",
    "hammarberg",
    "slope_0_500",
    "slope_500_1500",
)


def contours(waveform: np.ndarray) -> dict[str, np.ndarray]:
    """The :data:`CONTOURS` of a waveform ``(samples,)``, ``(frames,)`` each, all finite.

    ``energy`` is in dB re full scale, ``mfcc_*`` in dB (``mfcc_0`` the level), ``centroid``,
    ``bandwidth`` and ``rolloff`` in hertz, ``flatness``, ``contrast_*``, ``alpha_ratio`` and
    ``hammarberg`` in dB, ``slope_*`` in dB per kHz, ``zero_crossings`` a share of samples.
    """
    blocks = [_block(span) for span in spans(waveform, FRAME)]
    return {name: np.concatenate([block[name] for block in blocks]) for name in CONTOURS}


def _block(span: np.ndarray) -> dict[str, np.ndarray]:
    import librosa

    frames = windows(span, FRAME)
    magnitude = np.abs(librosa.stft(span, n_fft=FRAME, hop_length=HOP, center=False))
    power = magnitude**2
    shape = librosa.feature
    rms = np.sqrt(np.mean(frames.astype(np.float64) ** 2, axis=1))
    mel = shape.melspectrogram(S=power, sr=SAMPLE_RATE, n_mels=MELS)
    cepstra = shape.mfcc(S=decibels(mel), sr=SAMPLE_RATE, n_mfcc=CEPSTRA)
    contrast = shape.spectral_contrast(
        S=magnitude, sr=SAMPLE_RATE, n_fft=FRAME, n_bands=CONTRAST_BANDS
    )
    found = {
        "energy": 20 * np.log10(np.maximum(rms, SILENCE)),
        **{f"mfcc_{index}": row for index, row in enumerate(cepstra)},
        "centroid": shape.spectral_centroid(S=magnitude, sr=SAMPLE_RATE)[0],
        "bandwidth": shape.spectral_bandwidth(S=magnitude, sr=SAMPLE_RATE)[0],
        "rolloff": shape.spectral_rolloff(S=magnitude, sr=SAMPLE_RATE, roll_percent=0.85)[0],
        "flatness": decibels(shape.spectral_flatness(S=magnitude)[0]),
        **{f"contrast_{index}": row for index, row in enumerate(contrast)},
        "zero_crossings": shape.zero_crossing_rate(
            span, frame_length=FRAME, hop_length=HOP, center=False
        )[0],
        **balance(power),
    }
    return {name: row.astype(np.float64) for name, row in found.items()}


def balance(power: np.ndarray) -> dict[str, np.ndarray]:
    """How energy is shared between low and high frequencies (Eyben et al., GeMAPS, 2016).

    Args:
        power: ``(bins, frames)``, bins from 0 to 8 kHz.

    Returns:
        Alpha ratio (50 Hz to 1 kHz over 1 to 5 kHz), Hammarberg index (highest peak under 2 kHz
        over that of 2 to 5 kHz), both in dB, and the spectral slopes of 0 to 500 Hz and 500 to
        1500 Hz in dB per kHz.
    """
    hertz = np.linspace(0, SAMPLE_RATE / 2, len(power))

    def band(low: float, high: float) -> np.ndarray:
        return power[(hertz >= low) & (hertz < high)]

    def slope(low: float, high: float) -> np.ndarray:
        kilohertz = hertz[(hertz >= low) & (hertz <= high)] / 1000
        level = decibels(power[(hertz >= low) & (hertz <= high)])
        centred = kilohertz - kilohertz.mean()
        return centred @ level / (centred @ centred)

    return {
        "alpha_ratio": decibels(band(50, 1000).sum(axis=0))
        - decibels(band(1000, 5000).sum(axis=0)),
        "hammarberg": decibels(band(0, 2000).max(axis=0)) - decibels(band(2000, 5000).max(axis=0)),
        "slope_0_500": slope(0, 500),
        "slope_500_1500": slope(500, 1500),
    }


def decibels(power: np.ndarray) -> np.ndarray:
    """``10 log10`` of powers, floored at -100 dB."""
    return 10 * np.log10(np.maximum(power, FLOOR))


def delta(contour: np.ndarray) -> np.ndarray:
    """The regression slope per second over five frames, the ends repeated beyond the edges."""
    steps = np.arange(-DELTA_REACH, DELTA_REACH + 1)
    padded = np.pad(contour, DELTA_REACH, mode="edge")
    around = np.lib.stride_tricks.sliding_window_view(padded, len(steps))
    return around @ steps / (steps @ steps) * FRAMES_PER_SECOND
