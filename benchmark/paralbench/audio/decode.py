"""From a file, or a segment of it, to 16 kHz mono."""

import math
from contextlib import closing
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
import soxr

from paralbench.audio.audit import LONGEST_SECONDS, Flag, UnusableAudioError
from paralbench.audio.meter import Meter
from paralbench.audio.sources import AudioSource, open_source

SAMPLE_RATE = 16_000

# Raise this when a change gives other samples for the same file: kept audio is then decoded anew.
VERSION = 1

# Outside of these the header is damaged: speech has no use for less, sound cards do not do more.
_LOWEST_RATE, _HIGHEST_RATE = 1000, 1_000_000


@dataclass(frozen=True)
class Waveform:
    """Decoded audio.

    Attributes:
        samples: ``(n,)`` float32, mono, at ``sample_rate``; full scale is 1.
        sample_rate: 16,000 per second.
        original_rate: of the file, per second.
        channels: of the file.
        subtype: how the file codes samples, such as ``PCM_16`` or ``aac``.
        flags: words of :data:`~paralbench.audio.audit.FLAGS`.
        detail: remarks for a person; mostly empty.
        decoder: what determines the samples beside the file: our version and the libraries'.
    """

    samples: np.ndarray
    sample_rate: int
    original_rate: int
    channels: int
    subtype: str
    flags: tuple[Flag, ...]
    detail: str
    decoder: str


def decode(
    path: str | PathLike[str], start: float | None = None, end: float | None = None
) -> Waveform:
    """Decode a file, or the segment of it from ``start`` to ``end``, to 16 kHz mono.

    Channels are averaged; resampling is soxr's HQ. A segment is cut at the file's own rate and
    then resampled, as if its owners had distributed it as a file: nothing of the neighbouring
    speech gets in through the resampling filter. (Cutting after resampling gives the same samples
    but for the filter's length, some 2 ms, at either edge.)

    Args:
        path: the file.
        start: seconds from the beginning; None: the beginning. Negative: the beginning, flagged.
        end: seconds from the beginning; None: the end. Beyond the file: its end, flagged.

    Raises:
        UnusableAudioError: an :class:`~paralbench.errors.AudioError` whose ``reason`` is
            ``missing``, ``unreadable``, ``empty``, ``not-finite``, ``silent`` or ``too-long``.
    """
    path = Path(path)
    with closing(open_source(path)) as source:
        name = _decoder_name(source)
        try:
            _check_rate(path, source)
            first, last, clamped = _frame_range(path, source, start, end)
            _check_length(path, source, first, last)
            samples, meter = _collect(path, source, first, last)
            if last is not None and source.frames is None and meter.frames < last - first:
                clamped = True
            _check_content(path, source, samples, meter)
        except UnusableAudioError as error:
            error.original_rate, error.channels = source.rate, source.channels
            error.decoder = name
            raise
        flags: dict[Flag, bool] = {
            "clipped": meter.clipped,
            "stereo": source.channels > 1,
            "resampled": source.rate != SAMPLE_RATE,
            "8-bit": meter.eight_bit,
            "segment-clamped": clamped,
        }
        silent = meter.silent_channels()
        return Waveform(
            samples,
            SAMPLE_RATE,
            source.rate,
            source.channels,
            source.subtype,
            tuple(flag for flag, raised in flags.items() if raised),
            f"silent channels: {silent} of {source.channels}" if silent else "",
            name,
        )


def current_decoders() -> frozenset[str]:
    """The values of :attr:`Waveform.decoder` that decoding on this machine can give."""
    from paralbench.audio.ffmpeg import DECODER as FFMPEG
    from paralbench.audio.sndfile import DECODER as SNDFILE

    return frozenset(
        _compose(library, resampled)
        for library in ("", FFMPEG, SNDFILE)
        for resampled in (False, True)
    )


def _decoder_name(source: AudioSource) -> str:
    return _compose(source.decoder, source.rate != SAMPLE_RATE)


def _compose(library: str, resampled: bool) -> str:
    soxr_part = f" soxr-{soxr.__version__}" if resampled else ""
    return f"{VERSION} {library}{soxr_part}"


def _check_rate(path: Path, source: AudioSource) -> None:
    if not _LOWEST_RATE <= source.rate <= _HIGHEST_RATE:
        raise UnusableAudioError(
            path, "unreadable", f"its header claims a sampling rate of {source.rate} Hz"
        )


def _frame_range(
    path: Path, source: AudioSource, start: float | None, end: float | None
) -> tuple[int, int | None, bool]:
    """A segment in frames of the file: first, last (None: to the end), and whether it was clamped.

    Raises:
        UnusableAudioError: ``empty``.
    """
    start = 0.0 if start is None or math.isnan(start) else start
    end = None if end is None or math.isnan(end) or end == math.inf else end
    if end is not None and start >= end:
        raise UnusableAudioError(
            path, "empty", f"the segment starts at {start} s and ends at {end} s"
        )
    first = round(max(start, 0.0) * source.rate)
    last = None if end is None else max(round(end * source.rate), 0)
    clamped = start < 0
    if source.frames is not None:
        length = source.frames / source.rate
        if source.frames == 0:
            raise UnusableAudioError(path, "empty", "the file holds no samples")
        if first >= source.frames:
            raise UnusableAudioError(
                path, "empty", f"the segment starts at {start} s, the file ends at {length:.3f} s"
            )
        if last is not None and last > source.frames:
            last, clamped = source.frames, True
    if last is not None and first >= last:
        raise UnusableAudioError(
            path, "empty", f"the segment from {start} to {end} s holds no sample"
        )
    return first, last, clamped


def _check_length(path: Path, source: AudioSource, first: int, last: int | None) -> None:
    """Refuse hours of audio before decoding them."""
    if last is not None:
        seconds = (last - first) / source.rate
        if source.expected_seconds is not None:
            seconds = min(seconds, source.expected_seconds)
    elif source.expected_seconds is not None:
        seconds = source.expected_seconds - first / source.rate
    else:
        return
    if seconds > LONGEST_SECONDS:
        raise _too_long(path, f"{seconds / 3600:.2f} hours")


def _too_long(path: Path, length: str) -> UnusableAudioError:
    return UnusableAudioError(
        path,
        "too-long",
        f"{length} in one utterance, at most {LONGEST_SECONDS / 3600:g} are decoded; give segments "
        "by start and end",
    )


def _collect(
    path: Path, source: AudioSource, first: int, last: int | None
) -> tuple[np.ndarray, Meter]:
    """Decode, meter, mix and resample block by block."""
    meter = Meter(source.channels, source.subtype)
    stream = None
    if source.rate != SAMPLE_RATE:
        stream = soxr.ResampleStream(source.rate, SAMPLE_RATE, 1, dtype="float32", quality="HQ")
    parts = []
    for block in source.blocks(first, last):
        mono = _mix(block)
        meter.update(block, mono)
        if not meter.finite:
            break
        if meter.frames > LONGEST_SECONDS * source.rate:
            raise _too_long(path, f"more than {LONGEST_SECONDS / 3600:g} hours")
        parts.append(mono if stream is None else stream.resample_chunk(mono))
    if stream is not None:
        parts.append(stream.resample_chunk(np.zeros(0, np.float32), last=True))
    samples = parts[0] if len(parts) == 1 else np.concatenate([np.zeros(0, np.float32), *parts])
    return samples, meter


def _mix(block: np.ndarray) -> np.ndarray:
    """The mean of the channels, ``(frames,)`` float32."""
    if block.shape[1] == 1:
        return np.ascontiguousarray(block[:, 0])
    # Column by column: many times faster than a mean over the short axis.
    with np.errstate(invalid="ignore", over="ignore"):  # the meter reports what is not finite
        mono = block[:, 0] + block[:, 1]
        for channel in range(2, block.shape[1]):
            mono += block[:, channel]
        mono /= block.shape[1]
    return mono


def _check_content(path: Path, source: AudioSource, samples: np.ndarray, meter: Meter) -> None:
    if not meter.finite:
        raise UnusableAudioError(path, "not-finite", "it holds NaN or infinite samples")
    if meter.frames == 0 or len(samples) == 0:
        raise UnusableAudioError(path, "empty", "no sample could be decoded")
    if meter.mix_is_silent():
        detail = meter.describe_mix()
        if len(meter.silent_channels()) < source.channels:
            detail += "; the channels are not silent, but cancel in their mean"
        raise UnusableAudioError(path, "silent", detail)
