"""Ordered pairs: which there are, and who is trained on and tested."""

import numpy as np
import pandas as pd
import pytest

from paralbench.cards import load_catalogue
from paralbench.cards.domains import shared_classes
from paralbench.errors import SplitError
from paralbench.transfer.harmonise import harmonise
from paralbench.transfer.pairs import put_together
from paralbench.transfer.protocols import ordered_pairs

CATALOGUE = load_catalogue()


def put(card, train, test, frames, **given):
    sides = {name: harmonise(card, name, frames) for name in card.domains}
    return put_together(card, "", train, test, sides, **given)


def parts(pair, fold=0):
    one = pair.folds[fold]
    return [pair.frame.iloc[rows] for rows in (one.train, one.test)]


def test_a_pair_is_cut_to_the_classes_of_both_sides(make_card, frames):
    card = make_card()
    sides = {name: harmonise(card, name, frames) for name in ("one", "two")}
    pair = put_together(card, "one -> two", ["one"], "two", sides)
    assert pair.classes == ("anger", "neutral")
    (fold,) = pair.folds
    assert (fold.name, fold.development) == ("one -> two", None)
    train, test = parts(pair)
    assert train["utterance"].tolist() == ["one0", "one2", "one5"]
    assert test["utterance"].tolist() == ["two0", "two1", "two2"]
    assert pair.frame["domain"].tolist() == ["one"] * 3 + ["two"] * 3
    reasons = dict(zip(pair.left_out["utterance"], pair.left_out["reason"], strict=True))
    assert reasons == {
        "one1": "class-not-shared",
        "one3": "label-unmapped",
        "one4": "label-missing",
        "two3": "label-unmapped",
    }
    # Every utterance is on one side or accounted for.
    assert len(pair.frame) + len(pair.left_out) == 10


def test_the_other_direction_swaps_the_sides(make_card, frames):
    train, test = parts(put(make_card(), ["two"], "one", frames))
    assert set(train["corpus"]) == {"two"}
    assert set(test["corpus"]) == {"one"}


def test_a_pair_with_one_common_class_is_refused(make_card, frames):
    frames["two"] = frames["two"].iloc[[1, 2]]
    with pytest.raises(SplitError, match="share 1 of the classes"):
        put(make_card(), ["one"], "two", frames)


def test_unknown_speakers_train_nothing_where_development_is_drawn(make_card, frames):
    card = make_card()
    frames["one"].loc[0, "speaker"] = None
    frames["two"].loc[1, "speaker"] = None
    drawn = put(card, ["one"], "two", frames, selects=True)
    assert drawn.frame["utterance"].tolist() == ["one2", "one5", "two0", "two1", "two2"]
    left = drawn.left_out.set_index("utterance")["reason"]
    assert left["one0"] == "speaker-unknown"
    assert drawn.folds[0].train.tolist() == [0, 1]
    # Where nothing is selected, and where nobody is known, all of them stay.
    assert "one0" in set(put(card, ["one"], "two", frames).frame["utterance"])
    frames["one"]["speaker"] = None
    nobody = put(card, ["one"], "two", frames, selects=True)
    assert "one0" in set(nobody.frame["utterance"])


@pytest.fixture
def three(make_card):
    """A map of three corpora: a has x and y, b has y and z, c has all; six speakers each."""
    domains = {name: {"corpora": [name]} for name in "abc"}
    card = make_card(classes=["x", "y", "z"], domains=domains)
    frames = {}
    for name, classes in (("a", "xy"), ("b", "yz"), ("c", "xyz")):
        rows = [
            {"speaker": f"{name}{speaker}", "emotion": one, "utterance": f"{name}{speaker}{one}"}
            for speaker in range(6)
            for one in classes
        ]
        frames[name] = pd.DataFrame(rows).assign(session=None, content=None)
        frames[name]["content"] = frames[name]["utterance"]
    return card, frames


def test_several_corpora_train_the_classes_that_any_of_them_has(three):
    found = put(three[0], ["b", "a"], "c", three[1])
    assert found.classes == ("x", "y", "z")
    train, test = parts(found)
    assert set(train["domain"]) == {"a", "b"}
    assert set(test["domain"]) == {"c"}
    # The order in which the training domains are named changes nothing.
    pd.testing.assert_frame_equal(found.frame, put(three[0], ["a", "b"], "c", three[1]).frame)


def test_a_restriction_must_be_trained(three):
    found = put(three[0], ["a", "b"], "c", three[1], only=["x", "z"])
    assert found.classes == ("x", "z")
    assert set(found.frame["target"]) == {"x", "z"}
    with pytest.raises(SplitError, match=r"classes y, z, and no training utterance is of z"):
        put(three[0], ["a"], "c", three[1], only=["y", "z"])


def test_a_ceiling_divides_the_speakers_of_the_tested_corpus(three):
    card, frames = three
    found = put(card, ["c"], "c", frames, only=["x", "y"])
    assert found.classes == ("x", "y")
    assert set(found.frame["domain"]) == {"c"}
    assert len(found.folds) == 5
    tested = np.concatenate([fold.test for fold in found.folds])
    assert sorted(tested) == list(range(12))
    for number in range(5):
        train, test = parts(found, number)
        assert not set(train["speaker"]) & set(test["speaker"])
        assert len(train) + len(test) == 12


def test_pooled_training_has_the_others_whole_and_other_speakers_of_the_tested_corpus(three):
    card, frames = three
    frames["c"].loc[0, "speaker"] = None
    found = put(card, ["a", "b", "c"], "c", frames)
    left = found.left_out.set_index("utterance")["reason"]
    assert left["c0x"] == "speaker-unknown"  # it cannot be held out
    tested = np.concatenate([fold.test for fold in found.folds])
    assert set(found.frame["domain"].iloc[tested]) == {"c"}
    assert len(tested) == 17
    for number in range(len(found.folds)):
        train, test = parts(found, number)
        assert (train["domain"] != "c").sum() == 24
        assert not set(train["speaker"]) & set(test["speaker"])
        assert set(train["domain"]) == {"a", "b", "c"}


def test_speakers_that_cannot_be_divided_are_told(three):
    card, frames = three
    frames["c"]["session"] = "the only one"
    with pytest.raises(SplitError, match=r"6 speakers of domain 'c' are .* linked .*`no_ceiling`"):
        put(card, ["c"], "c", frames)
    frames["c"]["speaker"] = None
    with pytest.raises(SplitError, match=r"'c' names no speakers.*`no_ceiling`"):
        put(card, ["c"], "c", frames)


def inside(bounds):
    low, high = bounds
    return high - 0.5 if low is None else low


def frames_of(card):
    """For each corpus of a shipped map a row for each value of its label, or for its two ends, or
    one in each region of its numbers."""
    frames = {}
    for domain in card.domains.values():
        for corpus in domain.corpora:
            name = domain.label or card.label
            filters = {column: values[0] for column, values in domain.where.items()}
            frame = frames.setdefault(corpus, pd.DataFrame())
            if domain.regions:
                boxes = domain.regions.values()
                values = {one: [inside(box[one]) for box in boxes] for one in domain.columns}
            else:
                label = CATALOGUE.corpora.get(corpus).labels[name]
                found = list(label.values) or [label.low, label.high, *(domain.scale or ())]
                values = {name: found}
            rows = pd.DataFrame({**filters, **values, "speaker": "s", "corpus": corpus})
            rows["utterance"] = [f"{corpus} {len(frame) + i}" for i in range(len(rows))]
            frames[corpus] = pd.concat([frame, rows], ignore_index=True)
    return frames


@pytest.mark.parametrize("id", CATALOGUE.harmonised.ids())
def test_the_shipped_maps_give_pairs(id):
    card = CATALOGUE.harmonised.get(id)
    frames = frames_of(card)
    sides = {name: harmonise(card, name, frames) for name in card.domains}
    pairs = ordered_pairs(card, card.domains)
    for one, other in pairs[:: max(1, len(pairs) // 40)]:
        pair = put_together(card, f"{one} -> {other}", [one], other, sides)
        assert len(pair.classes) >= 2 or card.target == "regression"
        (fold,) = pair.folds
        assert not np.intersect1d(fold.train, fold.test).size
        if card.target == "regression":
            assert pair.frame["target"].between(card.low, card.high).all()
            assert len(fold.train) >= 2
            assert len(fold.test) >= 2


def test_the_classes_of_some_pairs_of_emotions():
    card = CATALOGUE.harmonised.get("emotion")
    frames = frames_of(card)

    def classes(train, test):
        return put(card, [train], test, frames).classes

    assert classes("nemo", "urdu") == ("anger", "happiness", "neutral", "sadness")
    assert classes("urdu", "polish-emotion") == ("anger", "neutral")
    assert classes("msp-podcast", "iemocap") == ("anger", "happiness", "neutral", "sadness")
    assert classes("msp-podcast", "meld") == card.classes
    for name in card.domains:
        found = harmonise(card, name, frames)
        # One word each: no two of a corpus's classes become one.
        assert found.frame["target"].is_unique, name


# Corpora with utterances or speakers in common: Friends is in MELD, MUStARD and MUStARD++, and the
# sessions 300 to 492 are in DAIC-WOZ and E-DAIC. Of VoxCeleb1 and VoxCeleb2 it is not known here.
SHARED = (
    {"meld", "mustard"},
    {"meld", "mustard-pp"},
    {"mustard", "mustard-pp"},
    {"daic-woz", "e-daic"},
    {"voxceleb1", "agevoxceleb"},
)


def test_no_pair_trains_on_speakers_that_it_tests():
    for card in CATALOGUE.harmonised:
        for train, test in ordered_pairs(card, card.domains):
            for one in card.domains[train].corpora:
                for other in card.domains[test].corpora:
                    if {one, other} == {"daic-woz", "e-daic"}:
                        # E-DAIC's test part is of the sessions from 600 on, which are its own.
                        names = {train: one, test: other}
                        (mine,) = [name for name, corpus in names.items() if corpus == "e-daic"]
                        assert card.domains[mine].where == {"split": ("test",)}
                        continue
                    assert {one, other} not in SHARED, f"{card.id}: {train} -> {test}"
                    if one == other:  # then its parts are told apart by a column
                        where = [card.domains[name].where for name in (train, test)]
                        columns = set(where[0]) & set(where[1])
                        assert any(not {*where[0][c]} & {*where[1][c]} for c in columns)


def test_every_corpus_of_a_shared_label_is_on_its_map_or_left_out_for_a_reason():
    left_out = {
        "emotion": {"cmu-mosei"},
        "gender": {"agevoxceleb", "daic-woz"},
        "age": {"nemo", "emodb"},
        "arousal": set(),
        "valence": set(),
        "dominance": set(),
        "sentiment": set(),
        "stutter": set(),
    }
    for label, without in left_out.items():
        card = CATALOGUE.harmonised.get(label)
        carry = {corpus.id for corpus in CATALOGUE.corpora if label in corpus.labels}
        used = {corpus for domain in card.domains.values() for corpus in domain.corpora}
        assert carry - without == used, label
    assert "sarcasm" not in CATALOGUE.harmonised  # both corpora of it are cut from Friends
    assert [one.id for one in CATALOGUE.corpora if "cold" in one.labels] == ["urtic"]


def test_every_corpus_of_the_four_classes_has_all_four():
    card = CATALOGUE.harmonised.get("emotion-4")
    for name in card.domains:
        assert shared_classes(card, name, CATALOGUE) == card.classes, name
    used = {one for domain in card.domains.values() for one in domain.corpora}
    everywhere = CATALOGUE.harmonised.get("emotion").domains
    assert set(everywhere) - used == {"polish-emotion"}  # it has anger, fear and neutral


def test_classes_and_ratings_meet_in_the_same_quadrants():
    card = CATALOGUE.harmonised.get("emotion-quadrant")
    ratings = pd.DataFrame(
        {
            "arousal": [6.1, 5.0, 2.0, 3.9, 4.0, 4.0],
            "valence": [2.0, 6.5, 1.0, 4.0, 3.9, None],
            "split": "train",
        }
    ).assign(utterance=list("abcdef"), corpus="msp-podcast", speaker="s")
    found = harmonise(card, "msp-podcast", {"msp-podcast": ratings})
    assert dict(zip(found.frame["utterance"], found.frame["target"], strict=True)) == {
        "a": "active-negative",
        "b": "active-positive",
        "c": "passive-negative",
        "d": "passive-positive",
        "e": "active-negative",
    }
    assert found.left_out["reason"].tolist() == ["label-missing"]
    assert card.domains["crema-d"].map["anger"] == "active-negative"


def test_classes_become_numbers_where_others_rate():
    card = CATALOGUE.harmonised.get("emotion-arousal")
    actors = pd.DataFrame({"emotion": ["anger", "sadness", "boredom", "neutral"]})
    actors = actors.assign(utterance=list("abcd"), corpus="emodb", speaker="s")
    found = harmonise(card, "emodb", {"emodb": actors})
    assert found.frame["target"].tolist() == [0.59, -0.27, -0.62, 0.0]
    rated = pd.DataFrame({"arousal": [1.0, 4.0, 7.0], "split": "test"})
    rated = rated.assign(utterance=list("abc"), corpus="msp-podcast", speaker="s")
    found = harmonise(card, "msp-podcast", {"msp-podcast": rated})
    assert found.frame["target"].tolist() == [-1.0, 0.0, 1.0]


def test_decades_are_those_that_speakers_state():
    card = CATALOGUE.harmonised.get("age-decade")
    years = pd.DataFrame({"age": [19.0, 20.0, 29.0, 30.0, 69.0, 70.0]})
    years = years.assign(utterance=list("abcdef"), corpus="timit", speaker="s")
    found = harmonise(card, "timit", {"timit": years})
    assert found.frame["target"].tolist() == ["twenties", "twenties", "thirties", "sixties"]
    assert found.left_out["detail"].tolist() == ["19.0", "70.0"]
    assert shared_classes(card, "common-voice", CATALOGUE) == card.classes


def test_every_map_says_whose_it_is():
    for card in CATALOGUE.harmonised:
        assert card.provenance == "this project" or card.source, card.id
        assert card.note, card.id


def test_where_nothing_can_be_selected_the_maps_fix_the_hyper_parameters():
    assert CATALOGUE.harmonised.get("language").fixed is not None
    gender = CATALOGUE.harmonised.get("gender").domains
    assert {name for name, domain in gender.items() if domain.fixed} == {"fillets-cs", "fillets-nl"}
    for card in CATALOGUE.harmonised:
        assert card.confounds
