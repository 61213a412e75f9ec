"""All ordered pairs of eight corpora with made-up features of real layers and dimensions."""

import hashlib
import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from paralbench.cards import CorpusCard, load_catalogue
from paralbench.features.store import FeatureStore
from paralbench.probes.recipes import get_recipe
from paralbench.runner.data import AUDIT_COLUMNS, CorpusData
from paralbench.runner.pairs import transfer_problem
from paralbench.runner.plan import Cell
from paralbench.runner.probing import train_rounds
from paralbench.runner.reading import Features
from paralbench.runner.request import Request
from paralbench.runner.shared_training import SharedTraining
from paralbench.runner.transfer_drops import Ceiling, drop_rows
from paralbench.runner.transfer_predictions import Predicted
from paralbench.runner.transfer_priors import prior_rows
from paralbench.transfer.protocols import ordered_pairs

LABEL, SPEAKERS = "emotion-4", 20
BESIDE = "hubert-base"  # the upstream whose pairs are trained one by one as well


def made_up(utterances: int) -> dict[str, CorpusData]:
    """The eight corpora of the map, each with so many utterances of twenty speakers."""
    catalogue = load_catalogue()
    card = catalogue.harmonised.get(LABEL)
    found = {}
    for domain in card.domains.values():
        (id,) = domain.corpora
        names = list(domain.map)
        rows = np.arange(utterances)
        frame = pd.DataFrame(
            {
                "corpus": id,
                "utterance": [f"{id}-{row}" for row in rows],
                "speaker": [f"s{row % SPEAKERS}" for row in rows],
                "session": None,
                "gender": None,
                "language": "en",
                "split": "train",
                "content": [hashlib.sha256(f"{id} {row}".encode()).hexdigest() for row in rows],
                "seconds": 3.0,
                domain.label or card.label: [names[row // SPEAKERS % 4] for row in rows],
            }
        )
        corpus: CorpusCard = catalogue.corpora.get(id)
        found[id] = CorpusData(corpus, frame, pd.DataFrame(columns=AUDIT_COLUMNS))
    return found


def features_of(data: dict[str, CorpusData], layers: int, dim: int, folder: Path) -> Features:
    """Noise with a little of the class in it, in a store on the disk."""
    space = FeatureStore(folder).space({"layers": layers, "dim": dim})
    card = load_catalogue().harmonised.get(LABEL)
    rng = np.random.default_rng(0)
    centre = 0.1 * rng.standard_normal((4, layers, dim), dtype=np.float32)
    for domain in card.domains.values():
        frame = data[domain.corpora[0]].frame
        classes = [card.classes.index(domain.map[one]) for one in frame[domain.label or card.label]]
        mean = rng.standard_normal((len(frame), layers, dim), dtype=np.float32) + centre[classes]
        space.append(list(frame["content"]), mean, np.full(len(frame), 150))
    return Features(space)


def measure(recipe: str, utterances: int, n_upstreams: int, alone: bool = True) -> dict[str, float]:
    """Seconds of all pairs of all upstreams, and (``alone``) of one upstream's pairs one by one."""
    catalogue = load_catalogue()
    card, data = catalogue.harmonised.get(LABEL), made_up(utterances)
    request = Request(upstreams=(BESIDE,), device="cpu")
    made = get_recipe(recipe)
    problems = {
        pair: transfer_problem(card, "pair", *pair, data)
        for pair in ordered_pairs(card, card.domains)
    }
    others = [id for id in catalogue.suites.get("core").upstreams if id != BESIDE]
    found = {"ours": 0.0, "pairs": len(problems), "upstreams": n_upstreams}
    for id in [BESIDE, *others][:n_upstreams]:
        upstream = catalogue.upstreams.get(id)
        folder = Path(tempfile.mkdtemp())
        try:
            features = features_of(data, upstream.layers or 1, upstream.dim or 1, folder)
            cells = [
                (Cell("pair", LABEL, *pair, id, recipe, "none", ()), problem)
                for pair, problem in problems.items()
            ]

            def train(problem, cell=cells[0][0], features=features):
                return train_rounds(cell, made, problem, None, features, request)

            started = time.perf_counter()
            shared = SharedTraining(cells)
            for cell, problem in cells:
                shared.rounds(cell, problem, lambda one: one, train)
            seconds = time.perf_counter() - started
            found["ours"] += seconds
            print(f"{id}: {seconds:.1f} s", file=sys.stderr, flush=True)
            if id == BESIDE and alone:
                started = time.perf_counter()
                for _, problem in cells:
                    train(problem)
                found["one"], found["one_alone"] = seconds, time.perf_counter() - started
        finally:
            shutil.rmtree(folder)
    return found


def measure_tables(utterances: int, n_cells: int) -> float:
    """Seconds of the drops and priors of so many pairs, five seeds and four classes each."""
    rng = np.random.default_rng(0)
    classes = ("anger", "happiness", "neutral", "sadness")
    rows = np.arange(utterances)
    names = np.array([f"c/{row:06d}" for row in rows])
    speakers = np.array([f"c/{row % 40}" for row in rows])
    truth = rows // 40 % 4

    def predicted() -> Predicted:
        probability = rng.dirichlet(np.ones(4), size=(5, utterances))
        return Predicted(names, "speaker", speakers, truth, probability.argmax(axis=2), probability)

    setting, top = {"mix": predicted()}, Ceiling("top", {"mix": predicted()}, {"mix": 80})
    scores = pd.DataFrame({"layer": "mix", "metric": ["uar", "wa", "macro-f1"], "value": 0.3})
    scores = scores.assign(n_train=100, n_utterances=utterances, n_speakers=40)
    counts = np.full(4, 25.0)
    started = time.perf_counter()
    for _ in range(n_cells):
        drop_rows("cell", tuple(scores["metric"]), classes, setting, scores, top, "cross", 0)
        prior_rows("cell", classes, setting, get_recipe("lda"), counts, top, top)
    return time.perf_counter() - started
