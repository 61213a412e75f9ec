import re

import pytest

from paralbench.report.latex import escape, latex
from paralbench.report.leaderboard import Leaderboard, Score
from paralbench.report.run_tables import RunTables
from paralbench.report.transfer import transfer_tables

from .test_leaderboard import pair


def board() -> Leaderboard:
    return Leaderboard(
        title="Leaderboard: 100 % of it",
        columns={"emotion": ("emotion UAR ↑", 0.25), "age": ("age MAE ↓", None)},
        rows={
            "a_large": {
                "emotion": Score(0.612, 0.54, 0.684, "", None, best=True),
                "age": Score(10.25, None, None, "", "why"),
            },
            "b & c": {"emotion": Score(0.6, 0.5, 0.7, "", None, tied=True)},
            "(majority)": {"emotion": Score(0.25, None, None, "", "why")},
        },
        mean_rank={"a_large": 1.0, "b & c": 2.0},
        notes=("b & c on age: failed:\nno memory",),
    )


def test_the_best_is_bold_ties_are_underlined_and_intervals_small():
    lines = latex(board()).splitlines()
    assert r"upstream & emotion UAR $\uparrow$ & age MAE $\downarrow$ & mean rank \\" in lines
    assert r"a\_large & \textbf{.612} {\scriptsize [.540, .684]} & 10.25 & 1.0 \\" in lines
    assert r"b \& c & \underline{.600} {\scriptsize [.500, .700]} & - & 2.0 \\" in lines
    assert lines.count(r"\midrule") == 2
    assert lines[lines.index(r"(majority) & .250 & - &  \\") - 1] == r"\midrule"
    assert r"\begin{tabular}{lrrr}" in lines
    marks = "Bold is the best of its column, underlined what is not told apart from it."
    assert rf"\caption{{Leaderboard: 100 \% of it. {marks}}}" in lines
    assert lines[-2:] == ["% b & c on age: failed:", "% no memory"]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a_b%#&$", r"a\_b\%\#\&\$"),
        ("\\{~^}", r"\textbackslash{}\{\textasciitilde{}\textasciicircum{}\}"),
        ("a < b|c → d", r"a \textless{} b\textbar{}c $\rightarrow$ d"),
        ("two\n lines", "two lines"),
    ],
)
def test_nothing_in_a_name_means_anything_to_latex(text, wanted):
    assert escape(text) == wanted


def test_pairs_of_corpora_go_down(make_run):
    run = make_run([pair("1", "a", "nemo", "urdu", 0.4), pair("2", "b", "nemo", "urdu", 0.3)])
    (table,) = transfer_tables(RunTables.read(run))
    lines = latex(table, pairs_as_rows=True).splitlines()
    (line,) = [line for line in lines if line.startswith(r"nemo -\textgreater{} urdu")]
    assert r"\textbf{.400} {\scriptsize [.300, .500]}" in line
    assert re.search(r"& \.300 \{", line)


def test_every_row_has_as_many_fields_as_columns():
    text = latex(board())
    (spec,) = re.findall(r"begin\{tabular\}\{(\w+)\}", text)
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert {len(re.findall(r"(?<!\\)&", row)) + 1 for row in rows} == {len(spec)}
    assert text.count("{") == text.count("}")
