"""The ranking of upstreams across corpora, drawn from tables alone."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from tests.report.conftest import score

from paralbench.report.generalisation import generalisation, generalisation_tables
from paralbench.report.leaderboard import RunTables
from paralbench.report.render import render
from paralbench.report.transfer import growth_curves, layer_profile, transfer_tables
from paralbench.tables import TABLES

CORPORA = "abcde"


def pair(upstream, train, test, value, **more):
    given = {
        "setting": "pair",
        "train_corpora": train,
        "test_corpus": test,
        "chance": 0.25,
        "ci_low": None,
        "ci_high": None,
        "interval_method": "none: made up",
    }
    cell = f"{upstream}-{train}-{test}-{more.get('setting', 'pair')}"
    cell += f"-{more.get('layer', 'mix')}-{more.get('normalisation', 'none')}"
    return score(cell, upstream, "emotion", value, **given | more)


def pairs(values, corpora=CORPORA):
    """A row of every ordered pair; ``values`` gives each upstream's UAR of a pair."""
    return [
        pair(upstream, train, test, value(train, test))
        for upstream, value in values.items()
        for train, test in permutations(corpora, 2)
    ]


def write_drops(run, rows, ceilings):
    """Write the tables of drops: chance-normalised ceilings by upstream."""
    for row in rows:
        blank = {c.name: None if c.optional else 0 for c in TABLES["drops"].columns}
        about = {"cell": row["cell"], "layer": "mix", "metric": "uar-normalised"}
        about |= {"ceiling": ceilings[row["upstream"]], "ceiling_cell": "top", "value": 0.0}
        frame = pd.DataFrame([blank | about], columns=TABLES["drops"].names)
        run.write(row["cell"], {"drops": frame})


FIXED = {
    "strong": lambda train, test: 0.70,
    "middle": lambda train, test: 0.55,
    "weak": lambda train, test: 0.40,
}


def test_upstreams_are_ranked_by_normalised_uar(make_run):
    rows = pairs(FIXED)
    run = make_run(rows)
    write_drops(run, rows, {"strong": 0.7, "middle": 0.9, "weak": 0.5})
    found = generalisation(RunTables.read(run), "emotion")
    frame = found.frame.set_index("upstream")
    assert list(frame.index) == ["strong", "middle", "weak"]
    assert found.measure == "uar-normalised"
    assert len(found.pairs) == 20
    assert frame["score"].tolist() == pytest.approx([0.6, 0.4, 0.2])
    assert frame["place_low"].tolist() == frame["place_high"].tolist() == [1, 2, 3]
    assert frame["in_corpus"].tolist() == pytest.approx([0.7, 0.9, 0.5])
    assert frame["place_in_corpus"].tolist() == [2, 1, 3]
    assert frame["drop"].tolist() == pytest.approx([0.1, 0.5, 0.3])
    # One of three pairs of upstreams is the other way round.
    assert found.agreement.kendall == pytest.approx(1 / 3)
    assert found.agreement.spearman == pytest.approx(0.5)
    assert found.agreement.p_value == pytest.approx(1.0)


def test_stability_shows_who_lives_on_one_corpus(make_run):
    lucky = {"lucky": lambda train, test: 0.9 if "a" in (train, test) else 0.4}
    values = {**lucky, "strong": FIXED["strong"], "weak": FIXED["weak"]}
    found = generalisation(RunTables.read(make_run(pairs(values))), "emotion")
    frame = found.frame.set_index("upstream")
    place = frame.loc["lucky"]
    assert (place["best_without_a_corpus"], place["worst_without_a_corpus"]) == (2, 2)
    assert place["ci_high"] - place["ci_low"] > 0.2
    assert place["place_low"] < place["place_high"]
    steady = frame.loc["strong"]
    assert steady["ci_low"] == pytest.approx(steady["score"])
    assert "run the protocol `ceiling`" in " ".join(found.notes)


def test_only_pairs_that_all_have_count_and_few_corpora_have_no_interval(make_run):
    rows = [
        row
        for row in pairs(FIXED, "abc")
        if (row["upstream"], row["train_corpora"]) != ("weak", "a")
    ]
    rows[0] |= {"contaminated": True}
    rows[3] |= {"leakage": "speaker"}
    found = generalisation(RunTables.read(make_run(rows)), "emotion")
    assert len(found.pairs) == 3
    assert found.frame["ci_low"].isna().all()
    said = " ".join(found.notes)
    assert "3 pairs are left out, which some upstream lacks." in said
    assert "No interval over corpora: 3 corpora; at least 5 are needed." in said


def test_transductive_rows_are_ranked_where_they_are_asked_for_only(make_run):
    rows = pairs(FIXED, "abc")
    rows += [
        pair(row["upstream"], row["train_corpora"], row["test_corpus"], 0.9,
             normalisation="coral", transductive=True)
        for row in rows
    ]  # fmt: skip
    tables = RunTables.read(make_run(rows))
    assert generalisation(tables, "emotion").frame["score"].max() == pytest.approx(0.6)
    coral = generalisation(tables, "emotion", normalisation="coral")
    assert coral.frame["place"].tolist() == [1, 1, 1]


def test_languages_are_told_apart(make_run):
    rows = pairs({"x": lambda a, b: 0.7 if {a, b} <= set("ab") else 0.4, "y": FIXED["weak"]}, "abc")
    run = make_run(rows)
    for row in rows:
        same = {row["train_corpora"], row["test_corpus"]} == {"a", "b"}
        facts = pd.concat(
            [
                run.read_cells("manifest", [row["cell"]]),
                pd.DataFrame(
                    [(row["cell"], "transfer", "", "languages", "same" if same else "cross")],
                    columns=TABLES["manifest"].names,
                ),
            ]
        )
        run.write(row["cell"], {"manifest": facts})
    by_language = generalisation(RunTables.read(run), "emotion").by_language
    found = by_language.set_index(["upstream", "languages"])
    assert found.loc[("x", "same"), "score"] == pytest.approx(0.6)
    assert found.loc[("x", "cross"), "score"] == pytest.approx(0.2)
    assert found.loc[("y", "same"), "n_pairs"] == 2


def test_numbers_are_ranked_by_ccc(make_run):
    rows = [
        pair(upstream, train, test, value, metric="ccc", chance=0.0)
        for upstream, value in (("x", 0.3), ("y", 0.5))
        for train, test in permutations("abc", 2)
    ]
    found = generalisation(RunTables.read(make_run(rows)), "emotion")
    assert found.measure == "ccc"
    assert found.frame["upstream"].tolist() == ["y", "x"]
    assert found.agreement.reason is not None


def test_nothing_to_rank_is_nothing(make_run):
    tables = RunTables.read(make_run(pairs({"x": FIXED["weak"]}, "ab")))
    assert generalisation(tables, "emotion") is None
    assert generalisation(tables, "age") is None
    assert generalisation_tables(tables) == []


def test_it_is_a_leaderboard_in_every_format(make_run):
    rows = pairs(FIXED, "abc")
    run = make_run(rows)
    write_drops(run, rows, {"strong": 0.7, "middle": 0.9, "weak": 0.5})
    boards = generalisation_tables(RunTables.read(run))
    text = render(boards, "markdown")
    assert "Generalisation of emotion, uar-normalised: mean over 6 pairs" in text
    assert "Kendall's tau 0.33" in text
    strong = next(line for line in text.splitlines() if line.startswith("| strong"))
    assert ".600" in strong
    assert ".100" in strong
    assert "strong" in render(boards, "csv")


def test_each_protocol_has_its_table(make_run):
    rows = pairs(FIXED, "abc")
    rows += [
        pair("strong", "b+c", "a", 0.8, setting="leave-one-corpus-out"),
        pair("strong", "a+b+c", "a", 0.9, setting="pooled"),
        pair("strong", "a[anger,fear]", "a", 0.95, setting="ceiling"),
        pair("strong", "b", "a", 0.5, setting="growth"),
    ]
    boards = transfer_tables(RunTables.read(make_run(rows)))
    assert [board.title.split(": ")[1].split(", recipe")[0] for board in boards] == [
        "train -> test",
        "all others -> test",
        "all others and other speakers of the tested corpus -> test",
        "other speakers of the tested corpus -> test",
    ]
    headings = [[head for head, _ in board.columns.values()] for board in boards]
    assert headings[0][0] == "a -> b"
    assert headings[1:] == [["a"], ["a"], ["a, anger, fear"]]


def test_growth_curves_follow_their_orders(make_run):
    steps = ("b", "b+c", "b+c+d[x,y]", "d", "d+b", "d+b+c[x,y]", "c")
    rows = [
        pair("x", train, "a", 0.3 + 0.1 * train.count("+"), setting="growth") for train in steps
    ]
    found = growth_curves(RunTables.read(make_run(rows)), "emotion")
    curves = found.groupby("order")
    assert curves["train"].agg(list).to_dict() == {
        "b+c+d": ["b", "b+c", "b+c+d"],
        "d+b+c": ["d", "d+b", "d+b+c"],
    }
    assert curves["n_corpora"].agg(list).to_dict() == {"b+c+d": [1, 2, 3], "d+b+c": [1, 2, 3]}
    assert curves.get_group("b+c+d")["value"].tolist() == pytest.approx([0.3, 0.4, 0.5])


def test_the_best_layer_of_each_setting_is_marked(make_run):
    rows = [
        pair("x", train, "a", value, recipe="layers", layer=str(layer), setting=setting)
        for setting, train, values in (
            ("pair", "b", (0.3, 0.6, 0.4)),
            ("ceiling", "a", (0.7, 0.8, 0.9)),
        )
        for layer, value in enumerate(values)
    ]
    # Layers of one cell are rows of one slot here, so that each needs a train of its own.
    for row in rows:
        row["upstream"] = f"x{row['layer']}"
    tables = RunTables.read(make_run(rows))
    tables.scores["upstream"] = "x"
    found = layer_profile(tables, "emotion")
    best = found[found["best"]].set_index("setting")["layer"]
    assert best.to_dict() == {"pair": 1, "ceiling": 2}
    assert found["layer"].tolist() == [0, 1, 2] * 2
    assert np.isfinite(found["value"]).all()
