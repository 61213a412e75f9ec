"""Opening audio files: libsndfile first, FFmpeg through PyAV for what it refuses."""

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import numpy as np

from paralbench.audio.audit import UnusableAudioError

# Frames per block: a minute at 16 kHz, so that nearly every utterance is one block, and hours of
# audio never lie in memory at their original rate.
BLOCK_FRAMES = 1 << 20

# Encoders round lengths up to their frames; what is missing beyond this is damage.
TRUNCATION_SECONDS = 0.1


class AudioSource(Protocol):
    """An open file.

    Attributes:
        rate: samples per second.
        channels: the number of channels.
        subtype: how samples are coded, in libsndfile's words or FFmpeg's codec name.
        frames: samples per channel; None where only decoding tells.
        expected_seconds: the length as the header has it, perhaps not exact; None if it has none.
        decoder: name and version of the library.
    """

    rate: int
    channels: int
    subtype: str
    frames: int | None
    expected_seconds: float | None
    decoder: str

    def blocks(self, first: int, last: int | None) -> Iterator[np.ndarray]:
        """Frames ``first`` up to but without ``last`` (None: to the end), in blocks.

        Yields:
            ``(frames, channels)`` float32, at most :data:`BLOCK_FRAMES`; fewer frames than asked
            for where the file ends earlier.

        Raises:
            UnusableAudioError: ``unreadable``: the file is damaged or truncated.
        """
        ...

    def close(self) -> None:
        """Close the file."""
        ...


class RefusedError(Exception):
    """A library does not open this file; the message says why."""


def open_source(path: Path) -> AudioSource:
    """Open an audio file with the first library that takes it.

    Raises:
        UnusableAudioError: ``missing``, ``empty`` (zero bytes) or ``unreadable``.
    """
    _check(path)
    from paralbench.audio.sndfile import SndfileSource

    try:
        return SndfileSource(path)
    except RefusedError as first_refusal:
        from paralbench.audio.ffmpeg import FfmpegSource

        try:
            return FfmpegSource(path)
        except RefusedError as second_refusal:
            detail = _hint(path) or (
                f"libsndfile says: {first_refusal}; FFmpeg says: {second_refusal}"
            )
            raise UnusableAudioError(path, "unreadable", detail) from second_refusal


def _check(path: Path) -> None:
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise UnusableAudioError(path, "missing", "no such file") from None
    except OSError as error:
        raise UnusableAudioError(path, "unreadable", str(error.strerror)) from error
    if not stat.S_ISREG(found.st_mode):
        raise UnusableAudioError(path, "unreadable", "not a file")
    if found.st_size == 0:
        raise UnusableAudioError(path, "empty", "the file has zero bytes")


def _hint(path: Path) -> str | None:
    """What usually lies where audio should be."""
    try:
        with path.open("rb") as file:
            beginning = file.read(512).lstrip()
    except OSError as error:
        return str(error.strerror)
    if beginning.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer, not audio; run 'git lfs pull' in the corpus"
    if beginning[:14].lower().startswith((b"<!doctype html", b"<html")):
        return "a web page, not audio; the download was refused, fetch the file again"
    if not beginning.strip(b"\0"):
        return "only zero bytes; copy or fetch the file again"
    return None
