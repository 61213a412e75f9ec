import json
import re

import pytest

from paralbench.cli import main
from paralbench.errors import ParalbenchError, StoreError
from paralbench.report.site import write_site

from .made_up import write_run
from .pages import Page

SMALL = {"tasks": ["emotion", "age"], "corpora": ("emodb", "iemocap"), "seeds": 1, "layers": False}


def test_every_folder_with_tables_has_its_page_and_a_link(tmp_path):
    results = tmp_path / "results"
    write_run(results / "one", upstreams=["wavlm-large"], **SMALL)
    write_run(results / "two", upstreams=["hubert-base", "tera-960h"], **SMALL)
    plan = json.loads((results / "two" / "plan.json").read_text())
    (results / "two" / "plan.json").write_text(json.dumps({**plan, "begun": "2026-01-31"}))
    (results / "performance").mkdir()
    (results / "performance" / "speed.csv").write_text("measure\n")
    out = tmp_path / "site"
    files = write_site(results, out)
    assert [file.name for file in files] == ["index.html", "one.html", "two.html"]
    index = files[0].read_text(encoding="utf-8")
    links = re.findall(r'<a href="([^"]+)">', index)
    assert links == ["one.html", "two.html"]
    assert all((out / link).is_file() for link in links)
    text = Page(index).text
    for words in (
        "hubert-base, tera-960h",
        "age, emotion",
        "2 runs",
        "(of the files)",
        "2026-01-31",
        "0.1.0",
    ):
        assert words in text


def test_names_of_folders_are_escaped_and_files_have_plain_ones(tmp_path):
    results = tmp_path / "results"
    write_run(results / "<b>run & co", upstreams=["wavlm-large"], **SMALL)
    write_run(results / "index", upstreams=["wavlm-large"], **SMALL)
    files = write_site(results, tmp_path / "site")
    assert [file.name for file in files] == ["index.html", "b-run-co.html", "index-run.html"]
    index = files[0].read_text(encoding="utf-8")
    assert "<b>" not in index
    assert "&lt;b&gt;run &amp; co" in index


def test_an_empty_folder_is_an_index_that_says_so(tmp_path):
    (file,) = write_site(tmp_path, tmp_path / "site")
    assert "There is no folder with tables in" in file.read_text(encoding="utf-8")


def test_no_folder_and_a_damaged_run_are_errors(tmp_path):
    with pytest.raises(ParalbenchError, match="no such folder"):
        write_site(tmp_path / "nothing", tmp_path / "site")
    (tmp_path / "results" / "bad").mkdir(parents=True)
    (tmp_path / "results" / "bad" / "scores.parquet").write_text("no table")
    with pytest.raises(StoreError, match="damaged"):
        write_site(tmp_path / "results", tmp_path / "site")


def test_the_command_writes_the_published_runs(tmp_path, repository, monkeypatch, capsys):
    argv = ["paralbench", "site", str(repository / "results"), "--out", str(tmp_path)]
    monkeypatch.setattr("sys.argv", argv)
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 0
    shown = capsys.readouterr().out.split()
    assert shown[0] == str(tmp_path / "index.html")
    assert (tmp_path / "demo.html").is_file()
