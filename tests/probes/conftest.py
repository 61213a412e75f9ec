"""Made-up features whose classes are known."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from paralbench.probes.target import Target
from paralbench.splits.develop import development


@dataclass
class Corpus:
    """Features ``(n, layers, dim)``, class indices, speakers; the last ones are the test part."""

    features: np.ndarray
    labels: np.ndarray
    speakers: np.ndarray
    train: np.ndarray
    test: np.ndarray
    n_classes: int

    @property
    def target(self) -> Target:
        return Target.of_classes(self.labels, self.n_classes)

    def draw(self, seed: int) -> tuple[np.ndarray, np.ndarray]:
        names = [f"class {label}" for label in self.labels]
        frame = pd.DataFrame({"speaker": self.speakers, "target": names}, dtype="string")
        return development(frame, self.train, "target", 0.2, seed)


@pytest.fixture
def corpus() -> Callable[..., Corpus]:
    def make(
        seed: int = 0,
        *,
        speakers: int = 10,
        clips: int = 30,
        layers: int = 1,
        dim: int = 20,
        n_classes: int = 3,
        signal: float = 0.6,
        layer: int = 0,
        shares: tuple[float, ...] | None = None,
    ) -> Corpus:
        rng = np.random.default_rng(seed)
        n = speakers * clips
        labels = rng.choice(n_classes, n, p=shares)
        labels[:: clips + 1] = np.arange(len(labels[:: clips + 1])) % n_classes
        features = rng.normal(size=(n, layers, dim))
        features[:, layer] += signal * rng.normal(size=(n_classes, dim))[labels]
        features = 5 + 3 * features  # neither centred nor of unit variance
        names = np.repeat([f"s{i:02}" for i in range(speakers)], clips)
        test = np.isin(names, [f"s{i:02}" for i in range(speakers - 3, speakers)])
        return Corpus(
            features.astype(np.float32),
            labels,
            names,
            np.flatnonzero(~test),
            np.flatnonzero(test),
            n_classes,
        )

    return make
