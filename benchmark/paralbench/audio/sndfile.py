"""Files that libsndfile reads: wav, flac, ogg, opus, mp3, NIST SPHERE, aiff, GSM and more."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

from paralbench.audio.audit import UnusableAudioError
from paralbench.audio.sources import BLOCK_FRAMES, TRUNCATION_SECONDS, RefusedError

DECODER = f"libsndfile-{soundfile.__libsndfile_version__}"

# libsndfile's log where a wav header promises more than the file holds.
_PROMISE = re.compile(r"^\s*data : (\d+) \(should be (\d+)\)", re.MULTILINE)
# Programs that write to a pipe cannot know the length and promise about 2 or 4 GiB.
_STREAMED_BYTES = 0x7F000000
# Decoders that carry state from frame to frame begin this much before the first wanted sample:
# after 0.1 s mp3 is what it is without seeking, after 2 s Opus.
_PREROLL_SECONDS = 4
_STATEFUL = ("OPUS", "MPEG_LAYER_I", "MPEG_LAYER_II", "MPEG_LAYER_III")
# An unknown length is given as the largest number.
_UNKNOWN_FRAMES = 1 << 62


class _SequentialFile(soundfile.SoundFile):
    """Seeks only when told to.

    soundfile seeks to where it is after each read of a file that it can seek in. Decoders with
    state lose it then, and the next block of an mp3 begins with a disturbance; others lose time.
    """

    sequential = False

    def seekable(self) -> bool:
        return not self.sequential and super().seekable()


class SndfileSource:
    """See :class:`~paralbench.audio.sources.AudioSource`."""

    decoder = DECODER

    def __init__(self, path: Path):
        self._path = path
        try:
            self._file = _SequentialFile(str(path))
        except soundfile.LibsndfileError as error:
            raise RefusedError(error.error_string.rstrip(".")) from error
        if self._file.frames >= _UNKNOWN_FRAMES:
            # A FLAC stream of unknown length: libsndfile fails at its end, FFmpeg does not.
            self._file.close()
            raise RefusedError("the header does not say how long it is")
        self.rate: int = self._file.samplerate
        self.channels: int = self._file.channels
        self.subtype: str = self._file.subtype
        self._length: int = self._file.frames
        self.frames: int | None = self._length
        self.expected_seconds: float | None = self._length / self.rate

    def blocks(self, first: int, last: int | None) -> Iterator[np.ndarray]:
        """See :meth:`~paralbench.audio.sources.AudioSource.blocks`."""
        last = self._length if last is None else min(last, self._length)
        if last == self._length:
            self._check_promise()
        position = 0
        try:
            if first and self._file.seekable():
                preroll = _PREROLL_SECONDS * self.rate if self.subtype in _STATEFUL else 0
                position = self._file.seek(max(first - preroll, 0))
            self._file.sequential = True
            while position < last:
                # What lies before is read and dropped: the preroll, or, as GSM and G.721 cannot
                # seek, everything.
                until = last if position >= first else first
                count = min(until - position, BLOCK_FRAMES)
                block = self._file.read(count, dtype="float32", always_2d=True)
                if not len(block):
                    break
                if position >= first:
                    yield block
                position += len(block)
        except soundfile.LibsndfileError as error:
            raise self._damaged(error.error_string.rstrip(".")) from error
        if (last - position) / self.rate > TRUNCATION_SECONDS:
            raise self._damaged(
                f"it ends after {position / self.rate:.2f} of {self._length / self.rate:.2f} s"
            )

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _check_promise(self) -> None:
        """Refuse a wav file that was cut off: libsndfile itself takes what is there."""
        if self._file.format not in ("WAV", "WAVEX"):
            return
        found = _PROMISE.search(self._file.extra_info)
        if not found:
            return
        promised, there = int(found[1]), int(found[2])
        seconds = self._length / self.rate
        lacking = seconds * (promised / there - 1) if there else float("inf")
        if promised < _STREAMED_BYTES and lacking > TRUNCATION_SECONDS:
            raise self._damaged(f"it holds {there} of the {promised} bytes that its header says")

    def _damaged(self, what: str) -> UnusableAudioError:
        return UnusableAudioError(
            self._path, "unreadable", f"damaged ({what}); copy or fetch the file again"
        )
