"""The frame grid that all contours of an utterance share: 32 ms every 10 ms."""

from collections.abc import Iterator

import numpy as np

FRAME = 512  # samples, 32 ms
HOP = 160  # samples, 10 ms
FRAMES_PER_SECOND = 100.0
BLOCK = 6000  # frames; a minute at a time bounds the memory on long recordings


def count_frames(samples: int) -> int:
    """Frames of a waveform: whole ones only, and one for a waveform shorter than a frame."""
    return max(1, 1 + (samples - FRAME) // HOP)


def spans(waveform: np.ndarray, width: int) -> Iterator[np.ndarray]:
    """The samples under each block of frames, for windows of ``width`` centred on the frames.

    Args:
        waveform: ``(samples,)``.
        width: at least ``FRAME``; beyond both ends of the waveform there are zeros.

    Yields:
        Waveforms of ``(n - 1) * HOP + width`` samples that hold the windows of ``n`` frames each.
    """
    n_frames = count_frames(len(waveform))
    before = (width - FRAME) // 2
    padded = np.zeros((n_frames - 1) * HOP + width, dtype=waveform.dtype)
    kept = waveform[: len(padded) - before]
    padded[before : before + len(kept)] = kept
    for start in range(0, n_frames, BLOCK):
        stop = min(start + BLOCK, n_frames)
        yield padded[start * HOP : (stop - 1) * HOP + width]


def windows(span: np.ndarray, width: int) -> np.ndarray:
    """The windows ``(frames, width)`` of a span, as a read-only view."""
    return np.lib.stride_tricks.sliding_window_view(span, width)[::HOP]
