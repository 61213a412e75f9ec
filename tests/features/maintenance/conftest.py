"""Homes with features that cards make, or no longer make."""

import dataclasses
import functools
import hashlib
from pathlib import Path

import numpy as np
import pytest

from paralbench.audio.cache import AudioCache
from paralbench.audio.segments import Segment
from paralbench.cards import Catalogue, load_catalogue
from paralbench.features.keys import space_description
from paralbench.features.store import FeatureSpace, FeatureStore
from paralbench.upstreams.registry import FAMILIES

NOTHING = hashlib.sha256(b"").hexdigest()


@functools.cache
def shipped() -> Catalogue:
    """The cards of this package."""
    return load_catalogue()


def contents(numbers) -> list[str]:
    return [hashlib.sha256(str(number).encode()).hexdigest() for number in numbers]


def assert_heard(home: Path, noise) -> None:
    """The decoded audio is in a home, and its corpus needs no decoding there."""
    cache = AudioCache(home / "audio")
    for content in noise.contents[:3]:
        np.testing.assert_array_equal(cache.waveform(content), noise.waveforms[content])
    told = []
    root = noise.cache.folder.parent / "corpus"
    frame = cache.prepare(root, [Segment("0", "0.wav")], lambda *done: told.append(done))
    assert frame["content"].tolist() == noise.contents[:1]
    assert told == []  # nothing was decoded


@dataclasses.dataclass(frozen=True)
class Filled:
    """A home, and how its spaces are filled with numbers."""

    home: Path

    def space(self, **changes) -> FeatureSpace:
        """The space of the card ``fbank``, with some of its description changed."""
        card = shipped().upstreams.get("fbank")
        made_by = {
            "family": "fbank",
            "family_version": FAMILIES.get("fbank").version,
            "weights": NOTHING,
            "variant": card.variant,
            "options": dict(card.options),
        }
        pooling = changes.pop("pooling", None)
        description = space_description({**made_by, **changes}, precision="fp32")
        if pooling:
            description["pooling"] = pooling
        return FeatureStore(self.home / "features").space(description)

    def fill(self, numbers, moments=False, **changes) -> FeatureSpace:
        """Store rows that follow from their numbers, two in a shard."""
        space, numbers = self.space(**changes), list(numbers)
        for begin in range(0, len(numbers), 2):
            some = np.array(numbers[begin : begin + 2])
            mean = some[:, None, None] + np.zeros((1, 2, 3))
            packed = some[:, None, None] + np.zeros((1, 3, 3)) if moments else None
            space.append(contents(some), mean, some + 1, packed)
        return space

    def files(self) -> dict[str, bytes]:
        """Every file and what is in it."""
        found = sorted(path for path in self.home.rglob("*") if path.is_file())
        return {str(path.relative_to(self.home)): path.read_bytes() for path in found}


@pytest.fixture
def filled(tmp_path):
    """Make a home by name."""
    return lambda name="home": Filled(tmp_path / name)


@pytest.fixture
def numbers_of():
    """The numbers that are stored in a space; checks their rows."""

    def read(space: FeatureSpace, most: int = 60) -> list[int]:
        space.refresh()
        lacking = set(space.missing(contents(range(most))))
        found = [number for number, one in enumerate(contents(range(most))) if one not in lacking]
        mean = space.mean(contents(found))
        np.testing.assert_array_equal(mean[:, 0, 0], found)
        np.testing.assert_array_equal(space.frames(contents(found)), np.array(found) + 1)
        return found

    return read
