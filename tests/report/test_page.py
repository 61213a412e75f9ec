import json
import re
import sys
from pathlib import Path

import pandas as pd
import pytest

from paralbench.cli import main
from paralbench.errors import StoreError
from paralbench.report.page import page_text, write_page
from paralbench.report.page.encode import columnar, frame_of, script_json
from paralbench.report.render import cell_text
from paralbench.report.run_tables import RunTables
from paralbench.tables import TABLES, RunFolder

from .conftest import score
from .made_up import write_run
from .pages import Page, embedded


@pytest.fixture(scope="module")
def demo(repository):
    """The page of the published demo run, built from its folder alone."""
    return page_text(repository / "results" / "demo")


def leaderboard(page: Page) -> dict[tuple[str, str], str]:
    """(upstream, task) to what the visible table of the default recipe shows."""
    named = "Probe paralbench, within corpora"
    (rows,) = [rows for caption, rows in page.tables.items() if caption.startswith(named)]
    heads = [head.split()[0] for head in rows[0]]
    return {
        (row[0], head): cell
        for row in rows[1:]
        for head, cell in zip(heads[1:], row[1:], strict=True)
    }


def plain(cell: str) -> str:
    """A cell without marks: value and interval."""
    return re.sub("[†‡§°≈*]", "", cell)


def test_the_visible_leaderboard_shows_the_numbers_of_the_tables(demo, repository):
    from paralbench.report.leaderboard import leaderboard as board

    shown = leaderboard(Page(demo))
    found = board(RunTables.read(RunFolder(repository / "results" / "demo")))
    assert len(found.rows) >= 3
    for name, scores in found.rows.items():
        for task, one in scores.items():
            assert plain(shown[name, task]) == plain(cell_text(one))
            assert ("≈" in shown[name, task]) == one.tied
    for name, rank in found.mean_rank.items():
        assert shown[name, "mean"] == f"{rank:.1f}"


def test_the_embedded_data_holds_every_pooled_score(demo, repository):
    scores = RunFolder(repository / "results" / "demo").read("scores")
    wanted = scores[(scores["fold"] == "all") & (scores["seed"] == "mean")]
    wanted = wanted[wanted["group"].isna() & wanted["class"].isna()]
    wanted = wanted[(wanted["train_share"] == 1.0) & (wanted["recipe"] != "layers")]
    found = frame_of(embedded(demo)["explorer"]["frame"])
    for column in ("value", "ci_low", "ci_high", "chance"):
        one, two = sorted(wanted[column].dropna()), sorted(found[column].dropna())
        assert two == pytest.approx(one, abs=1e-9)
    assert len(found) == len(wanted)


def test_the_confusions_are_those_of_the_tables(demo, repository):
    run = RunFolder(repository / "results" / "demo")
    counts = run.read("confusion").set_index("cell")
    scores = run.read("scores").drop_duplicates("cell").set_index("cell")
    mine = scores[(scores["upstream"] == "whisper-base") & (scores["task"] == "polish-emotion")]
    mine = mine[mine["recipe"] == "paralbench"]
    wanted = counts.loc[list(mine.index)]
    found = frame_of(embedded(demo)["figures"]["confusion"]["data"]["rows"])
    found = found[(found["name"] == "whisper-base") & (found["what"] == "polish-emotion")]
    found = found[found["probe"] == "paralbench"]
    keys = ["truth", "prediction"]
    assert len(found) == len(wanted) > 0
    assert found.set_index(keys)["count"].to_dict() == wanted.set_index(keys)["count"].to_dict()


def test_a_page_is_one_valid_file_that_asks_for_nothing(demo):
    page = Page(demo)
    assert demo.startswith('<!doctype html>\n<html lang="en">')
    assert (page.tags["h1"], page.tags["main"], page.tags["title"]) == (1, 1, 1)
    assert len(set(page.ids)) == len(page.ids)
    assert "default-src &#39;none&#39;" in demo
    outside = re.sub(r"<script.*?</script>", "", demo, flags=re.S)
    assert not re.search(r"""(?:src|href)=["'](?!#)""", outside)
    assert "@import" not in outside
    assert "url(" not in outside
    for section in re.findall(r'<a href="#([^"]+)"', outside):
        assert section in page.ids


def test_the_page_says_how_to_make_each_figure_again(demo):
    text = Page(demo).text
    assert "paralbench plot demo heatmap --out heatmap.pdf" in text
    assert "paralbench run --suite demo --out demo" in text


def test_a_folder_is_named_as_it_was_given_but_never_by_a_path_of_the_machine(
    tmp_path, monkeypatch
):
    write_run(tmp_path / "here" / "run", **SMALL)
    assert str(tmp_path) not in page_text(tmp_path / "here" / "run")
    monkeypatch.chdir(tmp_path)
    assert "paralbench report here/run --out" in Page(page_text(Path("here/run"))).text


SMALL = {
    "upstreams": ["wavlm-large", "hubert-base"],
    "tasks": ["emotion", "age"],
    "corpora": ("emodb", "iemocap"),
    "seeds": 2,
}
HOSTILE = "</script><script>alert(1)</script>\"'&<b>x"


def test_names_that_hold_code_are_shown_as_they_are(tmp_path):
    tasks = [f"{HOSTILE} task", "emotion"]
    folder = write_run(
        tmp_path / "run", **SMALL | {"upstreams": [HOSTILE, "hubert-base"], "tasks": tasks}
    )
    text = page_text(folder)
    page = Page(text)
    assert page.tags["script"] == 3  # data, Vega, ours
    assert "b" not in page.tags or page.text.count(HOSTILE) > 3
    assert HOSTILE in {name for name, _ in leaderboard(page)}
    data = embedded(text)
    assert HOSTILE in data["explorer"]["frame"]["name"]["levels"]
    assert "<script>alert" not in text


def test_json_cannot_leave_its_script():
    value = {"a": "</script><!--\u2028\u2029&"}
    text = script_json(value)
    assert not set("<>&\u2028\u2029") & set(text)
    assert json.loads(text) == value
    with pytest.raises(ValueError, match="not JSON compliant"):
        script_json(float("nan"))


def test_a_table_survives_its_encoding():
    frame = pd.DataFrame(
        {
            "text": ["b", None, "a", "b"],
            "number": [0.1, None, -3.0, 1e-12],
            "count": pd.array([1, 2, None, 4], dtype="Int64"),
            "yes": [True, False, True, False],
        }
    )
    encoded = json.loads(script_json(columnar(frame)))
    assert encoded["text"] == {"levels": ["b", "a"], "codes": [0, -1, 1, 0]}
    back = frame_of(encoded)
    assert back["text"].dropna().to_dict() == {0: "b", 2: "a", 3: "b"}
    assert back["number"].tolist()[2:] == [-3.0, 1e-12]
    assert pd.isna(back["count"][2])
    assert back["yes"].tolist() == [True, False, True, False]


MISSING = {
    "ranks": "1 upstream",
    "transfer": "Nothing was tested across corpora",
    "layers": "No probe was trained for each layer",
    "groups": "no scores by group of speakers",
    "learning": "trained on all of its training speakers",
    "calibration": "hold no calibration",
    "efficiency": "neither the time",
    "confusion": "holds no confusions",
}


def test_what_is_missing_is_said_and_no_chart_is_empty(make_run):
    run = make_run([score("1", "only", "emotion", 0.5)])
    text = page_text(run.path)
    page = Page(text)
    for words in MISSING.values():
        assert words in page.text
    assert set(embedded(text)["figures"]) == {"scores", "heatmap"}
    assert leaderboard(page)["only", "emotion"] == ".500 [.400, .600]"


def test_a_failed_cell_is_a_gap_with_its_reason(tmp_path):
    folder = write_run(tmp_path / "run", **SMALL, failed=[("hubert-base", "age")])
    text = page_text(folder)
    page = Page(text)
    assert leaderboard(page)["hubert-base", "age"] == "\u2013"
    assert re.search(
        r'title="failed: no memory">\u2013<span class="unseen"> failed: no memory', text
    )
    (row,) = page.tables["Cells that failed"][1:]
    assert row[1:] == ["encode", "RuntimeError", "no memory at all"]
    assert "nemo (nemo-emotion): not on this machine" in page.text


def test_a_score_without_interval_says_why(make_run):
    why = "none: 3 speakers; at least 5 are needed"
    rows = [score("1", "a", "t", 0.5, ci_low=None, ci_high=None, interval_method=why)]
    text = page_text(make_run(rows).path)
    assert leaderboard(Page(text))["a", "t"] == ".500"
    assert why in text


def test_stamps_are_marked_and_explained(make_run):
    rows = [
        score("1", "a", "t", 0.5),
        score("2", "b", "t", 0.9, contaminated=True),
        score("3", "a", "leaky", 0.9, leakage="speaker"),
        score("4", "b", "leaky", 0.8, leakage="speaker"),
    ]
    page = Page(page_text(make_run(rows).path))
    shown = leaderboard(page)
    assert shown["b", "t"].startswith(".900‡")
    assert shown["a", "leaky"].startswith(".900†")
    assert ["leakage", "split leaks speaker", "leaky", "all"] in page.tables["Stamps"]
    assert "Stamp: upstream trained on the test corpus" in page.text


def test_tables_of_an_earlier_version_can_be_read(tmp_path):
    folder = write_run(tmp_path / "run", **SMALL, without=("gaps", "calibration", "extrapolation"))
    scores = pd.read_parquet(folder / "scores.parquet")
    scores = scores[scores["group"].isna() & scores["class"].isna()]
    scores.drop(columns=["variant", "precision", "revision"]).to_parquet(folder / "scores.parquet")
    page = Page(page_text(folder))
    assert leaderboard(page)["wavlm-large", "emotion"].startswith((".", "≈."))


def test_drops_are_those_of_the_tables_and_the_ceiling_is_on_the_diagonal(tmp_path):
    folder = write_run(tmp_path / "run", **SMALL)
    figures = embedded(page_text(folder))["figures"]
    found = frame_of(figures["drops"]["data"]["rows"])
    wanted = pd.read_parquet(folder / "drops.parquet")
    assert sorted(found["drop"]) == pytest.approx(sorted(wanted["drop"]), abs=1e-9)
    assert sorted(found["low"]) == pytest.approx(sorted(wanted["ci_low"]), abs=1e-9)
    ends = frame_of(figures["drops"]["data"]["ends"])
    assert sorted(ends["score"]) == pytest.approx(
        sorted([*wanted["value"], *wanted["ceiling"]]), abs=1e-9
    )
    matrix = frame_of(figures["transfer"]["data"]["rows"])
    diagonal = matrix[(matrix["train"] == matrix["test"]) & (matrix["name"] == "wavlm-large")]
    scores = pd.read_parquet(folder / "scores.parquet")
    own = scores[(scores["setting"] == "ceiling") & (scores["upstream"] == "wavlm-large")]
    own = own[(own["metric"] == "uar") & (own["seed"] == "mean") & own["group"].isna()]
    own = own[own["class"].isna()]
    assert sorted(diagonal["value"]) == pytest.approx(sorted(own["value"]), abs=1e-9)
    priors = frame_of(figures["priors"]["data"]["rows"])
    assert set(priors["variant"]) == {"across", "tested corpus by itself", "across, EM priors"}


def test_a_run_of_transfers_alone_has_a_page(make_run):
    rows = [
        score("1", "a", "emotion", 0.5, setting="pair", train_corpora="x", test_corpus="y"),
        score("2", "b", "emotion", 0.6, setting="pair", train_corpora="x", test_corpus="y"),
    ]
    page = Page(page_text(make_run(rows).path))
    assert "has no scores within a corpus" in page.text
    assert "The run holds no scores within a corpus." in page.text


def test_no_run_there_is_an_error(tmp_path):
    with pytest.raises(StoreError, match="no run here"):
        write_page(tmp_path, tmp_path / "page.html")


def test_without_the_extra_the_command_says_what_to_install(repository, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "altair", None)
    argv = ["paralbench", "report", str(repository / "results" / "demo"), "--out", "never.html"]
    monkeypatch.setattr("sys.argv", argv)
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 2
    assert "pip install 'paralbench[report]'" in capsys.readouterr().err


def test_the_command_writes_the_page_beside_the_run(tmp_path, monkeypatch, capsys):
    folder = write_run(tmp_path / "run", **SMALL)
    monkeypatch.setattr("sys.argv", ["paralbench", "report", str(folder)])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 0
    assert capsys.readouterr().out.split() == [str(folder / "report.html")]
    assert (folder / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_a_probe_with_and_without_normalisation_are_two_leaderboards(make_run):
    rows = [
        score("1", "a", "t", 0.5),
        score("2", "a", "t", 0.9, normalisation="speaker", transductive=True),
    ]
    page = Page(page_text(make_run(rows).path))
    captions = [caption.split(",")[0] for caption in page.tables if caption.startswith("Probe")]
    assert len(captions) == 2
    tables = [rows for caption, rows in page.tables.items() if caption.startswith("Probe")]
    assert [table[1][-1] for table in tables] == [".500 [.400, .600]", ".900§ [.800, 1.000]"]


def test_the_tables_the_tests_make_up_fit_their_declaration(tmp_path):
    run = RunFolder(write_run(tmp_path / "run", **SMALL))
    for name in ("scores", "predictions", "confusion", "gaps", "calibration", "manifest"):
        assert len(run.read(name)) == TABLES[name].to_arrow(run.read(name)).num_rows > 0
