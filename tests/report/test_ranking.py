"""Comparisons and rankings, from run folders with predictions."""

import io
import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from paralbench.errors import ParalbenchError, UnknownNameError
from paralbench.metrics import METRICS
from paralbench.report.leaderboard import RunTables, leaderboard
from paralbench.report.ranking import compare, rank
from paralbench.report.render_ranking import lines, render, sentences
from paralbench.statistics.paired import difference
from paralbench.tables import RunFolder

from .compared import answers, write_run
from .conftest import score


@pytest.fixture
def tables(tmp_path):
    def make(*cells):
        return RunTables.read(write_run(tmp_path / "run", cells))

    return make


def test_a_comparison_is_the_paired_difference_of_the_predictions(tables):
    good, bad = answers(0.8), answers(0.6)
    run = tables(("good", "t", {}, good), ("bad", "t", {}, bad))
    found = compare(run, "t", "good", "bad")
    expected = difference(METRICS["uar"], good[0], good[1], bad[1], good[2], seed=0)
    assert found.difference == expected
    assert found.difference.p_value < 0.05
    assert (found.column, found.better, found.n_utterances, found.left_out) == ("t", "good", 240, 0)
    other = compare(run, "t", "bad", "good")
    assert other.difference.value == -expected.value
    assert other.better == "good"


def test_a_published_folder_says_the_same(tables, tmp_path):
    run = tables(("good", "t", {}, answers(0.8)), ("bad", "t", {}, answers(0.6)))
    run.run.publish(tmp_path / "published")
    published = RunTables.read(RunFolder(tmp_path / "published"))
    assert compare(published, "t", "good", "bad") == compare(run, "t", "good", "bad")


def test_numbers_and_a_metric_where_lower_is_better(tables):
    rng = np.random.default_rng(0)
    speaker = np.repeat([f"s{one}" for one in range(8)], 10)
    truth = rng.uniform(20, 80, 80)
    near, far = (truth + scale * rng.normal(size=(1, 80)) for scale in (3, 9))
    run = tables(
        ("near", "age", {"metric": "mae"}, (truth, near, speaker)),
        ("far", "age", {"metric": "mae"}, (truth, far, speaker)),
    )
    found = compare(run, "age", "near", "far")
    errors = pd.DataFrame(abs(np.concatenate([near, far]) - truth).T).groupby(speaker).mean()
    assert found.difference.p_value == pytest.approx(stats.ttest_rel(errors[0], errors[1]).pvalue)
    assert found.difference.value < 0
    assert found.better == "near"


def test_utterances_that_one_lacks_are_left_out_and_counted(tables):
    truth, good, speaker = answers(0.8)
    _, bad, _ = answers(0.6)
    run = tables(
        ("good", "t", {}, (truth, good, speaker)),
        ("bad", "t", {}, (truth[:-7], bad[:, :-7], speaker[:-7])),
    )
    found = compare(run, "t", "good", "bad")
    assert (found.n_utterances, found.left_out) == (233, 7)
    one = METRICS["uar"](truth[:-7], good[0, :-7]) + METRICS["uar"](truth[:-7], good[1, :-7])
    two = METRICS["uar"](truth[:-7], bad[0, :-7]) + METRICS["uar"](truth[:-7], bad[1, :-7])
    assert found.difference.value == pytest.approx((one - two) / 2)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"interval_method": "session-bootstrap"}, "sessions unknown"),
        ({"speaker": None}, "speakers unknown"),
        ({"speakers": 4}, "4 speakers; at least 5 are needed"),
        ({"predictions": None}, "no predictions in this folder"),
        ({"truth": "other"}, "the two were scored against other labels"),
    ],
)
def test_what_cannot_be_compared_has_a_reason(tables, change, reason):
    n_speakers = change.get("speakers", 12)
    one, two = answers(0.8, n_speakers), answers(0.6, n_speakers)
    if "speaker" in change:
        one, two = ((*given[:2], [None] * len(given[0])) for given in (one, two))
    if "truth" in change:
        two = (two[0][::-1], *two[1:])
    row = {key: value for key, value in change.items() if key == "interval_method"}
    given = None if "predictions" in change else two
    run = tables(("a", "t", row, one), ("b", "t", {**row, "value": 0.5}, given))
    found = compare(run, "t", "a", "b")
    assert found.difference.reason.startswith(reason)
    assert found.difference.p_value is None
    assert found.difference.value > 0


@pytest.mark.parametrize("unit", ["session", "utterance"])
def test_without_speakers_what_the_intervals_resample_is_compared(tables, unit):
    truth, good, session = answers(0.8)
    _, bad, _ = answers(0.6)
    nobody = [None] * len(truth)
    row = {"interval_method": f"{unit}-bootstrap"}
    run = tables(
        ("good", "t", row, (truth, good, nobody, session)),
        ("bad", "t", row, (truth, bad, nobody, session)),
    )
    found = compare(run, "t", "good", "bad").difference
    assert found == difference(METRICS["uar"], truth, good, bad, session, seed=0, unit=unit)
    assert found.p_value < 0.05
    assert found.n_units == {"session": 12, "utterance": 240}[unit]


def test_unknown_names_and_several_pairs_are_refused(tables):
    given = answers(0.8)
    pair = {"setting": "pair", "train_corpora": "x"}
    run = tables(
        ("a", "t", {**pair, "test_corpus": "y"}, given),
        ("a", "t", {**pair, "test_corpus": "z"}, given),
    )
    with pytest.raises(UnknownNameError, match=r"'b'.*Known: a"):
        compare(run, "t", "a", "b", setting="pair", test="y")
    with pytest.raises(ParalbenchError, match="x -> y, x -> z; say which by train and test"):
        compare(run, "t", "a", "a", setting="pair")


@pytest.mark.parametrize("joined", ["sure no", "no sure", "not at all sure", "sure not at all"])
def test_the_positive_class_is_the_last_of_the_card(tmp_path, joined):
    """F1 of the positive class needs the card's order, also where a class's name has a blank."""
    negative = next(name for name in ("no", "sure", "not at all") if joined.startswith(name))
    positive = joined.removeprefix(negative).strip()
    rename = {"no": negative, "yes": positive}
    cells = []
    for name, skill in (("a", 0.8), ("b", 0.6)):
        truth, prediction, speaker = answers(skill)
        renamed = (np.vectorize(rename.get)(one) for one in (truth, prediction))
        value = np.mean([METRICS["positive-f1"](truth, one, ["no", "yes"]) for one in prediction])
        more = {"metric": "positive-f1", "value": value}
        cells.append((name, "t", more, (*renamed, speaker)))
    run = write_run(tmp_path / "run", cells, classes=joined)
    found = compare(RunTables.read(run), "t", "a", "b")
    scores = RunTables.read(run).scores.set_index("upstream")["value"]
    assert found.difference.value == pytest.approx(scores["a"] - scores["b"])


def ladder(n_tasks, skills, **more):
    """Cells of upstreams whose skills are steps apart, on several tasks."""
    return [
        (name, f"task{task:02}", {"test_corpus": f"c{task}", **more}, answers(skill, seed=task))
        for task in range(n_tasks)
        for name, skill in skills.items()
    ]


def test_the_leaderboard_marks_the_best_and_who_cannot_be_told_from_it(tables):
    run = tables(
        ("best", "t", {}, answers(0.8)),
        ("close", "t", {}, answers(0.78)),
        ("far", "t", {}, answers(0.6)),
        ("leaky", "t", {"contaminated": True}, answers(0.95)),
    )
    board = leaderboard(run)
    marks = {name: (row["t"].best, row["t"].tied) for name, row in board.rows.items()}
    assert marks["best"] == (True, False)
    assert marks["close"] == (False, True)
    assert marks["far"] == marks["leaky"] == (False, False)
    assert any("≈ one that is not told apart" in note for note in board.notes)
    frame = board.frame().set_index("upstream")
    assert frame["tied"].to_dict() == {"best": False, "close": True, "far": False, "leaky": False}
    without = leaderboard(run, ties=False)
    assert not any(score.best for row in without.rows.values() for score in row.values())


def test_ties_are_corrected_for_the_number_of_upstreams(tables):
    """Of many comparisons with the best, one that is significant on its own no longer is."""
    best, second = answers(0.8), answers(0.745)
    p = difference(METRICS["uar"], best[0], best[1], second[1], best[2], seed=0).p_value
    assert 0.05 / 6 < p < 0.05
    alone = leaderboard(tables(("best", "t", {}, best), ("second", "t", {}, second)))
    assert not alone.rows["second"]["t"].tied
    more = [(f"x{one}", "t", {}, answers(0.781 + one / 1000)) for one in range(5)]
    among = leaderboard(tables(("best", "t", {}, best), ("second", "t", {}, second), *more))
    assert among.rows["second"]["t"].tied


def test_a_column_that_cannot_be_compared_says_why(tables):
    run = tables(("a", "t", {}, answers(0.8, 4)), ("b", "t", {}, answers(0.6, 4)))
    board = leaderboard(run)
    assert board.rows["a"]["t"].best
    assert not board.rows["b"]["t"].tied
    assert "* is the best upstream of each task." in board.notes
    note = "Not compared with the best of t: 4 speakers; at least 5 are needed."
    assert note in board.notes


def test_a_ranking_of_clear_steps(tables):
    skills = {"good": 0.9, "fair": 0.75, "poor": 0.55}
    found = rank(tables(*ladder(8, skills)))
    assert list(found.frame["upstream"]) == ["good", "fair", "poor"]
    assert list(found.frame["group"]) == list(found.frame["place"]) == [1, 2, 3]
    assert list(found.frame["mean_rank"]) == [1, 2, 3]
    assert list(found.frame["win_rate"]) == [1, 0.5, 0]
    assert list(found.frame["borda"]) == [16, 8, 0]
    assert list(found.frame["best_in"]) == [8, 0, 0]
    assert list(found.frame["worst_place"]) == [1, 2, 3]
    # Eight differences of one sign: 2 / 2^8, three times that by Holm for each.
    assert found.pairs["p_value"].to_list() == [2 / 2**8] * 3
    assert found.pairs["p_holm"].to_list() == pytest.approx([6 / 2**8] * 3)
    assert found.pairs["different"].all()
    assert (found.pairs["probability_first"] > 0.99).all()
    assert found.cliques == ()
    expected = stats.friedmanchisquare(*found.ranks.to_numpy())
    assert found.friedman.p_value == pytest.approx(expected.pvalue)
    assert found.missing == {}


def test_a_handful_of_tasks_tells_nothing_apart_and_says_so(tables):
    found = rank(tables(*ladder(5, {"good": 0.9, "fair": 0.75, "poor": 0.55})))
    assert list(found.frame["place"]) == [1, 2, 3]
    assert list(found.frame["group"]) == [1, 1, 1]
    assert found.cliques == (("good", "fair", "poor"),)
    (note,) = found.notes
    assert note.startswith("5 tasks cannot tell 3 upstreams apart")
    assert "0.0625, above 0.05" in note


def test_equal_upstreams_share_their_place_and_group(tables):
    given = {"a": 0.75, "b": 0.75, "c": 0.55}
    found = rank(tables(*ladder(7, given)))
    assert list(found.frame["place"]) == [1, 1, 3]
    assert list(found.frame["group"]) == [1, 1, 2]
    assert found.cliques == (("a", "b"),)
    same = found.pairs.iloc[0]
    assert (same["difference"], same["p_value"], same["probability_same"]) == (0, 1, 1)
    assert list(found.frame["best_in"]) == [7, 7, 0]


def test_metrics_of_other_directions_and_units_count_alike(tables):
    """MAE of 4 and 12 years where chance is 16 are skills of 0.75 and 0.25."""
    run = tables(
        ("near", "age", {"metric": "mae", "value": 4.0, "chance": 16.0}, None),
        ("far", "age", {"metric": "mae", "value": 12.0, "chance": 16.0}, None),
        ("near", "gender", {"value": 0.6, "test_corpus": "other"}, None),
        ("far", "gender", {"value": 0.8, "test_corpus": "other"}, None),
    )
    found = rank(run)
    assert found.ranks.loc["near"].to_dict() == {"age": 1, "gender": 2}
    skills = found.frame.set_index("upstream")["skill"].to_dict()
    assert skills == pytest.approx({"near": (0.75 + 0.2) / 2, "far": (0.25 + 0.6) / 2})


def test_columns_that_do_not_count_are_named_with_the_reason(tables):
    usual = ladder(2, {"a": 0.9, "b": 0.7})
    given = {"value": 0.5}
    run = tables(
        *usual,
        ("a", "leaky", {**given, "leakage": "speaker"}, None),
        ("b", "leaky", {**given, "leakage": "speaker"}, None),
        ("a", "seen", {**given, "contaminated": True}, None),
        ("b", "seen", given, None),
        ("a", "read", {**given, "transductive": True}, None),
        ("b", "read", {**given, "transductive": True}, None),
        ("a", "lacking", given, None),
        ("own", "seen", {**given, "contaminated": True}, None),
    )
    found = rank(run)
    assert found.columns == ("task00", "task01")
    assert "leaky: not ranked: the split leaks: speaker." in found.notes
    assert "seen: not ranked: a: the upstream was trained on the test corpus." in found.notes
    assert "read: not ranked: unlabelled test data was read." in found.notes
    assert "lacking: not ranked: b: not run." in found.notes
    assert "own: not ranked: the upstream was trained on the test corpus." in found.notes
    assert found.missing["b", "lacking"] == "not run"


def test_a_failed_cell_is_missing_with_what_it_said(make_run):
    rows = [score("1", "a", "t", 0.5), score("2", "b", "t", 0.6), score("3", "a", "u", 0.5)]
    run = make_run(rows, failures=[score("4", "b", "u", 0.0)])
    found = rank(RunTables.read(run))
    assert found.columns == ("t",)
    assert found.missing == {("b", "u"): "failed: no memory"}
    assert "u: not ranked: b: failed: no memory." in found.notes


def test_some_upstreams_may_have_more_columns_in_common(tables):
    run = tables(*ladder(3, {"a": 0.9, "b": 0.7}), ("c", "task00", {"value": 0.6}, None))
    assert rank(run).columns == ("task00",)
    found = rank(run, upstreams=["a", "b"])
    assert found.columns == ("task00", "task01", "task02")
    assert list(found.frame["upstream"]) == ["a", "b"]
    with pytest.raises(UnknownNameError, match="unknown upstream to rank 'x'"):
        rank(run, upstreams=["x"])


def test_speaker_normalisation_is_another_ranking(tables):
    normalised = {"normalisation": "speaker", "transductive": True}
    run = tables(*ladder(2, {"a": 0.9, "b": 0.7}), *ladder(1, {"b": 0.9, "a": 0.7}, **normalised))
    assert list(rank(run).frame["upstream"]) == ["a", "b"]
    other = rank(run, normalisation="speaker")
    assert list(other.frame["upstream"]) == ["b", "a"]


def test_chosen_layers_are_named_as_mixes_are(tables):
    chosen = {"layer": "chosen", "recipe": "ridge"}
    run = tables(*ladder(1, {"a": 0.9, "b": 0.7}, **chosen))
    assert list(rank(run, recipe="ridge").frame["upstream"]) == ["a", "b"]
    assert list(leaderboard(run, recipe="ridge").rows) == ["a", "b"]
    single = tables(*ladder(1, {"a": 0.9, "b": 0.7}, layer="3", recipe="layers"))
    assert list(rank(single, recipe="layers").frame["upstream"]) == ["a, layer 3", "b, layer 3"]
    assert compare(single, "task00", "a, layer 3", "b, layer 3", recipe="layers").better[0] == "a"


def test_transfer_is_ranked_by_pairs_and_warned_of(tables):
    cells = []
    for train, test in (("x", "y"), ("y", "x")):
        where = {"setting": "pair", "train_corpora": train, "test_corpus": test}
        cells += [(n, "emotion", where, answers(s)) for n, s in (("a", 0.8), ("b", 0.6))]
    found = rank(tables(*cells), setting="pair")
    assert found.columns == ("emotion: x -> y", "emotion: y -> x")
    assert any("have a corpus in common are not independent" in note for note in found.notes)
    with pytest.raises(ParalbenchError, match=r"no scores of setting 'pair', .* label 'other'"):
        rank(tables(*cells), setting="pair", label="other")


def test_tasks_on_one_corpus_are_named(tables):
    more = {"value": 0.5, "test_corpus": "c0"}
    run = tables(
        *ladder(3, {"a": 0.9, "b": 0.7}), ("a", "more", more, None), ("b", "more", more, None)
    )
    assert any("trust them too much: more, task00 (c0)" in note for note in rank(run).notes)


def test_a_column_without_chance_is_ranked_but_not_tested(tables):
    cells = ladder(6, {"a": 0.9, "b": 0.7})
    lacking = [
        (name, "odd", {"value": value, "chance": None}, None)
        for name, value in (("a", 1.0), ("b", 2.0))
    ]
    found = rank(tables(*cells, *lacking))
    assert found.ranks.loc["a", "odd"] == 2
    assert found.pairs["p_value"].to_list() == [2 / 2**6]
    assert any(note.startswith("Chance is unknown or perfect for odd") for note in found.notes)


def test_one_upstream_is_no_ranking(tables):
    found = rank(tables(*ladder(2, {"a": 0.9})))
    assert found.frame.empty
    assert found.notes[-1] == "No ranking of 1 upstream, 2 columns: 2 and 1 are needed."
    assert sentences(found) == list(found.notes)
    assert json.loads(render(found, "json"))["upstreams"] == []


def test_every_format_holds_the_same_numbers(tables):
    found = rank(tables(*ladder(8, {"good": 0.9, "fair": 0.75, "poor": 0.55})))
    csv = pd.read_csv(io.StringIO(render(found, "csv")))
    data = json.loads(render(found, "json"))
    assert csv["mean_rank"].to_list() == [row["mean_rank"] for row in data["upstreams"]]
    assert csv["rank task00"].to_list() == [1, 2, 3]
    assert data["upstreams"][0]["ranks"]["task07"] == 1
    assert data["friedman"]["p_value"] == pytest.approx(found.friedman.p_value)
    assert [row["p_holm"] for row in data["pairs"]] == pytest.approx(found.pairs["p_holm"])
    text = render(found, "markdown")
    assert "| good | 1 | 1 | 1 | 1.00 | 1.00 | 16 |" in text
    assert "- 3 of 3 pairs of upstreams differ" in text
    assert lines(found)[0][8] == "-"
    with pytest.raises(ParalbenchError, match="'html' is not allowed"):
        render(found, "html")
