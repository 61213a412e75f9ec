"""Settings that begin with one training part are trained once, and predict as by themselves."""

import numpy as np
import pandas as pd
import pytest

from paralbench.cards import CorpusCard, HarmonisedCard
from paralbench.errors import ProbeError
from paralbench.features.store import FeatureStore
from paralbench.probes.recipes import get_recipe
from paralbench.runner.data import AUDIT_COLUMNS, CorpusData
from paralbench.runner.pairs import transfer_problem
from paralbench.runner.plan import Cell
from paralbench.runner.probing import train_rounds
from paralbench.runner.reading import Features
from paralbench.runner.request import Request
from paralbench.runner.shared_training import SharedTraining, side_by_side
from paralbench.tables import slots

REQUEST = Request(upstreams=("made-up",), seeds=2, device="cpu", train_shares=(0.5,))
SHORT = Request(upstreams=("made-up",), seeds=1, device="cpu")  # for what is trained step by step
CARD = HarmonisedCard.build(
    {
        "name": "Feelings",
        "label": "emotion",
        "target": "classes",
        "classes": ["anger", "joy", "fear"],
        "metrics": ["uar"],
        "domains": {name: {"corpora": [name]} for name in "abcd"},
    },
    id="feelings",
)


@pytest.fixture(scope="module")
def data():
    """Four corpora of eight speakers; d has two of the three classes."""
    found = {}
    for id in "abcd":
        classes = ["anger", "joy"] if id == "d" else ["anger", "joy", "fear"]
        rows = [
            {"utterance": f"{id}{speaker}{at}", "speaker": f"s{speaker}", "emotion": label}
            for speaker in range(8)
            for at, label in enumerate(classes * 2)
        ]
        frame = pd.DataFrame(rows).assign(corpus=id, language="en", session=None, gender=None)
        content = [f"{'abcd'.index(id):02x}{row:062x}" for row in range(len(frame))]
        frame = frame.assign(content=content, seconds=1.0)
        corpus = {
            "name": id,
            "access": "open",
            "licence": "none",
            "reader": {"name": "filename"},
            "labels": {"emotion": {"kind": "class", "values": list(CARD.classes)}},
            "speakers": "known",
        }
        audit = pd.DataFrame(columns=AUDIT_COLUMNS)
        found[id] = CorpusData(CorpusCard.build(corpus, id=id), frame, audit)
    return found


@pytest.fixture(scope="module")
def features(data, tmp_path_factory):
    rng = np.random.default_rng(0)
    space = FeatureStore(tmp_path_factory.mktemp("features")).space({"family": "made up"})
    centres = rng.normal(size=(3, 2, 5))
    for corpus in data.values():
        labels = [CARD.classes.index(one) for one in corpus.frame["emotion"]]
        mean = centres[labels] + rng.normal(size=(len(labels), 2, 5)) + rng.normal(size=(1, 2, 5))
        space.append(list(corpus.frame["content"]), mean.astype(np.float32), np.ones(len(labels)))
    return Features(space)


def cell_of(setting, train, test, recipe="ridge", normalisation="none"):
    corpora = tuple({*slots.domains_of(train), test})
    return Cell(setting, "feelings", train, test, "made-up", recipe, normalisation, corpora)


def with_problems(data, *cells):
    return [
        (cell, transfer_problem(CARD, cell.setting, cell.train, cell.test, data)) for cell in cells
    ]


class Trainer:
    """Trains, and counts how often."""

    def __init__(self, features, recipe="ridge", normalisation="none"):
        self.features, self.recipe, self.normalisation = features, recipe, normalisation
        self.calls = 0

    def __call__(self, problem):
        self.calls += 1
        cell = cell_of("pair", "a", "b", self.recipe, self.normalisation)
        request = SHORT if self.recipe == "paralbench" else REQUEST
        return train_rounds(cell, get_recipe(self.recipe), problem, None, self.features, request)


def as_it_is(problem):
    return problem


@pytest.mark.parametrize(
    ("recipe", "normalisation"), [("ridge", "none"), ("lda", "corpus"), ("paralbench", "none")]
)
def test_predictions_are_those_of_each_by_itself(data, features, recipe, normalisation):
    settings = [("pair", "a", "b"), ("pair", "a", "c"), ("growth", "a", "b")]
    cells = [cell_of(*one, recipe=recipe, normalisation=normalisation) for one in settings]
    pairs = with_problems(data, *cells)
    trainer, alone = (Trainer(features, recipe, normalisation) for _ in range(2))
    shared = SharedTraining(pairs)
    for cell, problem in pairs:
        found, skipped = shared.rounds(cell, problem, as_it_is, trainer)
        expected, _ = alone(problem)
        assert skipped == {}
        assert [one.share for one in found] == [1.0, 0.5][: len(expected)]
        for one, other in zip(found, expected, strict=True):
            (mine,), (its,) = one.results[0], other.results[0]
            assert (mine.prediction == its.prediction).all()
            assert mine.choices == its.choices
            assert mine.n_train == its.n_train
            if its.probability is not None:
                np.testing.assert_allclose(mine.probability, its.probability, atol=1e-6)
    assert (trainer.calls, alone.calls) == (1, 3)


def test_only_what_trains_alike_is_put_together(data, features):
    """Other classes, another training corpus, another recipe, folds of the tested corpus."""
    cells = [
        cell_of("pair", "a", "b"),
        cell_of("pair", "a", "d"),  # two classes
        cell_of("pair", "c", "b"),
        cell_of("ceiling", "a", "a"),
        cell_of("pair", "a", "c", recipe="lda"),
        cell_of("pair", "a", "c", normalisation="coral"),
    ]
    pairs = with_problems(data, *cells)
    shared, trainer = SharedTraining(pairs), Trainer(features)
    for cell, problem in pairs:
        shared.rounds(cell, problem, as_it_is, trainer)
    assert trainer.calls == len(cells)


def test_cells_that_train_alike_are_told_to_be_together(data, features):
    pairs = with_problems(
        data,
        cell_of("pair", "a", "b"),
        cell_of("ceiling", "a", "a"),
        cell_of("pair", "a", "c"),
        cell_of("pair", "a", "c", recipe="lda"),
    )
    first, ceiling, second, other = (cell for cell, _ in pairs)
    shared = SharedTraining(pairs)
    assert shared.together([first, ceiling, second, other]) == [[first, second], [ceiling], [other]]
    assert shared.together([second]) == [[second]]
    trainer = Trainer(features)
    for cell, problem in pairs[:1] + pairs[2:3]:
        shared.rounds(cell, problem, as_it_is, trainer)
    assert trainer.calls == 1


def test_the_memory_of_one_training_is_bounded(data, features):
    pairs = with_problems(data, *(cell_of("pair", "a", test) for test in "bc"))
    shared, trainer = SharedTraining(pairs, most_tested=50), Trainer(features)
    for cell, problem in pairs:
        shared.rounds(cell, problem, as_it_is, trainer)
    assert trainer.calls == 2


def test_a_fault_of_one_leaves_the_others_to_themselves(data, features):
    """What cannot be trained with one corpus's utterances beside it is trained without them."""
    pairs = with_problems(data, *(cell_of("pair", "a", test) for test in "bc"))
    trainer = Trainer(features)

    def train(problem):
        if "c" in set(problem.frame["domain"]):
            raise ProbeError("the features of 1 of 48 utterances are not finite")
        return trainer(problem)

    shared = SharedTraining(pairs)
    (first, problem), (second, other) = pairs
    rounds, _ = shared.rounds(first, problem, as_it_is, train)
    assert rounds[0].results[0][0].prediction.shape == (2, 48)
    with pytest.raises(ProbeError, match="not finite"):
        shared.rounds(second, other, as_it_is, train)


def test_utterances_without_features_are_left_out_of_each(data, features):
    pairs = with_problems(data, *(cell_of("pair", "a", test) for test in "bc"))
    lost = data["c"].frame["content"].iloc[:5].tolist()

    def ready(problem):
        return problem.without(problem.frame["content"].isin(lost).to_numpy())

    shared, trainer = SharedTraining(pairs), Trainer(features)
    sizes = [
        shared.rounds(cell, ready(problem), ready, trainer)[0][0].results[0][0].prediction.shape[1]
        for cell, problem in pairs
    ]
    assert sizes == [48, 43]
    assert trainer.calls == 1


def test_parts_are_in_the_order_of_the_given_problems(data):
    pairs = with_problems(data, *(cell_of("pair", "a", test) for test in "cb"))
    merged, parts = side_by_side([problem for _, problem in pairs])
    tested = merged.frame.iloc[merged.folds[0].test]
    for (cell, problem), part in zip(pairs, parts, strict=True):
        own = problem.frame.iloc[problem.folds[0].test]
        assert tested["utterance"].iloc[part].tolist() == own["utterance"].tolist()
        assert set(own["domain"]) == {cell.test}
