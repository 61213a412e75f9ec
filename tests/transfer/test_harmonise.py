"""Label maps: what each corpus's word becomes, and what is left out."""

import pandas as pd
import pytest

from paralbench.errors import SplitError, UnknownNameError
from paralbench.transfer.harmonise import common_classes, harmonise


def test_labels_are_mapped_and_the_rest_is_counted(make_card, frames):
    found = harmonise(make_card(), "one", frames)
    pairs = dict(zip(found.frame["utterance"], found.frame["target"], strict=True))
    assert pairs == {"one0": "anger", "one1": "joy", "one2": "neutral", "one5": "anger"}
    left = found.left_out
    assert left["corpus"].tolist() == ["one", "one"]
    assert left["utterance"].tolist() == ["one3", "one4"]
    assert left["reason"].tolist() == ["label-unmapped", "label-missing"]
    assert left["detail"][0] == "bored"
    assert pd.isna(left["detail"][1])
    assert found.frame["emotion"].tolist() == ["angry", "happy", "calm", "angry"]  # its own word


def test_a_domain_may_have_another_label_column(make_card, frames):
    found = harmonise(make_card(), "two", frames)
    assert found.frame["target"].tolist() == ["neutral", "anger", "anger"]
    assert found.left_out["detail"].tolist() == ["?"]


def test_without_a_map_names_are_taken_as_they_are(make_card, frames):
    card = make_card(
        classes=["A", "N"],
        domains={"two": {"corpora": ["two"], "label": "mood"}, "x": {"corpora": ["one"]}},
    )
    assert harmonise(card, "two", frames).frame["target"].tolist() == ["N", "A", "A"]


def test_corpora_of_a_domain_are_joined_and_filtered(make_card, frames):
    frames["two"] = frames["two"].rename(columns={"mood": "emotion"})
    both = {
        "corpora": ["one", "two"],
        "where": {"language": ["cs"]},
        "map": {"angry": "anger", "A": "joy"},
    }
    found = harmonise(make_card(domains={"both": both, "x": {"corpora": ["one"]}}), "both", frames)
    assert found.frame["utterance"].tolist() == ["one5", "two1"]
    assert found.frame["corpus"].tolist() == ["one", "two"]
    assert found.frame["target"].tolist() == ["anger", "joy"]
    # The filter chooses rows; it leaves out nothing that the domain is about.
    assert set(found.left_out["utterance"]) == {"one1", "one3", "two3"}


def test_numbers_stay_numbers(make_card, frames):
    frames["one"]["arousal"] = [1.0, 2.0, None, 4.0, 5.0, 6.0]
    card = make_card(
        target="regression",
        label="arousal",
        classes=[],
        low=1,
        high=7,
        metrics=["ccc"],
        domains={"one": {"corpora": ["one"]}, "two": {"corpora": ["two"]}},
    )
    found = harmonise(card, "one", frames)
    assert found.frame["target"].tolist() == [1.0, 2.0, 4.0, 5.0, 6.0]
    assert pd.api.types.is_float_dtype(found.frame["target"])
    assert found.left_out["reason"].tolist() == ["label-missing"]


def test_numbers_are_mapped_to_the_shared_scale_and_what_is_beyond_theirs_is_counted(
    make_card, frames
):
    frames["one"]["arousal"] = [1.0, 3.0, None, 5.0, 5.5, 0.9]
    frames["two"]["arousal"] = [1.0, 7.0, 4.0, 2.5]
    card = make_card(
        target="regression",
        label="arousal",
        classes=[],
        low=-1,
        high=1,
        metrics=["ccc"],
        domains={
            "one": {"corpora": ["one"], "scale": [1, 5]},
            "two": {"corpora": ["two"], "scale": [1, 7]},
        },
    )
    found = harmonise(card, "one", frames)
    assert found.frame["target"].tolist() == [-1.0, 0.0, 1.0]
    assert found.frame["arousal"].tolist() == [1.0, 3.0, 5.0]  # its own numbers
    left = found.left_out.set_index("utterance")
    assert left["reason"].to_dict() == {
        "one2": "label-missing",
        "one4": "label-off-scale",
        "one5": "label-off-scale",
    }
    assert left["detail"]["one4"] == "5.5"
    assert harmonise(card, "two", frames).frame["target"].tolist() == [-1.0, 1.0, 0.0, -0.5]


def test_regions_make_classes_of_numbers_and_the_rest_is_counted(make_card, frames):
    frames["one"]["arousal"] = [6.0, 4.0, 3.9, 2.0, None, 6.5]
    frames["one"]["valence"] = [1.0, 6.0, 5.0, 2.0, 3.0, 4.0]
    boxes = {
        "anger": {"arousal": [4, None], "valence": [None, 3]},
        "joy": {"arousal": [4, None], "valence": [5, None]},
        "neutral": {"arousal": [3, 4]},
    }
    domains = {"one": {"corpora": ["one"], "regions": boxes}, "two": {"corpora": ["two"]}}
    found = harmonise(make_card(domains=domains), "one", frames)
    pairs = dict(zip(found.frame["utterance"], found.frame["target"], strict=True))
    assert pairs == {"one0": "anger", "one1": "joy", "one2": "neutral"}
    left = found.left_out.set_index("utterance")
    assert left["reason"].to_dict() == {
        "one3": "label-unmapped",
        "one4": "label-missing",
        "one5": "label-unmapped",
    }
    assert left["detail"]["one3"] == "arousal 2.0, valence 2.0"


def test_values_make_numbers_of_classes(make_card, frames):
    card = make_card(
        target="regression",
        label="arousal",
        classes=[],
        low=-1,
        high=1,
        metrics=["ccc"],
        domains={
            "one": {"corpora": ["one"], "label": "emotion", "values": {"angry": 0.5, "calm": -1}},
            "two": {"corpora": ["two"]},
        },
    )
    found = harmonise(card, "one", frames)
    assert found.frame["target"].tolist() == [0.5, -1.0, 0.5]
    assert pd.api.types.is_float_dtype(found.frame["target"])
    assert found.left_out["reason"].tolist() == ["label-unmapped"] * 2 + ["label-missing"]


def test_a_column_that_a_corpus_lacks_is_named(make_card, frames):
    with pytest.raises(SplitError, match=r"domain 'two': two has no column 'mood'; it has .*lang"):
        harmonise(make_card(), "two", {"two": frames["two"].drop(columns="mood")})


def test_nothing_left_names_the_labels_there_are(make_card, frames):
    frames["two"]["mood"] = "?"
    with pytest.raises(SplitError, match=r"'two' carries a shared label; its labels: \?"):
        harmonise(make_card(), "two", frames)


def test_an_unknown_domain_lists_the_known(make_card, frames):
    with pytest.raises(UnknownNameError, match="Known: one, two"):
        harmonise(make_card(), "three", frames)


def test_common_classes_are_in_the_cards_order(make_card):
    assert common_classes(make_card(), {"neutral", "joy", "anger"}, {"neutral", "anger"}) == (
        "anger",
        "neutral",
    )


def test_fewer_than_two_common_classes_are_refused_with_both_sides(make_card):
    with pytest.raises(SplitError, match=r"share 1 of .*\(anger, joy \| anger, neutral\)"):
        common_classes(make_card(), {"joy", "anger"}, {"neutral", "anger"})
