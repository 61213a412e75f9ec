"""What more utterances cost: extraction with a tiny encoder, and a recipe on what it stored.

``python -m tests.performance.growth FOLDER N`` makes the utterances, and without N it prints the
seconds and the memory of both as JSON.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from tests.features.fake_encoders import ConvEncoder
from tests.performance.clips import make_cache
from tests.performance.large import Watch

from paralbench.audio.cache import AudioCache
from paralbench.features.extract import extract
from paralbench.features.store import FeatureStore
from paralbench.probes.inputs import FoldRows, Inputs
from paralbench.probes.recipes import RECIPES
from paralbench.probes.target import Target
from paralbench.probes.train import train_folds

CLASSES, SEEDS = 4, 5


def make(folder: Path, n: int) -> dict[str, int]:
    """Put noise into an audio cache, in a process whose memory is not looked at."""
    lengths = np.random.default_rng(0).integers(3_200, 8_000, n).tolist()
    _, contents = make_cache(folder, lengths)
    (folder / "contents.json").write_text(json.dumps(contents))
    return {"made": len(contents)}


def measure(folder: Path) -> dict[str, float]:
    """Seconds, and anonymous memory in GiB, of the extraction and of discriminant analysis."""
    contents = json.loads((folder / "contents.json").read_text())
    n, cache = len(contents), AudioCache(folder / "audio")
    watch = Watch()
    report = extract(ConvEncoder(), {}, contents, cache, FeatureStore(folder / "features"))
    assert report.encoded == n
    found = {"extract": report.seconds, "extract_memory": watch.stop()["anonymous"]}
    labels = np.random.default_rng(0).integers(0, CLASSES, n)
    parts = np.digitize(np.arange(n) / n, (0.65, 0.8))
    train, development, test = (np.flatnonzero(parts == part) for part in range(3))
    watch, started = Watch(), time.perf_counter()
    train_folds(
        RECIPES["lda"],
        Inputs(report.space.mean(contents)),
        Target.of_classes(labels, CLASSES),
        [FoldRows("f", train, test, ((train, development),) * SEEDS)],
        metric="uar",
    )
    found["probe"] = time.perf_counter() - started
    found["probe_memory"] = watch.stop()["anonymous"]
    return found


def main(folder: str, n: str = "") -> dict:
    """Make so many utterances; without a number, measure those that were made."""
    torch.set_num_threads(1)
    return make(Path(folder), int(n)) if n else measure(Path(folder))


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
