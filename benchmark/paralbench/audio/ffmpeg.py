"""Files that FFmpeg reads through PyAV: m4a, mp4, aac, and what libsndfile refuses."""

from collections.abc import Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
import av.error
import numpy as np

from paralbench.audio.audit import UnusableAudioError
from paralbench.audio.sources import BLOCK_FRAMES, TRUNCATION_SECONDS, RefusedError

DECODER = f"pyav-{av.__version__}"

# Media containers only: playlists and concatenation scripts, which name other files or addresses,
# are not among them. Neither is any protocol but local files.
_FORMATS = (
    "aac,ac3,aiff,amr,amrnb,amrwb,asf,au,avi,caf,flac,flv,mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,"
    "mp3,mpeg,mpegts,nistsphere,ogg,rm,tta,w64,wav,wv"
)
_OPTIONS = {"format_whitelist": _FORMATS, "protocol_whitelist": "file"}

# AAC overlaps its blocks and carries noise and prediction state, so decoding begins a second
# before the first wanted frame.
_PREROLL_SECONDS = 1


class FfmpegSource:
    """See :class:`~paralbench.audio.sources.AudioSource`. Time zero is the first decoded sample."""

    decoder = DECODER
    frames: int | None = None  # headers give it only to the codec's block

    def __init__(self, path: Path):
        self._path = path
        try:
            self._container = av.open(
                f"file:{path}", container_options=_OPTIONS, metadata_errors="replace"
            )
        except (av.error.FFmpegError, ValueError) as error:
            raise RefusedError(_text(error)) from error
        try:
            if not self._container.streams.audio:
                raise RefusedError("it has no audio stream")
            self._stream = self._container.streams.audio[0]
            decoded = self._container.decode(self._stream)
            first = next(decoded, None)
        except av.error.FFmpegError as error:
            self._container.close()
            raise RefusedError(_text(error)) from error
        except RefusedError:
            self._container.close()
            raise
        # Taken from a frame: AAC's spectral band replication doubles the rate of the header.
        self.rate: int = first.sample_rate if first else self._stream.rate
        self.channels: int = first.layout.nb_channels if first else self._stream.channels
        self.subtype: str = self._stream.codec_context.name
        self._decoded = chain([first] if first else [], decoded)
        length, base = self._stream.duration, self._stream.time_base
        self.expected_seconds: float | None = float(length * base) if length and base else None

    def blocks(self, first: int, last: int | None) -> Iterator[np.ndarray]:
        """See :meth:`~paralbench.audio.sources.AudioSource.blocks`."""
        position = 0  # of the next decoded frame
        waiting: list[np.ndarray] = []
        try:
            position = self._seek(first)
            for part in self._arrays():
                begin, end = max(first - position, 0), len(part)
                if last is not None:
                    end = min(end, last - position)
                position += len(part)
                if begin < end:
                    waiting.append(part[begin:end])
                if sum(map(len, waiting)) >= BLOCK_FRAMES:
                    yield from _joined(waiting)
                if last is not None and position >= last:
                    break
        except av.error.FFmpegError as error:
            raise self._damaged(_text(error)) from error
        yield from _joined(waiting)
        self._check_end(position, last)

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    def _seek(self, first: int) -> int:
        """Go to at least the preroll before ``first``; returns the position reached."""
        wanted = first - _PREROLL_SECONDS * self.rate
        base, start = self._stream.time_base, self._stream.start_time
        per_tick = (base or Fraction(0)) * self.rate  # samples
        # Only mp4 and its kin count time in samples and have an exact index.
        if wanted <= 0 or start is None or per_tick.denominator != 1 or not self._is_mp4():
            return 0
        self._container.seek(start + wanted // int(per_tick), stream=self._stream, backward=True)
        decoded = self._container.decode(self._stream)
        landed = next(decoded, None)
        if landed is None or landed.pts is None:
            raise self._damaged("it cannot be searched")
        self._decoded = chain([landed], decoded)
        return (landed.pts - start) * int(per_tick)

    def _arrays(self) -> Iterator[np.ndarray]:
        """Decoded frames, each ``(samples, channels)`` float32."""
        planar = av.AudioResampler(format="fltp")
        for frame in self._decoded:
            if (frame.sample_rate, frame.layout.nb_channels) != (self.rate, self.channels):
                raise self._damaged("the sampling rate or the channels change inside it")
            frames = [frame] if frame.format.name == "fltp" else planar.resample(frame)
            for converted in frames:
                yield converted.to_ndarray().T

    def _check_end(self, position: int, last: int | None) -> None:
        """Refuse an mp4 that was cut off; elsewhere the header's length may be a guess."""
        if self.expected_seconds is None or not self._is_mp4():
            return
        wanted = self.expected_seconds
        if last is not None:
            wanted = min(wanted, last / self.rate)
        if wanted - position / self.rate > TRUNCATION_SECONDS:
            raise self._damaged(
                f"it ends after {position / self.rate:.2f} of {self.expected_seconds:.2f} s"
            )

    def _is_mp4(self) -> bool:
        return "mp4" in self._container.format.name.split(",")

    def _damaged(self, what: str) -> UnusableAudioError:
        return UnusableAudioError(
            self._path, "unreadable", f"damaged ({what}); copy or fetch the file again"
        )


def _joined(waiting: list[np.ndarray]) -> Iterator[np.ndarray]:
    if waiting:
        yield np.concatenate(waiting)
        waiting.clear()


def _text(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
