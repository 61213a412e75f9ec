"""What upstreams cost, against sums made by hand, and in every format."""

import io
import json

import pandas as pd
import pytest

from paralbench.cli.results import show
from paralbench.report.efficiency import efficiency
from paralbench.report.figures.costs import speed
from paralbench.report.reading import Run
from paralbench.tables import TABLES

from .conftest import score
from .made_up import write_run

OLD = ["cell", "stage", "seconds", "audio_seconds", "peak_memory_bytes", "device", "precision"]

# Two extractions of "large", the second without a count; one of "small", of before there were any.
TIMES = [
    {"cell": "1", "stage": "encode", "seconds": 10.0, "audio_seconds": 1000.0, "flops": 4e13,
     "share_of_device": 0.5, "energy_joules": 500.0, "peak_memory_bytes": 3 * 10**9,
     "device": "cuda", "precision": "bf16"},
    {"cell": "2", "stage": "encode", "seconds": 5.0, "audio_seconds": 200.0, "flops": 6e12,
     "share_of_device": 0.1, "peak_memory_bytes": 2 * 10**9, "device": "cuda",
     "precision": "bf16"},
    {"cell": "2", "stage": "probe", "seconds": 100.0, "device": "cuda", "precision": "bf16"},
    {"cell": "3", "stage": "encode", "seconds": 4.0, "audio_seconds": 1000.0,
     "peak_memory_bytes": 10**9, "device": "cuda", "precision": "bf16"},
]  # fmt: skip


@pytest.fixture
def run(make_run):
    """Cells 1 and 2 of "large", 3 of "small", 4 of "stored", whose features were there."""
    made = make_run(
        [
            score("1", "large", "emotion", 0.8),
            score("2", "large", "gender", 0.8),
            score("3", "small", "emotion", 0.7),
            score("4", "stored", "emotion", 0.6),
        ]
    )
    for cell in "123":
        rows = [row for row in TIMES if row["cell"] == cell]
        frame = pd.DataFrame(rows, columns=TABLES["timings"].names)
        folder = made.path / "timings"
        folder.mkdir(exist_ok=True)
        if cell == "3":  # as an earlier version wrote it
            frame[OLD].to_parquet(folder / "3.parquet")
        else:
            table = TABLES["timings"].to_arrow(frame)
            table.to_pandas().to_parquet(folder / f"{cell}.parquet")
    return made.path


def test_sums_over_the_extractions_of_an_upstream(run):
    found = speed(Run.open(run)).set_index("name")
    large, small = found.loc["large"], found.loc["small"]
    assert large["x_real_time"] == pytest.approx(1200 / 15)
    assert large["real_time"] == pytest.approx(15 / 1200)
    assert large["gflops"] == pytest.approx(4.6e13 / 1200 / 1e9)
    # In the times of both, the device could have done 8e13 and 6e13.
    assert large["share_of_device"] == pytest.approx(4.6e13 / 14e13)
    assert large["joules"] == pytest.approx(500 / 1000)  # of the one that was metered
    assert large["peak_memory_bytes"] == 3e9
    assert small["x_real_time"] == 250
    assert small[["gflops", "share_of_device", "joules"]].isna().all()


def test_the_table_has_every_upstream_the_fastest_first(run):
    found = efficiency(Run.open(run))
    heads, lines = found.grid()
    assert [line[0] for line in lines] == ["small", "large", "stored"]
    assert heads == [
        *("upstream", "x real time ↑", "GFLOP per second of audio", "share of the device's rate ↑"),
        *("peak memory", "J per second of audio", "device", "precision"),
    ]
    assert lines[1] == ["large", "80", "38.3", "33 %", "3.00 GB", "0.5", "cuda", "bf16"]
    assert lines[2] == ["stored", *["-"] * 7]
    assert any("were in the store: stored." in note for note in found.notes)


@pytest.mark.parametrize("format", ["table", "csv", "markdown", "latex", "json"])
def test_every_format_has_it_where_it_is_asked_for(run, format, capsys):
    show(run, format)
    assert "Efficiency" not in capsys.readouterr().out
    show(run, format, efficiency=True)
    text = capsys.readouterr().out
    assert "Efficiency" in text
    if format == "csv":
        frame = pd.read_csv(io.StringIO(text))
        rows = frame[frame["column"] == "x_real_time"].set_index("upstream")
        assert rows["value"].to_dict() == {"large": 80.0, "small": 250.0}
    elif format == "json":
        rows = json.loads(text)[-1]["rows"]
        assert {"small", "large"} == {row["upstream"] for row in rows}
    else:
        assert "38.3" in text


def test_the_page_offers_operations_as_a_cost(tmp_path):
    from paralbench.report.page.sections.inside import efficiency as section
    from paralbench.report.page.sections.view import View

    folder = write_run(tmp_path / "run", upstreams=("hubert-base", "wavlm-large"))
    (figure,) = section(View(Run.open(folder), str(folder))).figures
    rows = figure.data["rows"]
    assert list(dict.fromkeys(rows["against"])) == [
        "seconds of computing per second of speech",
        "GFLOP per second of speech",
        "parameters",
    ]
    wavlm = rows[(rows["name"] == "wavlm-large") & rows["against"].str.startswith("GFLOP")]
    assert wavlm["cost"].tolist() == pytest.approx([120 * 317e6 / 1e9] * len(wavlm))


def test_operations_are_a_cost_of_plots(tmp_path):
    from paralbench.report.plots.draw import draw
    from paralbench.report.plots.options import Options

    folder = write_run(tmp_path / "run", upstreams=("hubert-base", "wavlm-large"))
    file = draw(folder, "efficiency", tmp_path / "a.svg", Options(cost="flops"))
    assert file.read_text().count("GFLOP per second of speech") == 1
