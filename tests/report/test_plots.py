import re

import pytest

from paralbench.cli import main
from paralbench.errors import MissingExtraError, ParalbenchError, UnknownNameError
from paralbench.report.plots.draw import draw
from paralbench.report.plots.kinds import ABOUT, KINDS
from paralbench.report.plots.options import Options
from paralbench.tables import RunFolder

from .conftest import score
from .made_up import write_run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_run(
        tmp_path_factory.mktemp("plots") / "run",
        upstreams=["wavlm-large", "hubert-base", "tera-960h"],
        tasks=["emotion", "age"],
        corpora=("emodb", "iemocap", "ravdess"),
        growth=True,
        seeds=2,
        failed=[("hubert-base", "age")],
    )


def texts(svg: str) -> str:
    """What the comments of a drawing say: matplotlib writes each text beside its outlines."""
    return "\n".join(re.findall(r"<!-- (.*?) -->", svg))


def test_every_kind_is_described_and_can_be_drawn(run, tmp_path):
    assert set(ABOUT) == set(KINDS)
    for kind in KINDS:
        out = draw(run, kind, tmp_path / f"{kind}.svg")
        assert "<svg" in out.read_text()


@pytest.mark.parametrize("form", ["pdf", "svg", "png"])
def test_the_same_tables_give_the_same_bytes(run, tmp_path, form):
    one = draw(run, "scores", tmp_path / f"one.{form}").read_bytes()
    two = draw(run, "scores", tmp_path / f"two.{form}").read_bytes()
    assert one == two
    assert {"pdf": b"%PDF", "svg": b"<?xml", "png": b"\x89PNG"}[form] in one[:8]


def test_letters_of_a_pdf_stay_letters_and_the_width_is_that_of_a_column(run, tmp_path):
    text = draw(run, "confusion", tmp_path / "a.pdf").read_bytes()
    assert b"/FontType 42" in text or b"/Subtype /Type0" in text or b"/TrueType" in text
    (box,) = re.findall(rb"/MediaBox \[ 0 0 ([\d.]+) [\d.]+ \]", text)
    assert float(box) == pytest.approx(3.3 * 72, abs=0.01)
    wide = draw(run, "confusion", tmp_path / "b.pdf", Options(width=6.9)).read_bytes()
    (box,) = re.findall(rb"/MediaBox \[ 0 0 ([\d.]+) [\d.]+ \]", wide)
    assert float(box) == pytest.approx(6.9 * 72, abs=0.01)


def test_a_heat_map_holds_the_numbers_of_the_tables(run, tmp_path):
    from paralbench.report.figures.numbers import number
    from paralbench.report.reading import Run

    told = texts(draw(run, "heatmap", tmp_path / "a.svg").read_text()).splitlines()
    pooled = Run.open(run).pooled
    rows = pooled[(pooled["setting"] == "within") & pooled["primary"]]
    rows = rows[rows["recipe"] != "layers"]
    for value in rows["value"]:
        assert number(value) in told
    assert "\u2013" in told  # of the cell that failed


def test_task_and_upstream_can_be_chosen(run, tmp_path):
    options = Options(task="emotion: emodb → iemocap", upstream="hubert-base")
    told = texts(draw(run, "confusion", tmp_path / "a.svg", options).read_text())
    assert "emotion: emodb → iemocap, hubert-base, % of each true class" in told
    first = texts(draw(run, "layers", tmp_path / "b.svg", Options(task="age")).read_text())
    assert "age, by layer" in first


def test_drops_are_those_of_the_table(run, tmp_path):
    from paralbench.report.figures.numbers import number

    folder = RunFolder(run)
    scores = folder.read("scores").drop_duplicates("cell").set_index("cell")
    lost = folder.read("drops")
    mine = lost[lost["cell"].map(scores["upstream"]) == "hubert-base"]
    options = Options(upstream="hubert-base")
    told = texts(draw(run, "drops", tmp_path / "a.svg", options).read_text()).splitlines()
    assert "emotion, hubert-base" in told
    assert len(mine) == 6
    for _, row in mine.iterrows():
        cell = scores.loc[row["cell"]]
        assert f"{cell['train_corpora']} → {cell['test_corpus']}" in told
        assert number(row["drop"]) in told


def test_growth_is_drawn_for_each_tested_corpus(run, tmp_path):
    options = Options(task="emotion → ravdess")
    told = texts(draw(run, "growth", tmp_path / "a.svg", options).read_text()).splitlines()
    assert {"emotion → ravdess", "training corpora", "hubert-base"} <= set(told)
    with pytest.raises(UnknownNameError, match="emotion → emodb, emotion → iemocap"):
        draw(run, "growth", tmp_path / "b.svg", Options(task="emotion"))


def test_growth_is_of_its_own_settings_and_each_set_of_corpora_once(run):
    from paralbench.report.figures.transfer import growth
    from paralbench.report.reading import Run

    rows = growth(Run.open(run))
    one = rows[(rows["name"] == "hubert-base") & (rows["test"] == "ravdess")]
    assert list(one["train"]) == ["emodb", "iemocap", "emodb + iemocap"]
    scores = RunFolder(run).read("scores")
    own = scores[(scores["setting"] == "growth") & (scores["test_corpus"] == "ravdess")]
    assert set(one["value"]) <= set(own["value"])


def test_a_name_with_a_dollar_is_no_formula(make_run, tmp_path):
    rows = [score("1", "a_$x^2$", "t", 0.5), score("2", "b$", "t", 0.6)]
    told = texts(draw(make_run(rows).path, "scores", tmp_path / "a.svg").read_text())
    assert "a_$x^2$" in told


@pytest.mark.parametrize(
    ("kind", "options", "error", "words"),
    [
        ("scatter", Options(), UnknownNameError, "unknown plot 'scatter'"),
        ("scores", Options(task="nothing"), UnknownNameError, "Known: age, emotion"),
        ("scores", Options(probe="mlp"), UnknownNameError, "Known: paralbench"),
        ("confusion", Options(upstream="x"), UnknownNameError, "unknown upstream 'x'"),
        ("efficiency", Options(cost="money"), ParalbenchError, "real-time, flops, parameters"),
    ],
)
def test_what_is_not_there_is_named(run, tmp_path, kind, options, error, words):
    with pytest.raises(error, match=words):
        draw(run, kind, tmp_path / "a.pdf", options)


def test_another_ending_is_refused(run, tmp_path):
    with pytest.raises(ParalbenchError, match=r"must end in \.pdf, \.png, \.svg"):
        draw(run, "scores", tmp_path / "a.docx")


@pytest.mark.parametrize(
    "kind",
    [
        *("ranks", "layers", "transfer", "confusion", "efficiency", "learning-curve"),
        *("drops", "growth"),
    ],
)
def test_a_run_without_the_figure_says_why(make_run, tmp_path, kind):
    run = make_run([score("1", "only", "t", 0.5)])
    with pytest.raises(ParalbenchError, match=r"nothing to draw: \S"):
        draw(run.path, kind, tmp_path / "a.pdf")
    assert not list(tmp_path.glob("a.*"))


def test_the_command_draws_and_leaves_matplotlib_as_it_was(run, tmp_path, monkeypatch, capsys):
    import matplotlib

    before = dict(matplotlib.rcParams)
    argv = ["paralbench", "plot", str(run), "ranks", "--out", str(tmp_path / "a.pdf")]
    monkeypatch.setattr("sys.argv", [*argv, "--width", "page"])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 0
    assert capsys.readouterr().out.split() == [str(tmp_path / "a.pdf")]
    assert dict(matplotlib.rcParams) == before
    monkeypatch.setattr("sys.argv", [*argv, "--width", "huge"])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 2
    assert "column, page, or 1 to 40 inches" in capsys.readouterr().err


def test_without_matplotlib_the_extra_is_named(run, tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r"paralbench\[report\]"):
        draw(run, "scores", tmp_path / "a.pdf")
