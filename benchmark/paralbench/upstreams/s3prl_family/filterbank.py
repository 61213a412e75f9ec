"""Log mel energies as APC and DeCoAR 2.0 take them: Kaldi's, normalised over time.

25 ms Hamming windows every 10 ms without reflection at the ends; each band to zero mean and unit
variance (the sample's) over what is encoded at once. s3prl computes them utterance by utterance,
so padding never enters.
"""

from pathlib import Path
from typing import Any

import torch
from s3prl.upstream.apc.audio import FeatureExtractor

from paralbench.errors import WeightsError
from paralbench.upstreams.base import SAMPLE_RATE
from paralbench.upstreams.s3prl_family.checkpoint import typed

AUDIO: dict[str, Any] = {
    "feat_type": "fbank",
    "feat_dim": 80,
    "cmvn": True,
    "frame_length": 25.0,  # ms
    "frame_shift": 10.0,  # ms
}
_IGNORED = ("decode_wav",)  # how files are opened


def read_audio(given: dict[str, Any], file: Path) -> dict[str, Any]:
    """The settings of a checkpoint's features, with s3prl's defaults.

    Raises:
        WeightsError: one is unknown, or of another type.
    """
    unknown = sorted(set(given) - set(AUDIO) - set(_IGNORED))
    audio = typed(given, AUDIO, file, "data.audio.")
    if unknown or audio["feat_type"] != "fbank":
        raise WeightsError(
            f"{file}: data.audio: unsupported: {', '.join(unknown) or audio['feat_type']}."
        )
    return audio


class FilterBank:
    """From a waveform to frames.

    Args:
        audio: from :func:`read_audio`.
    """

    def __init__(self, audio: dict[str, Any]):
        self._extract = FeatureExtractor(
            audio["feat_type"],
            audio["feat_dim"],
            apply_cmvn=audio["cmvn"],
            frame_length=audio["frame_length"],
            frame_shift=audio["frame_shift"],
        )
        # A standard deviation over time takes two frames.
        milliseconds = audio["frame_length"] + (audio["frame_shift"] if audio["cmvn"] else 0)
        self.min_samples = round(milliseconds * SAMPLE_RATE / 1000)

    def __call__(self, waveform: torch.Tensor) -> torch.Tensor:
        """The frames ``(frames, bands)`` of a waveform ``(samples,)``."""
        return self._extract(waveform.float()[None])
