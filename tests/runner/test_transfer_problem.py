"""From a slot to a problem: hyper-parameters, what is known of a setting, and its cell's name."""

import pandas as pd
import pytest

from paralbench.cards import CorpusCard, HarmonisedCard, load_catalogue
from paralbench.errors import CorpusNotFoundError, SplitError
from paralbench.runner.data import AUDIT_COLUMNS, CorpusData
from paralbench.runner.keys import cell_name
from paralbench.runner.pairs import transfer_facts, transfer_problem
from paralbench.runner.plan import make_plan
from paralbench.runner.request import Request
from paralbench.transfer.protocols import PROTOCOLS

CATALOGUE = load_catalogue()
FIXED = {"learning_rate": 1.0, "weight_decay": 0.1, "epochs": 8}


def card(**domains):
    return HarmonisedCard.build(
        {
            "name": "Feelings",
            "label": "emotion",
            "target": "classes",
            "classes": ["anger", "joy"],
            "metrics": ["uar"],
            "domains": {name: {"corpora": [name], **domains.get(name, {})} for name in "abc"},
        },
        id="feelings",
    )


@pytest.fixture
def data():
    """Three corpora of four speakers: a and b in English, c in Polish; anger is rare in a."""
    found = {}
    for id, language in (("a", "en"), ("b", "en"), ("c", "pl")):
        labels = ["joy", "joy", "joy", "anger"] if id == "a" else ["joy", "anger"] * 2
        rows = [
            {"utterance": f"{id}{speaker}{at}", "speaker": f"s{speaker}", "emotion": label}
            for speaker in range(4)
            for at, label in enumerate(labels)
        ]
        frame = pd.DataFrame(rows).assign(corpus=id, language=language, session=None, gender=None)
        frame = frame.assign(content=frame["utterance"], seconds=1.0)
        corpus = {
            "name": id,
            "access": "open",
            "licence": "none",
            "reader": {"name": "filename"},
            "labels": {"emotion": {"kind": "class", "values": ["anger", "joy"]}},
            "speakers": "known",
        }
        audit = pd.DataFrame(columns=AUDIT_COLUMNS)
        found[id] = CorpusData(CorpusCard.build(corpus, id=id), frame, audit)
    return found


def test_languages_and_training_counts_are_known_of_every_setting(data):
    def facts(setting, train, test):
        return dict(transfer_facts(transfer_problem(card(), setting, train, test, data)))

    assert facts("pair", "a", "b") == {
        "train_domains": "a",
        "train_languages": "en",
        "test_languages": "en",
        "languages": "same",
        "train_count anger": "4",
        "train_count joy": "12",
    }
    assert facts("pair", "a", "c")["languages"] == "cross"
    assert facts("leave-one-corpus-out", "b+c", "a")["languages"] == "mixed"
    assert facts("leave-one-corpus-out", "b+c", "a")["train_count joy"] == "16"
    pooled = facts("pooled", "a+b+c", "a")
    assert pooled["train_domains"] == "a+b+c"
    assert float(pooled["train_count joy"]) == 16 + 12 * 3 / 4  # four folds of one speaker each
    data["c"].frame["language"] = None
    assert "languages" not in facts("pair", "a", "c")


def test_nothing_is_selected_only_where_it_cannot_be_on_any_training_corpus(data):
    fixed = card(a={"fixed": FIXED}, b={"fixed": FIXED})
    assert transfer_problem(fixed, "pair", "a", "c", data).selection == "fixed"
    both = transfer_problem(fixed, "leave-one-corpus-out", "a+b", "c", data)
    assert (both.selection, both.fixed.epochs) == ("fixed", 8)
    mixed = transfer_problem(fixed, "leave-one-corpus-out", "a+c", "b", data)
    assert (mixed.selection, mixed.fixed) == ("development", None)
    differ = card(a={"fixed": FIXED}, b={"fixed": {**FIXED, "epochs": 9}})
    with pytest.raises(SplitError, match=r"on any of a, b, and their fixed .* differ"):
        transfer_problem(differ, "leave-one-corpus-out", "a+b", "c", data)


def test_growth_does_not_depend_on_the_order_of_its_corpora(data):
    one, other = (transfer_problem(card(), "growth", train, "c", data) for train in ("a+b", "b+a"))
    pd.testing.assert_frame_equal(one.frame, other.frame)
    for part in ("train", "test"):
        assert getattr(one.folds[0], part).tolist() == getattr(other.folds[0], part).tolist()


def test_another_corpus_on_the_map_changes_no_key(data):
    wider = card().model_copy(update={"domains": {**card().domains, "d": card().domains["a"]}})
    problems = [transfer_problem(one, "pair", "a", "b", data) for one in (card(), wider)]
    assert problems[0].content == problems[1].content


def test_a_setting_of_a_corpus_without_speakers_is_refused_with_what_to_do(data):
    data["a"].frame["speaker"] = None
    with pytest.raises(SplitError, match=r"domain 'a' names no speakers.*`no_ceiling`"):
        transfer_problem(card(), "ceiling", "a", "a", data)


def test_names_of_cells_are_short_enough_for_files():
    def find(corpus):
        if corpus == "ktuberling":
            raise CorpusNotFoundError("away", short="away")

    request = Request(
        upstreams=("wav2vec2-large-lv60",),
        transfer=("gender", "emotion", "arousal"),
        recipes=("few-shot-16", "paralbench"),
        protocols=PROTOCOLS,
        normalisations=("none", "coral"),
    )
    plan = make_plan(CATALOGUE, request, find)
    names = {cell_name(cell, {}) for cell in plan.cells}
    assert len(names) == len(plan.cells)
    # A temporary name is longer by some digits.
    assert max(len(name.encode()) for name in names) < 160
    assert not any(set(name) & set("[]|/,") for name in names)
    settings = {(cell.setting, cell.normalisation) for cell in plan.cells}
    assert ("ceiling", "none") in settings
    assert ("ceiling", "coral") not in settings
