"""What a recording's own samples say about it, before mixing and resampling change them."""

import numpy as np

from paralbench.audio.audit import CLIPPED_RUN, SILENCE_PEAK

# The largest value a coding can express, where it is not that of 16 bits (G.711 for the companded).
_FULL_SCALE = {
    "PCM_U8": 127 / 128,
    "PCM_S8": 127 / 128,
    "pcm_u8": 127 / 128,
    "ULAW": 32124 / 32768,
    "pcm_mulaw": 32124 / 32768,
    "ALAW": 32256 / 32768,
    "pcm_alaw": 32256 / 32768,
}
_EIGHT_BIT = ("PCM_U8", "PCM_S8", "pcm_u8", "pcm_s8")


class Meter:
    """Levels, clipping and silence of each channel, block by block.

    Attributes:
        frames: seen so far.
        clipped: a channel has a run of samples at full scale.
        finite: no NaN or infinity so far.
    """

    def __init__(self, channels: int, subtype: str):
        self.frames = 0
        self.clipped = False
        self.finite = True
        self.eight_bit = subtype in _EIGHT_BIT
        self._full_scale = _FULL_SCALE.get(subtype, 32767 / 32768)
        # The last row is the mono mix, which of one channel is the channel.
        rows = 1 if channels == 1 else channels + 1
        self._low = np.full(rows, np.inf, np.float32)
        self._high = np.full(rows, -np.inf, np.float32)
        self._tails = [np.zeros(0, bool)] * channels

    def update(self, block: np.ndarray, mono: np.ndarray) -> None:
        """Take in a block ``(frames, channels)`` and its mix ``(frames,)``."""
        self.frames += len(block)
        rows = (mono,) if block.shape[1] == 1 else (*block.T, mono)
        for number, samples in enumerate(rows):
            # NaN spreads through minimum and maximum, so these four also tell finiteness.
            low, high = samples.min(), samples.max()
            self.finite = self.finite and bool(np.isfinite(low) and np.isfinite(high))
            self._low[number] = min(self._low[number], low)
            self._high[number] = max(self._high[number], high)
            if number < len(self._tails) and not self.clipped:
                self._find_clipping(number, samples, max(high, -low))

    def silent_channels(self) -> list[int]:
        """The channels that hold no sound, counted from 1."""
        return [n + 1 for n in range(len(self._tails)) if self._swing(n) < SILENCE_PEAK]

    def mix_is_silent(self) -> bool:
        """Whether the mono mix holds no sound."""
        return self._swing(-1) < SILENCE_PEAK

    def describe_mix(self) -> str:
        """The level of the mono mix, in decibels of full scale."""
        swing = self._swing(-1)
        return f"peak {20 * np.log10(swing):.1f} dBFS" if swing > 0 else "all samples are equal"

    def _swing(self, number: int) -> float:
        """Half the distance between extremes: the peak without a constant offset."""
        return float(self._high[number] - self._low[number]) / 2

    def _find_clipping(self, channel: int, samples: np.ndarray, peak: float) -> None:
        if peak < self._full_scale:
            self._tails[channel] = np.zeros(0, bool)
            return
        full = np.concatenate([self._tails[channel], np.abs(samples) >= self._full_scale])
        runs = full[: len(full) - CLIPPED_RUN + 1].copy()
        for shift in range(1, CLIPPED_RUN):
            runs &= full[shift : shift + len(runs)]
        self.clipped = bool(runs.any())
        self._tails[channel] = full[-(CLIPPED_RUN - 1) :]
