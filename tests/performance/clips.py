"""Clips of noise in an audio cache, for measurements whose result depends on lengths alone."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile

from paralbench.audio.cache import AudioCache
from paralbench.audio.segments import Segment
from paralbench.upstreams.base import SAMPLE_RATE


def make_cache(folder: Path, samples: Sequence[int], seed: int = 0) -> tuple[AudioCache, list[str]]:
    """Decoded noise of these lengths, and its content keys in the same order."""
    random = np.random.default_rng(seed)
    audio = folder / "clips"
    audio.mkdir(parents=True)
    segments = []
    for number, length in enumerate(samples):
        wave = random.normal(0, 0.1, length).clip(-1, 1)
        soundfile.write(audio / f"{number}.wav", wave, SAMPLE_RATE, subtype="PCM_16")
        segments.append(Segment(str(number), f"{number}.wav"))
    cache = AudioCache(folder / "audio")
    frame = cache.prepare(audio, segments)
    assert frame["reason"].isna().all()
    return cache, frame["content"].tolist()
