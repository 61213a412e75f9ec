"""The figures in README come from the published tables, by a command."""

import subprocess
import sys

from paralbench.report.leaderboard import RunTables
from paralbench.report.splice import END, START
from paralbench.tables import TABLES, RunFolder


def test_readme_shows_what_the_command_makes_of_the_published_tables(repository, tmp_path):
    readme = repository / "README.md"
    copy = tmp_path / "README.md"
    copy.write_text(readme.read_text())
    command = ["leaderboard", str(repository / "results" / "demo"), "--into", str(copy)]
    subprocess.run([sys.executable, "-m", "paralbench", *command], check=True)
    assert copy.read_text() == readme.read_text()
    shown = readme.read_text().split(START)[1].split(END)[0]
    assert "whisper-base" in shown


def test_the_published_tables_are_those_of_a_whole_demo(repository):
    run = RunFolder(repository / "results" / "demo")
    scores = RunTables.read(run).scores
    upstreams = {"fbank", "prosody", "egemaps", "ge2e", "whisper-base", "none"}
    assert set(scores["upstream"]) == upstreams
    assert run.read("failures").empty
    for name in ("scores", "predictions", "confusion", "manifest"):
        table = run.read(name)
        assert set(table["cell"]) == set(scores["cell"])
        TABLES[name].to_arrow(table)
