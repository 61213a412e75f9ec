"""Log mel filter-bank energies: their mean and standard deviation over an utterance.

Kaldi's features as torchaudio computes them: 25 ms Povey windows every 10 ms, pre-emphasis 0.97,
mean removed per frame, mel filters from 20 Hz to 8 kHz, natural logarithm, no dither.

Scale: Kaldi works on 16-bit integers, so waveforms in [-1, 1] are multiplied by 32768. A level
shift adds a constant to every log energy: it moves the means and leaves the standard deviations.
Only the floor is absolute: a filter without energy (digital silence) gives ln(1.19e-7) = -15.9.
"""

from pathlib import Path

import numpy as np

from paralbench.cards import UpstreamCard
from paralbench.errors import CardError
from paralbench.torchaudio_cure import ensure_torchaudio
from paralbench.upstreams.base import SAMPLE_RATE
from paralbench.upstreams.functionals import FunctionalsEncoder, key_of, library_version
from paralbench.upstreams.options import read_options

VERSION = 1
FRAME_SAMPLES, HOP_SAMPLES = 400, 160  # 25 ms, 10 ms
BLOCK_FRAMES = 6000  # a minute at a time bounds the memory on long recordings


class FbankEncoder(FunctionalsEncoder):
    """Mean and population standard deviation over frames of each log mel energy.

    Args:
        bins: mel filters; the vector holds all means, then all standard deviations.
        window: seconds that are computed as one.
    """

    def __init__(self, bins: int = 80, window: float = 3600.0):
        names = tuple(f"{what}_{bin}" for what in ("mean", "std") for bin in range(bins))
        key = key_of(family="fbank", bins=bins, torchaudio=library_version("torchaudio"))
        super().__init__(names, FRAME_SAMPLES, window, key)
        self.bins = bins

    def functionals(self, waveform: np.ndarray) -> np.ndarray:
        """``(2 * bins,)``: the means, then the standard deviations."""
        frames = log_mel(waveform, self.bins).astype(np.float64)
        return np.concatenate([frames.mean(axis=0), frames.std(axis=0)]).astype(np.float32)


def log_mel(waveform: np.ndarray, bins: int = 80) -> np.ndarray:
    """Kaldi log mel energies ``(frames, bins)`` of a waveform ``(samples,)`` in [-1, 1].

    Whole frames only (Kaldi's ``snip_edges``): ``1 + (samples - 400) // 160``.
    """
    ensure_torchaudio()
    import torch
    from torchaudio.compliance import kaldi

    waveform = np.asarray(waveform, dtype=np.float32)
    n_frames = 1 + (len(waveform) - FRAME_SAMPLES) // HOP_SAMPLES
    blocks = []
    for start in range(0, n_frames, BLOCK_FRAMES):
        last = min(start + BLOCK_FRAMES, n_frames) - 1
        block = waveform[start * HOP_SAMPLES : last * HOP_SAMPLES + FRAME_SAMPLES]
        with torch.inference_mode():
            frames = kaldi.fbank(
                torch.from_numpy(block * 32768.0)[None],
                num_mel_bins=bins,
                frame_length=25.0,
                frame_shift=10.0,
                sample_frequency=float(SAMPLE_RATE),
                dither=0.0,
            )
        blocks.append(frames.numpy())
    return np.concatenate(blocks)


def load(card: UpstreamCard, folder: Path | None = None) -> FbankEncoder:
    """The encoder of a card; option ``bins`` (80).

    Raises:
        CardError: an option is unknown or out of range.
    """
    bins = read_options(card, {"bins": 80})["bins"]
    if not 1 <= bins <= 120:
        # From about 128 on the lowest filter lies between two bins of the spectrum and is empty.
        raise CardError(f"{card.file or card.id}: options.bins: {bins} is not allowed: 1 to 120.")
    return FbankEncoder(bins, card.window)


load.version = VERSION  # pyright: ignore[reportFunctionMemberAccess]  # read by the registry
