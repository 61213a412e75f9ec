"""Made-up voices: harmonics of a pitch with noise, told apart by speaker and by class."""

import zlib
from pathlib import Path

import numpy as np
import soundfile

RATE = 16_000


def write_voice(
    file: Path,
    speaker: str = "",
    sound: str = "",
    seconds: float = 0.3,
    rate: int = RATE,
    channels: int = 1,
    **written: str,
) -> Path:
    """Write a short sound; the same name, speaker and sound give the same samples.

    Args:
        file: its suffix chooses the format.
        speaker: sets the pitch.
        sound: sets the timbre, so that a class can be heard.
        seconds: its length.
        rate: samples per second.
        channels: how many, all alike.
        written: ``format`` and ``subtype``, for soundfile.
    """
    generator = np.random.default_rng(zlib.crc32(f"{file.name} {speaker}".encode()))
    pitch = 100 + zlib.crc32(speaker.encode()) % 120
    tilt = 0.5 + zlib.crc32(sound.encode()) % 1000 / 500
    time = np.arange(max(1, round(seconds * rate))) / rate
    tone = sum(np.sin(2 * np.pi * pitch * k * time) / k**tilt for k in range(1, 8))
    samples = 0.05 * tone + 0.01 * generator.standard_normal(len(time))
    file.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(file, np.stack([samples] * channels, axis=1), rate, **written)
    return file
