import io
import json

import pandas as pd
import pytest

from paralbench.errors import ParalbenchError
from paralbench.report.leaderboard import RunTables, leaderboard
from paralbench.report.render import cell_text, render, terminal
from paralbench.report.transfer import transfer_matrix, transfer_tables

from .conftest import score


def board(run, **options):
    return leaderboard(RunTables.read(run), **options)


def test_upstreams_are_ordered_by_mean_rank_with_the_floors_beneath(make_run):
    found = board(
        make_run(
            [
                score("1", "good", "emotion", 0.8),
                score("2", "good", "gender", 0.9),
                score("3", "bad", "emotion", 0.6),
                score("4", "bad", "gender", 0.7),
                score("5", "none", "emotion", 0.9, recipe="majority"),
            ]
        )
    )
    assert list(found.rows) == ["good", "bad", "(majority)"]
    assert found.mean_rank == {"good": 1.0, "bad": 2.0}
    assert found.rows["good"]["emotion"].value == 0.8


def test_a_metric_where_lower_is_better_ranks_the_other_way(make_run):
    rows = [
        score("1", "near", "age", 5.0, metric="mae"),
        score("2", "far", "age", 9.0, metric="mae"),
    ]
    found = board(make_run(rows, lower=["age"]))
    assert found.mean_rank == {"near": 1.0, "far": 2.0}
    assert found.columns["age"][0] == "age MAE ↓"


def test_only_tasks_that_all_upstreams_have_are_ranked(make_run):
    found = board(
        make_run(
            [
                score("1", "a", "emotion", 0.5),
                score("2", "b", "emotion", 0.6),
                score("3", "a", "gender", 0.99),
            ]
        )
    )
    assert found.mean_rank == {"b": 1.0, "a": 2.0}
    assert "gender" not in found.rows["b"]


def test_ties_share_a_rank(make_run):
    rows = [score("1", "a", "t", 0.5), score("2", "b", "t", 0.5), score("3", "c", "t", 0.4)]
    assert board(make_run(rows)).mean_rank == {"a": 1.5, "b": 1.5, "c": 3.0}


def test_leaking_and_contaminated_rows_are_shown_but_not_ranked(make_run):
    found = board(
        make_run(
            [
                score("1", "a", "leaky", 0.9, leakage="speaker"),
                score("2", "a", "clean", 0.5),
                score("3", "b", "clean", 0.6),
                score("4", "seen", "clean", 0.99, contaminated=True),
            ]
        )
    )
    assert found.mean_rank == {"b": 1.0, "a": 2.0}
    assert found.rows["seen"]["clean"].stamp == "contaminated"
    assert any("not ranked, the split leaks: speaker" in note for note in found.notes)


def test_a_missing_interval_is_explained(make_run):
    why = "none: one speaker in class female"
    row = score("1", "a", "gender", 0.9, ci_low=None, ci_high=None, interval_method=why)
    found = board(make_run([row]))
    assert found.notes == ("No interval for gender: one speaker in class female.",)


def test_a_failed_cell_is_a_dash_and_a_note_with_the_reason(make_run):
    rows = [score("1", "a", "t", 0.5)]
    run = make_run(rows, failures=[score("2", "b", "t", 0.0)])
    found = board(run)
    assert "b" not in found.rows
    assert "b on t: failed: no memory" in found.notes


def test_speaker_normalisation_is_another_leaderboard(make_run):
    rows = [
        score("1", "a", "t", 0.5),
        score("2", "a", "t", 0.9, normalisation="speaker", transductive=True),
    ]
    run = make_run(rows)
    assert board(run).rows["a"]["t"].value == 0.5
    other = board(run, normalisation="speaker").rows["a"]["t"]
    assert (other.value, other.stamp) == (0.9, "transductive")


def test_a_recipe_of_single_layers_has_a_row_for_each(make_run):
    rows = [score("1", "a", "t", 0.5, recipe="layers", layer="3"), score("2", "a", "t", 0.6)]
    assert list(board(make_run(rows), recipe="layers").rows) == ["a, layer 3"]


def test_scores_are_written_as_papers_write_them():
    from paralbench.report.leaderboard import Score

    assert cell_text(Score(0.6121, 0.54, 0.684, "", None)) == ".612 [.540, .684]"
    assert cell_text(Score(-0.05, None, None, "", "why")) == "-.050"
    assert cell_text(Score(1.0, None, None, "", "why")) == "1.000"
    assert cell_text(Score(10.0512, 9.5, 11.25, "", None)) == "10.05 [9.500, 11.25]"
    assert cell_text(None) == "-"


def test_every_format_holds_the_same_numbers(make_run):
    found = [board(make_run([score("1", "a<b>", "t", 0.5), score("2", "b", "t", 0.25)]))]
    csv = pd.read_csv(io.StringIO(render(found, "csv")))
    assert dict(zip(csv["upstream"], csv["value"], strict=True)) == {"a<b>": 0.5, "b": 0.25}
    (data,) = json.loads(render(found, "json"))
    assert {row["upstream"]: row["value"] for row in data["rows"]} == {"a<b>": 0.5, "b": 0.25}
    text = render(found, "markdown")
    assert "| a&lt;b> | .500\\* [.400, .600] | 1.0 |" in text
    with pytest.raises(ParalbenchError, match="'html' is not allowed"):
        render(found, "html")


def test_the_terminal_table_shows_scores_and_chance(make_run):
    from rich.console import Console

    console = Console(width=120, file=io.StringIO(), record=True)
    console.print(terminal(board(make_run([score("1", "a", "t", 0.5)]))))
    text = console.export_text()
    assert ".500 [.400, .600]" in text
    assert "(chance)" in text


def pair(cell, upstream, train, test, value):
    return score(
        cell, upstream, "emotion", value, setting="pair", train_corpora=train, test_corpus=test
    )


def test_transfer_has_a_column_for_each_ordered_pair(make_run):
    run = make_run(
        [pair("1", "a", "nemo", "urdu", 0.4), pair("2", "a", "urdu", "nemo", 0.3),
         score("3", "a", "emotion-task", 0.7)]
    )  # fmt: skip
    tables = RunTables.read(run)
    (found,) = transfer_tables(tables)
    assert found.rows["a"]["nemo -> urdu"].value == 0.4
    assert set(found.columns) == {"nemo -> urdu", "urdu -> nemo"}
    assert found.title.startswith("Transfer of emotion, UAR ↑: train -> test")
    matrix = transfer_matrix(tables, "emotion", "a")
    assert matrix.loc["urdu", "nemo"] == 0.3
    assert pd.isna(matrix.loc["nemo"].get("nemo", float("nan")))
