"""Tasks that a corpus card declares itself."""

import pytest

from paralbench.cards import TaskCard
from paralbench.cards.catalogue import read_card
from paralbench.errors import CardError


@pytest.fixture
def tasks_of(smallest, write, tmp_path):
    def read(tasks: list[dict[str, str]], file: str = "mine.yaml", **changes) -> list[TaskCard]:
        data = smallest["corpus"] | {"tasks": tasks} | changes
        _, *tasks_read = read_card(write(tmp_path / file, data), "corpus")
        assert all(isinstance(task, TaskCard) for task in tasks_read)
        return tasks_read  # type: ignore[return-value]

    return read


def test_a_class_label(tasks_of):
    (task,) = tasks_of([{"label": "emotion"}])
    assert task.id == "mine-emotion"
    assert (task.corpus, task.label, task.target) == ("mine", "emotion", "classes")
    assert task.classes == ("angry", "calm")
    assert task.metrics == ("uar", "wa", "weighted-f1")
    assert task.split.protocol == "leave-one-speaker-out"


def test_a_number_label(tasks_of):
    (task,) = tasks_of([{"label": "age", "split": "speaker-k-fold"}])
    assert task.id == "mine-age"
    assert (task.target, task.low, task.high) == ("regression", 18, 90)
    assert task.metrics == ("ccc", "pearson", "mae")
    assert task.split.folds == 5


def test_a_number_without_a_range_is_no_task_yet(tasks_of):
    with pytest.raises(CardError, match=r"mine\.yaml: low, high: None .*\(the task of tasks\.0, "):
        tasks_of([{"label": "age"}], labels={"age": {"kind": "number"}})


def test_two_tasks(tasks_of):
    assert [t.id for t in tasks_of([{"label": "age"}, {"label": "emotion"}])] == [
        "mine-age",
        "mine-emotion",
    ]


@pytest.mark.parametrize("split", ["leave-one-out", "predefined", "loso"])
def test_a_split_that_needs_more_keys_is_refused(tasks_of, split):
    with pytest.raises(CardError, match=rf"tasks\.0\.split: '{split}' is not allowed.* Allowed: "):
        tasks_of([{"label": "emotion", "split": split}])


def test_a_label_that_makes_no_id(tasks_of):
    labels = {"Valence (1-9)": {"kind": "class", "values": ["low", "high"]}}
    with pytest.raises(CardError, match=r"the id 'mine-Valence \(1-9\)' .* is not allowed"):
        tasks_of([{"label": "Valence (1-9)"}], labels=labels)
