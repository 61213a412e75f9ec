"""Ordered pairs: which there are, and who is trained on and tested."""

import numpy as np
import pandas as pd
import pytest

from paralbench.cards import load_catalogue
from paralbench.errors import SplitError
from paralbench.transfer.harmonise import harmonise
from paralbench.transfer.pairs import make_pair, ordered_pairs

CATALOGUE = load_catalogue()


def test_every_ordered_pair_of_what_is_here(make_card):
    domains = {name: {"corpora": [name]} for name in ("a", "b", "c")}
    card = make_card(domains=domains)
    assert ordered_pairs(card, ["a", "b", "c"]) == [
        ("a", "b"),
        ("a", "c"),
        ("b", "a"),
        ("b", "c"),
        ("c", "a"),
        ("c", "b"),
    ]
    assert ordered_pairs(card, {"c", "a"}) == [("a", "c"), ("c", "a")]
    assert ordered_pairs(card, ["a"]) == []
    some = make_card(domains=domains, pairs=[["c", "a"], ["a", "b"]])
    assert ordered_pairs(some, ["a", "b", "c"]) == [("c", "a"), ("a", "b")]
    assert ordered_pairs(some, ["a", "b"]) == [("a", "b")]


def test_a_pair_is_cut_to_the_classes_of_both_sides(make_card, frames):
    card = make_card()
    sides = [harmonise(card, name, frames) for name in ("one", "two")]
    pair = make_pair(card, "one -> two", *sides)
    assert pair.classes == ("anger", "neutral")
    assert (pair.fold.name, pair.fold.development) == ("one -> two", None)
    parts = [pair.frame.iloc[rows] for rows in (pair.fold.train, pair.fold.test)]
    assert parts[0]["utterance"].tolist() == ["one0", "one2", "one5"]
    assert parts[1]["utterance"].tolist() == ["two0", "two1", "two2"]
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
    card = make_card()
    sides = [harmonise(card, name, frames) for name in ("two", "one")]
    pair = make_pair(card, "two -> one", *sides)
    assert set(pair.frame.iloc[pair.fold.train]["corpus"]) == {"two"}
    assert set(pair.frame.iloc[pair.fold.test]["corpus"]) == {"one"}


def test_a_pair_with_one_common_class_is_refused(make_card, frames):
    card = make_card()
    frames["two"] = frames["two"].iloc[[1, 2]]
    sides = [harmonise(card, name, frames) for name in ("one", "two")]
    with pytest.raises(SplitError, match="share 1 of the classes"):
        make_pair(card, "one -> two", *sides)


def test_unknown_speakers_train_nothing_where_development_is_drawn(make_card, frames):
    card = make_card()
    frames["one"].loc[0, "speaker"] = None
    frames["two"].loc[1, "speaker"] = None
    sides = [harmonise(card, name, frames) for name in ("one", "two")]
    drawn = make_pair(card, "one -> two", *sides, selects=True)
    assert drawn.frame["utterance"].tolist() == ["one2", "one5", "two0", "two1", "two2"]
    left = drawn.left_out.set_index("utterance")["reason"]
    assert left["one0"] == "speaker-unknown"
    assert drawn.fold.train.tolist() == [0, 1]
    # Where nothing is selected, and where nobody is known, all of them stay.
    assert "one0" in set(make_pair(card, "", *sides).frame["utterance"])
    frames["one"]["speaker"] = None
    nobody = [harmonise(card, name, frames) for name in ("one", "two")]
    assert "one0" in set(make_pair(card, "", *nobody, selects=True).frame["utterance"])


def frames_of(card):
    """For each corpus of a shipped map a row for each value of its label, or for its two ends."""
    frames = {}
    for domain in card.domains.values():
        for corpus in domain.corpora:
            name = domain.label or card.label
            label = CATALOGUE.corpora.get(corpus).labels[name]
            values = list(label.values) or [label.low, label.high, *(domain.scale or ())]
            filters = {column: values[0] for column, values in domain.where.items()}
            frame = frames.setdefault(corpus, pd.DataFrame())
            rows = pd.DataFrame({**filters, name: values, "speaker": "s", "corpus": corpus})
            rows["utterance"] = [f"{corpus} {len(frame) + i}" for i in range(len(values))]
            frames[corpus] = pd.concat([frame, rows], ignore_index=True)
    return frames


@pytest.mark.parametrize("id", CATALOGUE.harmonised.ids())
def test_the_shipped_maps_give_pairs(id):
    card = CATALOGUE.harmonised.get(id)
    frames = frames_of(card)
    sides = {name: harmonise(card, name, frames) for name in card.domains}
    for one, other in ordered_pairs(card, card.domains):
        pair = make_pair(card, f"{one} -> {other}", sides[one], sides[other])
        assert len(pair.classes) >= 2 or card.target == "regression"
        assert not np.intersect1d(pair.fold.train, pair.fold.test).size
        if card.target == "regression":
            assert pair.frame["target"].between(card.low, card.high).all()
            assert len(pair.fold.train) >= 2
            assert len(pair.fold.test) >= 2


def test_the_classes_of_some_pairs_of_emotions():
    card = CATALOGUE.harmonised.get("emotion")
    frames = frames_of(card)

    def classes(train, test):
        return make_pair(card, "", *(harmonise(card, one, frames) for one in (train, test))).classes

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
    for label in ("sarcasm", "depression"):  # all corpora of these share material
        assert label not in CATALOGUE.harmonised


def test_where_nothing_can_be_selected_the_maps_fix_the_hyper_parameters():
    assert CATALOGUE.harmonised.get("language").fixed is not None
    gender = CATALOGUE.harmonised.get("gender").domains
    assert {name for name, domain in gender.items() if domain.fixed} == {"fillets-cs", "fillets-nl"}
    for card in CATALOGUE.harmonised:
        assert card.confounds
