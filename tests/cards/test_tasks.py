"""What the tasks cover: the core as the paper shapes it, the extended ones over every corpus."""

import pytest

from paralbench.cards import load_catalogue

CATALOGUE = load_catalogue()
TASKS = {card.id: card for card in CATALOGUE.tasks}

# Corpus, primary metric, the other metrics, span.
CORE = {
    "emotion": ("msp-podcast", "uar", {"wa", "weighted-f1"}, "short"),
    "arousal": ("msp-podcast", "ccc", {"pearson", "mae"}, "short"),
    "valence": ("msp-podcast", "ccc", {"pearson", "mae"}, "short"),
    "dominance": ("msp-podcast", "ccc", {"pearson", "mae"}, "short"),
    "sentiment": ("cmu-mosei", "uar", {"wa", "weighted-f1"}, "short"),
    "sarcasm": ("mustard", "uar", {"weighted-f1"}, "short"),
    "cold": ("urtic", "uar", set(), "medium"),
    "stutter": ("sep-28k", "uar", {"macro-f1"}, "medium"),
    "depression": ("daic-woz", "uar", {"macro-f1"}, "medium"),
    "gender": ("voxceleb1", "uar", set(), "long"),
    "age": ("agevoxceleb", "mae", {"ccc", "pearson"}, "long"),
    "accent": ("l2-arctic", "uar", set(), "long"),
    "dialect": ("kespeech", "uar", {"wa"}, "long"),
}
EXTENDED = {
    "iemocap": {"emotion-4", "arousal", "valence", "dominance"},
    "msp-podcast": {"emotion"},
    "crema-d": {"emotion", "level"},
    "sep-28k": {"prolongation", "block", "sound-repetition", "word-repetition", "interjection"},
    "cmu-mosei": {"sentiment-2", "sentiment-7"},
    "timit": {"dialect", "gender", "age"},
    "british-dialects": {"dialect", "gender"},
}
# Corpora that carry gender or age and have no task for it, with the reason.
NO_TASK: dict[tuple[str, str], str] = {}


@pytest.mark.parametrize("id", CORE)
def test_a_core_task_has_its_corpus_metrics_and_span(id):
    corpus, primary, others, span = CORE[id]
    card = TASKS[id]
    assert (card.core, card.corpus, card.span) == (True, corpus, span)
    assert card.metrics[0] == primary
    assert others <= set(card.metrics[1:])


def test_the_core_is_13_tasks_on_ten_corpora():
    assert {id for id, card in TASKS.items() if card.core} == set(CORE)
    assert len({corpus for corpus, *_ in CORE.values()}) == 10


def test_the_core_suite_is_the_core():
    suite = CATALOGUE.suites.get("core")
    assert set(suite.tasks) == set(CORE)
    assert set(suite.upstreams) == {card.id for card in CATALOGUE.upstreams if card.core}
    assert (len(suite.upstreams), len(suite.tasks)) == (14, 13)
    assert suite.recipes == ("paralbench", "majority", "duration")


@pytest.mark.parametrize("corpus", EXTENDED)
def test_the_extended_tasks_are_there(corpus):
    mine = [card for card in TASKS.values() if card.corpus == corpus and not card.core]
    assert EXTENDED[corpus] <= {card.label for card in mine}


def test_four_classes_of_emotion():
    assert len(TASKS["iemocap-emotion"].classes) == 4
    assert len(TASKS["msp-podcast-emotion-4"].classes) == 4


def test_phq_8_is_a_regression_too():
    labels = {card.label for card in TASKS.values() if card.corpus in ("daic-woz", "e-daic")}
    numbers = {
        card.label
        for card in TASKS.values()
        if card.corpus in ("daic-woz", "e-daic") and card.target == "regression"
    }
    assert "depression" in labels
    assert numbers


@pytest.mark.parametrize("label", ["gender", "age", "decade"])
def test_every_corpus_that_carries_gender_or_age_has_a_task_or_a_reason(label):
    carry = {card.id for card in CATALOGUE.corpora if label in card.labels}
    have = {card.corpus for card in TASKS.values() if card.label == label}
    excused = {corpus for corpus, of in NO_TASK if of == label}
    assert carry - have == excused
    assert all(NO_TASK.values())


@pytest.mark.parametrize("id", TASKS)
def test_a_task_says_what_it_cannot_keep_apart_and_lies_in_its_folder(id):
    card = TASKS[id]
    assert card.file is not None
    folder = card.file.parent.name
    assert (folder == "tasks") == card.core
    assert folder in ("tasks", "extended", "demo")
    # A number's scale holds what its corpus may give.
    label = CATALOGUE.corpora.get(card.corpus).labels[card.label]
    if card.target == "regression" and label.low is not None:
        assert card.low <= label.low
        assert card.high >= label.high
