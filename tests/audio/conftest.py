"""Made-up audio: everything that a corpus may hold, without a recording in the repository."""

import wave
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from paralbench.audio.cache import AudioCache
from paralbench.audio.segments import Segment


@pytest.fixture(scope="session")
def voice() -> Callable[..., np.ndarray]:
    """A voice-like sound ``(n,)`` float32: harmonics of a gliding pitch, in syllables.

    Nearly all its energy is below 3 kHz, so that 8 kHz copies hold the same sound. The samples are
    exact multiples of 1/32768.
    """

    def make(rate: int = 16_000, seconds: float = 1.0, seed: int = 0) -> np.ndarray:
        rng = np.random.default_rng(seed)
        time = np.arange(round(rate * seconds)) / rate
        pitch = rng.uniform(90, 220)
        phase = 2 * np.pi * (pitch * time + 8 * np.sin(2 * np.pi * 0.7 * time))
        sound = sum(np.sin(n * phase + rng.uniform(0, 6)) / n for n in range(1, 10))
        sound = sound * (0.55 + 0.45 * np.sin(2 * np.pi * 4 * time + rng.uniform(0, 6)))
        return (np.round(0.4 * sound / np.abs(sound).max() * 32768) / 32768).astype("float32")

    return make


@pytest.fixture(scope="session")
def write() -> Callable[..., Path]:
    """Writes samples ``(n,)`` or ``(n, channels)`` with libsndfile."""

    def write_file(path: Path, samples: np.ndarray, rate: int = 16_000, **how: str) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, samples, rate, **how)
        return path

    return write_file


@pytest.fixture(scope="session")
def write_with_ffmpeg() -> Callable[..., Path]:
    """Writes mono samples with FFmpeg: m4a, mp4, aac."""

    def write_file(
        path: Path,
        samples: np.ndarray,
        rate: int = 16_000,
        codec: str = "aac",
        container: str | None = None,
    ) -> Path:
        with av.open(str(path), "w", format=container) as file:
            stream = file.add_stream(codec, rate=rate, layout="mono")
            frame = av.AudioFrame.from_ndarray(samples[None, :], format="fltp", layout="mono")
            frame.sample_rate, frame.pts = rate, 0
            for packet in (*stream.encode(frame), *stream.encode(None)):
                file.mux(packet)
        return path

    return write_file


@pytest.fixture(scope="session")
def read_wave() -> Callable[[Path], np.ndarray]:
    """16-bit wav read by Python's own module: ``(n, channels)`` float64."""

    def read(path: Path) -> np.ndarray:
        with wave.open(str(path)) as file:
            data = np.frombuffer(file.readframes(file.getnframes()), "<i2")
            return data.reshape(-1, file.getnchannels()) / 32768

    return read


@pytest.fixture
def cache(tmp_path: Path) -> AudioCache:
    """An empty cache."""
    return AudioCache(tmp_path / "cache", workers=2)


@pytest.fixture
def corpus(tmp_path: Path, voice, write) -> Path:
    """Twelve short wav files, 00.wav to 11.wav."""
    for number in range(12):
        write(
            tmp_path / "corpus" / f"{number:02}.wav", voice(seconds=0.2 + number / 50, seed=number)
        )
    return tmp_path / "corpus"


@pytest.fixture(scope="session")
def requests_for() -> Callable[[Path], list[Segment]]:
    """One request for each file of a folder, sorted."""

    def make(root: Path) -> list[Segment]:
        files = sorted(path for path in root.rglob("*") if path.is_file())
        return [Segment(path.stem, path.relative_to(root).as_posix()) for path in files]

    return make
