"""Cells whose means are on the disk have the tables of those in memory, to the bit."""

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest

from paralbench.cards import load_catalogue
from paralbench.features.store import FeatureStore
from paralbench.probes.on_disk import InShards, Scratch
from paralbench.probes.recipes import RECIPES, Trained
from paralbench.runner import cell as cells
from paralbench.runner import means as means_module
from paralbench.runner.data import AUDIT_COLUMNS, CorpusData
from paralbench.runner.means import read_sessions
from paralbench.runner.pairs import transfer_problem
from paralbench.runner.plan import Cell
from paralbench.runner.reading import Features, read_inputs
from paralbench.runner.request import Request
from paralbench.runner.sessions import Sessions
from paralbench.runner.shared_training import SharedTraining

REQUEST = Request(upstreams=("made-up",), seeds=2, device="cpu")
EMOTIONS, LAYERS, DIM = ("anger", "joy", "fear"), 3, 6


CORPUS = """\
kind: corpus
name: Made-up corpus
access: open
licence: none
speakers: known
languages: [en]
root: clips
reader: {name: csv, options: {file: labels.csv, path: path}}
labels:
  emotion: {kind: class, values: [anger, joy, fear]}
"""
FEELINGS = """\
kind: harmonised
name: Feelings
label: emotion
target: classes
classes: [anger, joy, fear]
metrics: [uar, wa]
domains:
  a: {corpora: [a]}
  b: {corpora: [b]}
"""


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cards")
    for id in "ab":
        (folder / f"{id}.yaml").write_text(CORPUS)
    (folder / "feelings.yaml").write_text(FEELINGS)
    return load_catalogue([folder])


@pytest.fixture(scope="module")
def data(catalogue):
    """Two corpora of six speakers with six utterances each."""
    found = {}
    for number, id in enumerate("ab"):
        rows = np.arange(36)
        frame = pd.DataFrame(
            {
                "corpus": id,
                "utterance": [f"{id}{row}" for row in rows],
                "speaker": [f"s{row % 6}" for row in rows],
                "session": None,
                "gender": None,
                "language": "en",
                "content": [f"{number:02x}{row:062x}" for row in rows],
                "seconds": 1.0,
                "emotion": [EMOTIONS[row // 6 % 3] for row in rows],
            }
        )
        audit = pd.DataFrame(columns=AUDIT_COLUMNS)
        found[id] = CorpusData(catalogue.corpora.get(id), frame, audit)
    return found


@pytest.fixture(scope="module")
def pair(catalogue, data):
    return transfer_problem(catalogue.harmonised.get("feelings"), "pair", "a", "b", data)


@pytest.fixture(scope="module")
def space(data, tmp_path_factory):
    rng = np.random.default_rng(0)
    space = FeatureStore(tmp_path_factory.mktemp("features")).space({"family": "made up"})
    centres = rng.normal(size=(3, LAYERS, DIM))
    for corpus in data.values():
        labels = [EMOTIONS.index(one) for one in corpus.frame["emotion"]]
        mean = centres[labels] + rng.normal(size=(len(labels), LAYERS, DIM))
        for part in np.array_split(np.arange(len(labels)), 3):
            contents = corpus.frame["content"].iloc[part]
            space.append(list(contents), mean[part].astype(np.float32), np.ones(len(part)))
    return space


def quick(name):
    recipe = RECIPES[name]
    if not isinstance(recipe, Trained):
        return recipe
    recipe = replace(recipe, checkpoints=(8, 16), hidden=min(recipe.hidden, 8))
    return recipe if recipe.refit else replace(recipe, learning_rates=(1e-2,))


WAYS = [
    *((name, "none") for name in ("paralbench", "layers", "ridge", "lda", "knn", "superb")),
    *((name, how) for name in ("ridge", "paralbench") for how in ("speaker", "corpus", "coral")),
]


@pytest.mark.parametrize(
    ("name", "normalisation", "files"),
    [*((*way, 100) for way in WAYS), ("paralbench", "none", 2), ("superb", "none", 2)],
)
def test_tables_do_not_depend_on_where_the_means_are(
    name, normalisation, files, catalogue, pair, space, monkeypatch
):
    """With the six shards held open, or, where they are too many, with a file of their own."""
    monkeypatch.setattr(means_module, "_most_files", lambda: files)
    cell = Cell("pair", "feelings", "a", "b", "made-up", name, normalisation, ("a", "b"))
    monkeypatch.setattr(cells, "get_recipe", quick)
    shared = SharedTraining([(cell, pair)])
    context = cells.Context(catalogue, REQUEST, None, space, shared)

    def tables(in_memory):
        monkeypatch.setattr(cells, "Features", partial(Features, in_memory=in_memory))
        found = cells.run_cell(cell, "the cell", pair, context)
        return {name: one for name, one in found.items() if name not in ("timings", "manifest")}

    features = Features(space, in_memory=1)
    means = read_inputs(cell, quick(name), pair, None, features).mean
    in_shards = files > 6 and normalisation == "none" and not quick(name).by_layer
    assert isinstance(means, InShards if in_shards else Scratch)
    wanted, found = tables(1 << 40), tables(1)
    assert len(wanted["predictions"]) == 36 * 2 * (LAYERS if name == "layers" else 1)
    for table, frame in wanted.items():
        pd.testing.assert_frame_equal(found[table], frame, check_exact=True)


def test_the_sessions_of_many_parts_are_those_of_one(data, space, monkeypatch):
    contents = [*data["a"].frame["content"], *data["b"].frame["content"]]
    of = np.random.default_rng(0).permutation(np.arange(72) % 7)
    sessions = Sessions(contents, of, 7)
    whole = sessions.merge(space.mean(contents), space.frames(contents))
    monkeypatch.setattr(means_module, "_BLOCK", 5 * LAYERS * DIM * 4)
    np.testing.assert_array_equal(read_sessions(space, sessions), whole)
