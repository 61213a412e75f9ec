"""A made-up corpus of MSP-Podcast's size in a store on the disk, and cells that are run on it.

``python -m tests.performance.large make FOLDER N`` fills the store; ``... cell FOLDER N RECIPE``
runs a cell of it and prints as JSON what that took. Features are of low rank with noise, and carry
class and speaker, so that there is something to be learned; they lie in the store in an order of
their own, as after an extraction by length.
"""

import hashlib
import json
import os
import resource
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from paralbench.cards import TaskCard, load_catalogue
from paralbench.features.store import FeatureSpace, FeatureStore
from paralbench.probes.recipes import RECIPES, Recipe
from paralbench.runner import cell as cells
from paralbench.runner import reading
from paralbench.runner.data import AUDIT_COLUMNS, CorpusData
from paralbench.runner.plan import Cell
from paralbench.runner.problem import Problem, within
from paralbench.runner.request import Request
from paralbench.runner.shared_training import SharedTraining
from paralbench.tables import RunFolder

LAYERS = int(os.environ.get("PARALBENCH_LAYERS", "25"))
DIM = int(os.environ.get("PARALBENCH_DIM", "1024"))
EMOTIONS = ("neutral", "happy", "angry", "sad", "contempt", "surprise", "disgust", "fear")
SHARES = (0.38, 0.24, 0.14, 0.09, 0.05, 0.04, 0.03, 0.03)
PARTS = {"train": 0.638, "development": 0.128, "test": 0.234}
TURNS, RANK, SHARD = 100, 48, 640  # of a speaker; of the features; utterances
GIB = 2**30


def frame_of(n: int) -> pd.DataFrame:
    """The manifest rows of so many turns, in the order of their names."""
    rng = np.random.default_rng(0)
    rows = np.arange(n)
    speaker = rows // TURNS
    at = speaker / (speaker[-1] + 1)
    bounds = np.cumsum(list(PARTS.values()))[:-1]
    return pd.DataFrame(
        {
            "corpus": "msp-podcast",
            "utterance": [f"MSP-PODCAST_{row // 50:04d}_{row % 50:04d}" for row in rows],
            "speaker": [str(one) for one in speaker],
            "session": None,
            "gender": np.where(speaker % 2, "female", "male"),
            "language": "en",
            "split": np.array(list(PARTS))[np.searchsorted(bounds, at, side="right")],
            "content": [hashlib.sha256(str(row).encode()).hexdigest() for row in rows],
            "seconds": 5.0,
            "emotion": rng.choice(EMOTIONS, n, p=SHARES),
        }
    )


def space_of(folder: Path) -> FeatureSpace:
    """The space of the made-up features."""
    return FeatureStore(folder).space({"family": "made up", "layers": LAYERS, "dim": DIM})


def make(folder: Path, n: int) -> float:
    """Fill the store, shard by shard; the seconds it took."""
    rng = np.random.default_rng(1)
    frame, space = frame_of(n), space_of(folder)
    labels = pd.Categorical(frame["emotion"], EMOTIONS).codes
    speakers = frame["speaker"].to_numpy(dtype=np.int64)
    basis = rng.standard_normal((RANK, LAYERS * DIM), dtype=np.float32)
    of_class = 0.5 * rng.standard_normal((len(EMOTIONS), RANK), dtype=np.float32)
    of_speaker = 0.5 * rng.standard_normal((speakers[-1] + 1, RANK), dtype=np.float32)
    order, contents = rng.permutation(n), frame["content"].to_numpy()
    started = time.perf_counter()
    for start in range(0, n, SHARD):
        rows = order[start : start + SHARD]
        factors = rng.standard_normal((len(rows), RANK), dtype=np.float32)
        factors += of_class[labels[rows]] + of_speaker[speakers[rows]]
        mean = factors @ basis
        mean += 3 * rng.standard_normal(mean.shape, dtype=np.float32)
        space.append(list(contents[rows]), mean.reshape(-1, LAYERS, DIM), np.full(len(rows), 250))
    return time.perf_counter() - started


def problem_of(n: int) -> Problem:
    """Eight emotions, in the owners' parts."""
    catalogue = load_catalogue()
    card = TaskCard.build(
        {
            "name": "Emotion in podcasts, eight classes",
            "corpus": "msp-podcast",
            "label": "emotion",
            "target": "classes",
            "classes": list(EMOTIONS),
            "split": {"protocol": "official"},
            "metrics": ["uar", "wa", "macro-f1"],
            "span": "short",
        },
        id="msp-podcast-emotion-8",
    )
    audit = pd.DataFrame(columns=AUDIT_COLUMNS)
    return within(card, CorpusData(catalogue.corpora.get("msp-podcast"), frame_of(n), audit))


class Watch:
    """The memory of this process, looked at every tenth of a second on another thread."""

    def __init__(self) -> None:
        self.anonymous, self._stop = 0, threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        while not self._stop.wait(0.1):
            self.anonymous = max(self.anonymous, status("RssAnon"))

    def stop(self) -> dict[str, float]:
        """Peaks in GiB: of anonymous memory, and of all that was resident, mapped files too."""
        self._stop.set()
        self._thread.join()
        return {"anonymous": self.anonymous / GIB, "resident": status("VmHWM") / GIB}


def status(name: str) -> int:
    """Bytes, from what Linux says of this process."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise KeyError(name)


def timed(function: Callable, seconds: dict[str, float], name: str) -> Callable:
    """The function, with the time that its calls take added up."""

    def call(*given, **named):
        started = time.perf_counter()
        try:
            return function(*given, **named)
        finally:
            seconds[name] = seconds.get(name, 0.0) + time.perf_counter() - started

    return call


def run(folder: Path, n: int, recipe: Recipe, seeds: int | None = None) -> dict:
    """Run one cell to its written tables under a limit on memory; what that took.

    The limit is on what the kernel calls data, all private memory that can be written, and an
    allocation beyond it fails. Pages of files are not in it: the system takes them back.
    """
    limit = int(os.environ.get("PARALBENCH_MEMORY_GIB", "8"))
    resource.setrlimit(resource.RLIMIT_DATA, (limit * GIB, limit * GIB))
    seconds: dict[str, float] = {}
    watch, started = Watch(), time.perf_counter()
    request = Request(upstreams=("made-up",), device="cpu", seeds=seeds)
    problem, space = problem_of(n), space_of(folder)
    seconds["problem and store"] = time.perf_counter() - started
    cells.get_recipe = lambda _: recipe
    reading.read_means = timed(reading.read_means, seconds, "means")
    cells.train_rounds = timed(cells.train_rounds, seconds, "means and probes")
    cell = Cell("within", problem.card.id, "", "", "made-up", recipe.name, "none", ("msp-podcast",))
    shared = SharedTraining([(cell, problem)])
    context = cells.Context(load_catalogue(), request, None, space, shared)
    tables = cells.run_cell(cell, "made-up", problem, context)
    started_writing = time.perf_counter()
    RunFolder(folder / f"run-{recipe.name}").write("made-up", tables)
    seconds["writing"] = time.perf_counter() - started_writing
    seconds["all"] = time.perf_counter() - started
    scores = tables["scores"]
    pooled = scores[(scores["seed"] == "mean") & (scores["metric"] == "uar")]
    return {
        "seconds": seconds,
        **watch.stop(),
        "limit": limit,
        "uar": float(pooled["value"].max()),
        "predictions": len(tables["predictions"]),
    }


def main(what: str, folder: str, n: str, name: str = "", changes: str = "{}") -> dict:
    """What the command line asks for."""
    torch.set_num_threads(os.cpu_count() or 1)
    if what == "make":
        return {"seconds": make(Path(folder), int(n))}
    given = json.loads(changes)
    seeds = given.pop("seeds", None)
    given = {key: tuple(one) if isinstance(one, list) else one for key, one in given.items()}
    return run(Path(folder), int(n), replace(RECIPES[name], **given), seeds)


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
