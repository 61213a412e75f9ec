"""Ordered pairs: which there are, and who is trained on and tested."""

import numpy as np
import pandas as pd
import pytest

from paralbench.cards import load_catalogue
from paralbench.errors import SplitError
from paralbench.transfer.harmonise import harmonise
from paralbench.transfer.pairs import make_pair, ordered_pairs


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


@pytest.mark.parametrize("id", ["emotion", "gender", "language"])
def test_the_shipped_maps_give_pairs(id):
    catalogue = load_catalogue()
    card = catalogue.harmonised.get(id)
    frames = {}
    for domain in card.domains.values():
        for corpus in domain.corpora:
            label = domain.label or card.label
            values = catalogue.corpora.get(corpus).labels[label].values
            frame = frames.setdefault(corpus, pd.DataFrame())
            columns = {"language": domain.where.get("language", ("",))[0], label: list(values)}
            rows = pd.DataFrame(columns, index=range(len(values)))
            rows["utterance"] = [f"{corpus} {len(frame) + i}" for i in range(len(values))]
            frames[corpus] = pd.concat([frame, rows.assign(corpus=corpus)], ignore_index=True)
    sides = {name: harmonise(card, name, frames) for name in card.domains}
    for one, other in ordered_pairs(card, card.domains):
        pair = make_pair(card, f"{one} -> {other}", sides[one], sides[other])
        assert len(pair.classes) >= 2
        assert not np.intersect1d(pair.fold.train, pair.fold.test).size
    if id == "emotion":
        pair = make_pair(card, "", sides["nemo"], sides["urdu"])
        assert pair.classes == ("anger", "happiness", "neutral", "sadness")
        pair = make_pair(card, "", sides["urdu"], sides["polish-emotion"])
        assert pair.classes == ("anger", "neutral")
        assert "surprise" in set(sides["nemo"].frame["target"])


def test_where_nothing_can_be_selected_the_maps_fix_the_hyper_parameters():
    catalogue = load_catalogue()
    assert catalogue.harmonised.get("language").fixed is not None
    gender = catalogue.harmonised.get("gender").domains
    assert {name for name, domain in gender.items() if domain.fixed} == {"fillets-cs", "fillets-nl"}
    for card in catalogue.harmonised:
        assert card.confounds
