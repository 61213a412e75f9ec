"""Which settings a label map gives: pairs, leave-one-corpus-out, pooled, growth, ceilings."""

import pytest

from paralbench.tables import slots
from paralbench.transfer.protocols import (
    PROTOCOLS,
    Ground,
    Setting,
    growth_orders,
    lay_out,
    ordered_pairs,
)

CLASSES = {"a": ("x", "y"), "b": ("y", "z"), "c": ("x", "y", "z"), "d": ("x", "y", "z")}


@pytest.fixture
def ground(make_card):
    """``ground("abc", whole={...}, pairs=[...])``: a map of these domains."""

    def make(here="abcd", whole=None, **changes):
        domains = {name: {"corpora": [name]} for name in CLASSES}
        given = {"classes": ["x", "y", "z"], "domains": domains, **changes}
        classes = {name: CLASSES[name] for name in here}
        if given.get("target") == "regression":
            classes = dict.fromkeys(here, ())
        return Ground(make_card(**given), list(here), classes, whole or {})

    return make


def settings(ground, *protocols, seed=0):
    found, lines = lay_out(ground, protocols, seed)
    assert len(set(found)) == len(found)
    return found, lines


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


def test_leave_one_corpus_out_trains_on_all_others(ground):
    found, lines = settings(ground(), "leave-one-corpus-out")
    assert [(one.training, one.test) for one in found] == [
        ("b+c+d", "a"),
        ("a+c+d", "b"),
        ("a+b+d", "c"),
        ("a+b+c", "d"),
    ]
    assert lines == []


def test_pooled_trains_on_the_tested_corpus_too(ground):
    found, lines = settings(ground(whole={"b": "nobody is named"}), "pooled")
    assert [(one.training, one.test) for one in found] == [
        ("a+b+c+d", "a"),
        ("a+b+c+d", "c"),
        ("a+b+c+d", "d"),
    ]
    assert lines == [
        "pooled of feelings: not towards b: its speakers cannot be divided: nobody is named"
    ]


def test_growth_is_nested_in_three_orders_on_the_classes_of_all(ground):
    found, _ = settings(ground("acd"), "growth")
    towards_d = [one for one in found if one.test == "d"]
    assert {one.train for one in towards_d} == {("a",), ("a", "c"), ("c",), ("c", "a")}
    # All steps are about x and y; where a alone trains nothing else is to be had.
    assert {one.training for one in towards_d} == {"a", "a+c[x,y]", "c[x,y]", "c+a[x,y]"}
    ground_of_all = ground()
    assert {ground_of_all.shared(one) for one in towards_d} == {("x", "y")}


def test_growth_needs_two_classes_that_all_share(ground):
    found, lines = settings(ground("abcd"), "growth")
    assert found == []
    assert lines == [
        "growth of feelings: not towards a, b, c, d: it needs two classes that all domains share, "
        "and there is one"
    ]


def test_orders_are_drawn_with_the_seed_and_differ():
    five = tuple("abcde")
    orders = growth_orders(five, "t", 0)
    assert len(set(orders)) == 3
    assert all(sorted(one) == list(five) for one in orders)
    assert growth_orders(five, "t", 0) == orders
    assert growth_orders(five, "t", 1) != orders
    assert growth_orders(five, "u", 0) != orders
    assert sorted(growth_orders(("a", "b"), "t", 0)) == [("a", "b"), ("b", "a")]


def test_too_few_domains_are_told(ground):
    found, lines = settings(ground("ab"), "leave-one-corpus-out", "growth", "pooled")
    assert {one.protocol for one in found} == {"pooled"}
    assert lines == [
        f"{protocol} of feelings: not towards a, b: it needs two other domains to train on, and "
        "there is one"
        for protocol in ("leave-one-corpus-out", "growth")
    ]


def test_a_corpus_that_shares_no_class_trains_nothing(ground):
    one = ground("ac")
    apart = Ground(one.card, ["a", "c"], {"a": ("x", "y"), "c": ("z",)}, {})
    assert apart.trainers("a") == ()
    assert one.trainers("a") == ("c",)


def test_pairs_on_the_card_bind_all_protocols(ground):
    listed = ground(pairs=[["a", "d"], ["c", "d"]])
    found, _ = settings(listed, *PROTOCOLS)
    assert {(one.protocol, one.test) for one in found if one.protocol != "ceiling"} == {
        ("pair", "d"),
        ("leave-one-corpus-out", "d"),
        ("pooled", "d"),
        ("growth", "d"),
    }
    trained = {name for one in found if one.protocol != "pooled" for name in one.train}
    assert trained == {"a", "c", "d"}  # d in its own ceiling


def test_a_ceiling_is_run_once_for_each_set_of_classes(ground):
    found, _ = settings(ground("acd"), "pair", "leave-one-corpus-out", "ceiling")
    ceilings = [one for one in found if one.protocol == "ceiling"]
    assert {(one.training, one.test) for one in ceilings} == {
        ("a", "a"),
        ("c[x,y]", "c"),  # beside a
        ("d[x,y]", "d"),
        ("c", "c"),  # beside d, and all others together
        ("d", "d"),
    }


def test_no_ceiling_where_speakers_cannot_be_divided(ground):
    found, _ = settings(ground("cd", whole={"c": "one speaker"}), "pair", "ceiling")
    assert [one.test for one in found if one.protocol == "ceiling"] == ["d"]
    assert settings(ground("cd"), "ceiling")[0] == []  # nothing that it would be the ceiling of


def test_regression_has_no_classes(ground):
    numbers = {
        "target": "regression",
        "classes": [],
        "low": 0,
        "high": 1,
        "metrics": ["ccc"],
    }
    found, lines = settings(ground("abc", **numbers), *PROTOCOLS)
    assert lines == []
    assert all("[" not in one.training for one in found)
    assert sum(one.protocol == "ceiling" for one in found) == 3


def test_what_trains_is_read_back_from_the_slot():
    for one in (
        Setting("pair", ("a",), "b"),
        Setting("growth", ("a", "b"), "c", ("no cold", "cold")),
    ):
        assert slots.domains_of(one.training) == one.train
        assert slots.classes_of(one.training) == one.classes
