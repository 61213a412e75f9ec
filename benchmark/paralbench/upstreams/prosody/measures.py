"""From contours to named numbers: functionals, segments, rates.

Every contour gets the functionals of :data:`FUNCTIONALS`, its deltas those of :data:`SPREADS`:

=====================  ===========================================================================
``mean``, ``std``      population standard deviation; the contour's unit
``p5 p50 p95``         percentiles; the contour's unit
``range``              p95 - p5
``slope``              of the regression line, the contour's unit per second
=====================  ===========================================================================

Neutral values: an utterance without a voiced frame has ``voiced_fraction`` 0, its F0 percentiles
and mean at :data:`NEUTRAL_F0` (150 Hz, a value amid human voices, so that it neither stretches
nor shifts a standardisation), and 0 for every other measure of voiced frames. One voiced frame, or
one frame at all, gives spreads and slopes of 0.
"""

import numpy as np
from scipy.signal import find_peaks

from paralbench.upstreams.prosody.frames import FRAMES_PER_SECOND
from paralbench.upstreams.prosody.pitch import Pitch
from paralbench.upstreams.prosody.spectrum import delta

FUNCTIONALS = ("mean", "std", "p5", "p50", "p95", "range", "slope")
SPREADS = ("std", "p5", "p95")
LEVELS = ("mean", "p5", "p50", "p95")
VOICED_ONLY = ("alpha_ratio", "hammarberg", "slope_0_500", "slope_500_1500")
SEMITONE_BASE = 27.5  # Hz, the lowest A of a piano, as in GeMAPS
NEUTRAL_F0 = 12 * np.log2(150 / SEMITONE_BASE)
PEAK_PROMINENCE = 3.0  # dB
PEAK_DISTANCE = 8  # frames between two syllables' peaks
SMOOTHING = 5  # frames


def measure(pitch: Pitch, contours: dict[str, np.ndarray]) -> dict[str, float]:
    """All measures of an utterance by name, in a fixed order, every one finite.

    ``f0_*`` are in semitones re 27.5 Hz, ``hnr_*`` in dB, the contours' as in
    :func:`.spectrum.contours`. ``f0_rise`` and ``f0_fall`` are semitones per second of voiced
    speech, upwards and downwards. ``f0_jitter`` and ``energy_shimmer`` are the mean absolute second
    differences over voiced frames, in semitones and dB: frame by frame what jitter and shimmer are
    period by period. Lengths are in seconds; a voiced stretch may seem longer by up to 30 ms on
    either side, the reach of the pitch window.
    """
    voiced = pitch.voiced
    times = np.arange(len(voiced)) / FRAMES_PER_SECOND
    semitones = 12 * np.log2(pitch.f0[voiced] / SEMITONE_BASE)
    found: dict[str, float] = {}
    found |= functionals("f0", semitones, times[voiced], neutral=NEUTRAL_F0)
    found |= functionals("hnr", pitch.hnr[voiced], times[voiced])
    found |= steps(pitch, contours["energy"])
    found |= segments(voiced)
    found["voicing_probability_mean"] = float(pitch.probability.mean())
    found["voicing_probability_std"] = float(pitch.probability.std())
    found["energy_peaks_per_second"] = peaks_per_second(contours["energy"])
    for name, contour in contours.items():
        kept = voiced if name in VOICED_ONLY else slice(None)
        found |= functionals(name, contour[kept], times[kept])
    for name, contour in contours.items():
        if name == "energy" or name.startswith("mfcc"):
            found |= functionals(f"delta_{name}", delta(contour), times, wanted=SPREADS)
    return found


def functionals(
    name: str,
    contour: np.ndarray,
    times: np.ndarray,
    *,
    neutral: float = 0.0,
    wanted: tuple[str, ...] = FUNCTIONALS,
) -> dict[str, float]:
    """Functionals of a contour ``(frames,)`` at ``times`` in seconds, as ``name_functional``.

    Without a frame, levels are ``neutral`` and spreads and slopes are 0.
    """
    if len(contour) == 0:
        return {f"{name}_{what}": neutral if what in LEVELS else 0.0 for what in wanted}
    low, middle, high = np.percentile(contour, [5, 50, 95])
    values = {
        "mean": contour.mean(),
        "std": contour.std(),
        "p5": low,
        "p50": middle,
        "p95": high,
        "range": high - low,
        "slope": slope(contour, times),
    }
    return {f"{name}_{what}": float(values[what]) for what in wanted}


def slope(contour: np.ndarray, times: np.ndarray) -> float:
    """The least-squares slope of a contour over time, per second; 0 for a single frame."""
    centred = times - times.mean()
    spread = centred @ centred
    return float(centred @ contour / spread) if spread > 0 else 0.0


def steps(pitch: Pitch, energy: np.ndarray) -> dict[str, float]:
    """Rise and fall between neighbouring voiced frames, jitter and shimmer over three of them."""
    voiced = pitch.voiced
    semitones = 12 * np.log2(np.where(voiced, pitch.f0, SEMITONE_BASE) / SEMITONE_BASE)
    two = voiced[1:] & voiced[:-1]
    three = two[1:] & two[:-1]
    step = np.diff(semitones)[two] * FRAMES_PER_SECOND
    return {
        "f0_rise": _mean(np.maximum(step, 0)),
        "f0_fall": _mean(np.minimum(step, 0)),
        "f0_jitter": _mean(np.abs(np.diff(semitones, n=2)[three])),
        "energy_shimmer": _mean(np.abs(np.diff(energy, n=2)[three])),
    }


def segments(voiced: np.ndarray) -> dict[str, float]:
    """Share of voiced frames, and lengths in seconds of the voiced and unvoiced stretches."""
    edges = np.flatnonzero(np.diff(voiced)) + 1
    runs = np.split(voiced, edges)
    found = {"voiced_fraction": float(voiced.mean())}
    for name, state in (("voiced", True), ("unvoiced", False)):
        lengths = np.array([len(run) for run in runs if run[0] == state]) / FRAMES_PER_SECOND
        found[f"{name}_segments_per_second"] = len(lengths) * FRAMES_PER_SECOND / len(voiced)
        found[f"{name}_seconds_mean"] = _mean(lengths)
        found[f"{name}_seconds_std"] = float(lengths.std()) if len(lengths) else 0.0
        found[f"{name}_seconds_max"] = float(lengths.max()) if len(lengths) else 0.0
    return found


def peaks_per_second(energy: np.ndarray) -> float:
    """Peaks of the smoothed energy contour, at least 3 dB high and 80 ms apart: syllable rate."""
    if len(energy) < SMOOTHING:
        return 0.0
    smooth = np.convolve(energy, np.full(SMOOTHING, 1 / SMOOTHING), mode="valid")
    peaks, _ = find_peaks(smooth, prominence=PEAK_PROMINENCE, distance=PEAK_DISTANCE)
    return len(peaks) * FRAMES_PER_SECOND / len(energy)


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else 0.0
