"""Every shipped task on a miniature of its corpus: valid folds that pass the gate. No training."""

import re
from pathlib import Path

import pandas as pd
import pytest

from paralbench.cards import load_catalogue
from paralbench.corpora.load import load_manifest
from paralbench.errors import LeakageError
from paralbench.runner.data import AUDIT_COLUMNS, CorpusData
from paralbench.runner.problem import within
from paralbench.splits.develop import development
from paralbench.splits.fold import Fold
from paralbench.splits.gate import check
from paralbench.splits.predefined import PARTS

CATALOGUE = load_catalogue()
LAYOUTS = Path(__file__).parents[1] / "layouts"
MINIATURES = {file.stem.replace("_", "-") for file in LAYOUTS.glob("*.py")}
TASKS = [card.id for card in CATALOGUE.tasks if card.corpus in MINIATURES]
LEAKY = [id for id in TASKS if CATALOGUE.tasks.get(id).split.leaks]


@pytest.fixture(scope="session")
def data(layout):
    """``data(corpus)``: its rows as a run has them, every utterance of other audio."""
    read = {}

    def prepare(corpus):
        if corpus not in read:
            card = CATALOGUE.corpora.get(corpus)
            frame = load_manifest(card, layout(corpus)).frame
            made_up = {"corpus": corpus, "content": frame["utterance"], "seconds": 0.3}
            audit = pd.DataFrame(columns=AUDIT_COLUMNS)
            read[corpus] = CorpusData(card, frame.assign(**made_up), audit)
        return read[corpus]

    return prepare


def folds_of(problem):
    """Each fold with a development part, as a run has it."""
    for fold in problem.folds:
        if fold.development is None and problem.selection == "development":
            fit, chosen = development(
                problem.frame, fold.train, "target", allow=problem.leaks, seed=1
            )
            yield Fold(fold.name, fit, fold.test, chosen)
        else:
            yield fold


def test_only_corpora_that_can_be_fetched_have_no_miniature():
    manual = {
        corpus.id
        for corpus in CATALOGUE.corpora
        if {source.source for source in corpus.sources} == {"manual"}
    }
    assert manual <= MINIATURES


@pytest.mark.parametrize("id", TASKS)
def test_a_task_makes_folds_that_pass_the_gate(id, data):
    task = CATALOGUE.tasks.get(id)
    problem = within(task, data(task.corpus))
    assert problem.leaks == task.split.leaks
    tested = []
    for fold in folds_of(problem):
        check(problem.frame, fold, problem.leaks)
        assert list(fold.parts()) in (list(PARTS), ["train", "test"])
        assert (fold.development is None) == (problem.selection == "fixed")
        tested += fold.test.tolist()
    assert tested
    assert len(set(tested)) == len(tested)  # no utterance is tested twice
    target = problem.frame["target"]
    if task.target == "regression":
        assert target.between(task.low, task.high).all()
    else:
        assert set(target.iloc[tested]) == set(task.classes)


@pytest.mark.parametrize("id", LEAKY)
def test_what_a_task_declares_to_leak_is_refused_where_it_is_not_allowed(id, data):
    task = CATALOGUE.tasks.get(id)
    problem = within(task, data(task.corpus))
    kinds = set()
    for fold in folds_of(problem):
        try:
            check(problem.frame, fold)
        except LeakageError as error:
            kinds |= set(re.findall(r"^  (\w+):", str(error), re.M))
    assert kinds
    assert kinds <= set(task.split.leaks)
