"""What extraction took, in ``timings``: figures that follow from each other, or none at all."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch

import paralbench
from paralbench.cards import load_catalogue
from paralbench.errors import ProbeError
from paralbench.features.extract import ExtractionReport
from paralbench.features.flops import measure_flops
from paralbench.features.matmul_rate import matmul_rate
from paralbench.runner import cells, timings
from paralbench.runner.estimate import estimate
from paralbench.runner.extraction import whole_report
from paralbench.runner.request import Request
from paralbench.tables import TABLES, RunFolder
from paralbench.upstreams import blueprints

FAST = {"recipes": ("knn",), "seeds": 1}
KINDS = ["x_real_time", "flops", "flops_per_second", "share_of_device", "batches", "padding_share"]


@pytest.fixture(scope="module")
def small(small_upstream):
    """A folder with the card ``small``: HuBERT, with small random weights beside it."""
    return small_upstream("hubert-base")


@pytest.fixture
def run(small, cards, tmp_path):
    def run(name, upstreams, **how):
        return paralbench.evaluate(
            upstreams, "voices-emotion", cards=[cards, small], out=tmp_path / name, **FAST, **how
        )

    return run


def encoding(results):
    found = results.timings
    return found[found["stage"] == "encode"]


def seconds_of(cards):
    import soundfile as sf

    return sum(sf.info(file).duration for file in Path(cards, "clips").glob("*.wav"))


def test_a_runs_figures_follow_from_each_other(run, cards, small):
    (row,) = encoding(run("first", ["small"])).to_dict("records")
    assert row["audio_seconds"] == pytest.approx(seconds_of(cards))
    assert row["x_real_time"] == pytest.approx(row["audio_seconds"] / row["seconds"])
    with blueprints.random_encoder(
        blueprints.shrunk(load_catalogue().upstreams.get("hubert-base"))
    ) as encoder:
        flops = measure_flops(encoder)
    # The mean clip takes the mean of their operations, but for what the square of lengths adds.
    expected = 36 * flops.of_window(16_000 * row["audio_seconds"] / 36)
    assert row["flops"] == pytest.approx(expected, rel=0.01)
    assert row["flops_per_second"] == pytest.approx(row["flops"] / row["seconds"])
    rate = matmul_rate("cpu", "fp32", row["threads"])
    assert row["share_of_device"] == pytest.approx(row["flops_per_second"] / rate)
    assert row["batches"] >= 1
    assert 0 <= row["padding_share"] < 1
    assert row["threads"] == torch.get_num_threads()
    assert row["peak_memory_bytes"] > 0


def test_what_extraction_took_is_told_by_a_cell_that_did_not_fail(cards, tmp_path, monkeypatch):
    run_cell, tried = cells.run_cell, []

    def first_fails(*given):
        tried.append(given)
        if len(tried) == 1:
            raise ProbeError("this one fails")
        return run_cell(*given)

    monkeypatch.setattr(cells, "run_cell", first_fails)
    results = paralbench.evaluate(
        "fbank",
        "voices-emotion",
        cards=[cards],
        out=tmp_path / "run",
        recipes=("ridge", "lda", "knn"),
        seeds=1,
    )
    assert len(results.failures) == 1
    assert len(encoding(results)) == 1


def test_a_dry_run_says_the_operations_of_the_run(run, cards, small):
    run("decoded", ["fbank"])
    request = Request(("small",), tasks=("voices-emotion",), recipes=("knn",), device="cpu")
    said = estimate(load_catalogue([cards, small]), request).encodings[0]
    (row,) = encoding(run("run", ["small"])).to_dict("records")
    assert said.audio_seconds == pytest.approx(row["audio_seconds"])
    assert said.flops == pytest.approx(row["flops"])
    rate = matmul_rate("cpu", "fp32", torch.get_num_threads())
    assert said.least_seconds == pytest.approx(said.flops / rate)
    assert said.seconds >= said.least_seconds / 2  # both are measured, on a busy machine


def test_what_was_in_the_store_took_nothing(run):
    first, again = run("first", ["small"]), run("again", ["small"], seed=1)
    assert len(encoding(first)) == 1
    assert encoding(again).empty
    assert set(again.timings["stage"]) == {"probe"}
    assert again.timings[KINDS].isna().all(axis=None)


def test_signal_processing_has_no_operations(run):
    (row,) = encoding(run("fbank", ["fbank"])).to_dict("records")
    assert row["x_real_time"] > 0
    for name in ("flops", "flops_per_second", "share_of_device"):
        assert pd.isna(row[name])


REPORT = ExtractionReport(
    space=None,  # not looked at
    encoded=2,
    reused=0,
    excluded={},
    seconds=4.0,
    audio_seconds=20.0,
    peak_memory_bytes=0,
    batches=1,
    padding_share=0.25,
    back_offs=0,
    device="cpu",
    precision="fp32",
    threads=2,
    lengths={160_000: 2},
    flops=8e9,
    device_flops=32e9,
    energy_joules=12.0,
)


def rows_of(report):
    return timings.timings("c", 1.0, None, report, Request(("none",), device="cpu", threads=2))


def test_the_row_of_an_extraction():
    row = rows_of(REPORT).iloc[1]
    assert row["x_real_time"] == 5.0
    assert row["flops_per_second"] == 2e9
    assert row["share_of_device"] == 0.25
    assert row["energy_joules"] == 12.0
    assert pd.isna(row["peak_memory_bytes"])  # the system does not say


def test_what_is_not_known_is_missing():
    report = replace(REPORT, flops=8e9, device_flops=None, energy_joules=None)
    row = rows_of(report).iloc[1]
    assert row["flops_per_second"] == 2e9
    assert pd.isna(row["share_of_device"])
    assert pd.isna(row["energy_joules"])
    assert len(rows_of(None)) == len(rows_of(replace(REPORT, encoded=0))) == 1


def test_tables_from_before_have_the_columns_as_missing(tmp_path):
    old = ["cell", "stage", "seconds", "audio_seconds", "peak_memory_bytes", "device", "precision"]
    folder = tmp_path / "run"
    (folder / "timings").mkdir(parents=True)
    rows_of(REPORT)[old].to_parquet(folder / "timings" / "c.parquet")
    new = rows_of(REPORT).assign(cell="d")
    run = RunFolder(folder)
    run.enter({"within|t|x|x|u|r|none": "c", "within|t|x|x|v|r|none": "d"})
    run.write("d", {"timings": new})
    found = run.read("timings")
    assert list(found["cell"]) == ["c", "c", "d", "d"]
    assert found["x_real_time"].isna().tolist() == [True, True, True, False]
    TABLES["timings"].to_arrow(found)


def part(**changes):
    known = {"encoded": 3, "audio_seconds": 6.0, "flops": 4e9, "device_flops": 10e9}
    return {**PART, **known, "energy_joules": 2.0, **changes}


PART = {name: value for name, value in vars(REPORT).items() if name not in ("space", "frames")}


def test_parts_of_an_extraction_add_up():
    idle = part(encoded=0, audio_seconds=0.0, flops=None, device_flops=None, energy_joules=None)
    whole = whole_report([part(), idle, part(device="cuda:1")], None, 5.0)
    assert (whole.flops, whole.device_flops, whole.seconds) == (8e9, 20e9, 5.0)
    assert whole.energy_joules is None  # processors' counters hold what both parts took
    assert whole.lengths == {160_000: 6}
    on_gpus = [part(device="cuda:0"), part(device="cuda:1")]
    assert whole_report(on_gpus, None, 5.0).energy_joules == 4.0
    assert whole_report([part(flops=None), part()], None, 5.0).flops is None
    alone = whole_report([part()], None, 5.0)
    assert (alone.seconds, alone.energy_joules) == (4.0, 2.0)  # without what came after it
