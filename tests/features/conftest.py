"""A small corpus of noise in the audio cache, and encoders whose behaviour is known exactly."""

import importlib
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from paralbench.audio.cache import AudioCache
from paralbench.audio.segments import Segment
from paralbench.features.store import FeatureStore

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def fakes():
    """The module of encoders; processes that are started find it under the same name."""
    sys.path.append(str(HERE))
    try:
        yield importlib.import_module("fake_encoders")
    finally:
        sys.path.remove(str(HERE))


@pytest.fixture(autouse=True, scope="package")
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@dataclass(frozen=True)
class Noise:
    """Utterances of noise."""

    cache: AudioCache
    contents: list[str]  # in the order of the utterances, which is not that of the lengths
    waveforms: dict[str, np.ndarray]

    @property
    def lengths(self) -> dict[str, int]:
        return {content: len(waveform) for content, waveform in self.waveforms.items()}


def make_noise(folder: Path, samples: list[int], seed: int = 0) -> Noise:
    """Write noise of these lengths to files, and decode them into a cache."""
    random = np.random.default_rng(seed)
    audio = folder / "corpus"
    audio.mkdir(parents=True)
    requests = []
    for number, length in enumerate(samples):
        wave = random.normal(0.02, random.uniform(0.01, 0.1), length).clip(-1, 1)
        soundfile.write(audio / f"{number}.wav", wave, 16_000, subtype="PCM_16")
        requests.append(Segment(str(number), f"{number}.wav"))
    cache = AudioCache(folder / "audio")
    frame = cache.prepare(audio, requests)
    assert frame["reason"].isna().all()
    contents = frame["content"].tolist()
    return Noise(cache, contents, {content: cache.waveform(content) for content in contents})


@pytest.fixture(scope="session")
def noise(tmp_path_factory) -> Noise:
    """Forty utterances of 0.05 to 2 s; ten share their length with another."""
    random = np.random.default_rng(1)
    samples = random.integers(800, 32_000, 35).tolist()
    return make_noise(tmp_path_factory.mktemp("noise"), [*samples, *samples[:5]])


@pytest.fixture(scope="session")
def noise_of():
    """Make a corpus with utterances of given lengths in samples: ``noise_of(folder, samples)``."""
    return make_noise


@pytest.fixture
def store(tmp_path) -> FeatureStore:
    return FeatureStore(tmp_path / "features")


@pytest.fixture
def description() -> dict:
    return {"family": "fake", "version": 1, "weights": "0" * 64, "variant": "plain", "options": {}}
