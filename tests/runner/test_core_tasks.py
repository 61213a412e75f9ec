"""Every core task runs on a miniature of its corpus, in its owners' layout, as it would on it."""

import pytest

import paralbench
from paralbench.cards import load_catalogue

CATALOGUE = load_catalogue()
TASKS = {card.id: card for card in CATALOGUE.tasks if card.core}
CORE = {
    "emotion",
    "arousal",
    "valence",
    "dominance",
    "sentiment",
    "sarcasm",
    "cold",
    "stutter",
    "depression",
    "gender",
    "age",
    "accent",
    "dialect",
}


def test_the_core_is_the_suites():
    assert set(TASKS) == CORE
    assert len({card.corpus for card in TASKS.values()}) == 10
    in_core_folder = {card.id for card in CATALOGUE.tasks if card.folder.name == "tasks"}
    assert in_core_folder == CORE
    assert len(CATALOGUE.corpora) >= 25


@pytest.mark.parametrize("id", sorted(TASKS))
def test_a_core_task_runs_end_to_end(id, layout):
    card = TASKS[id]
    results = paralbench.evaluate(
        "fbank", id, roots={card.corpus: layout(card.corpus)}, seeds=1, device="cpu"
    )
    assert results.failures.empty, results.failures["message"].tolist()
    scores = results.scores
    mine = scores[(scores["upstream"] == "fbank") & (scores["seed"] == "mean")]
    calibration = {"brier", "ece"} if card.target == "classes" else set()
    about_all = mine["class"].isna() & mine["group"].isna()
    assert set(mine.loc[about_all, "metric"]) == {*card.metrics, *calibration}
    assert set(mine.loc[~about_all, "metric"]) <= {*card.metrics, "recall"}
    assert mine["value"].notna().all()
    assert len(results.predictions) > 0
