import errno
import json
import os

import pandas as pd
import pytest

from paralbench.errors import StoreError
from paralbench.tables import TABLES, RunFolder, run_folder


def scores(cell, value=0.5):
    row = {}
    for column in TABLES["scores"].columns:
        row[column.name] = {"string": "x", "int": 1, "float": value, "bool": False}[column.type]
    return pd.DataFrame([{**row, "cell": cell}])


def test_rows_of_finished_cells_are_read_back(tmp_path):
    run = RunFolder(tmp_path / "run")
    run.enter({"a": "cell-1", "b": "cell-2"})
    run.write("cell-1", {"scores": scores("cell-1", 0.25)})
    assert run.done("cell-1")
    assert not run.done("cell-2")
    assert run.read("scores")[["cell", "value"]].values.tolist() == [["cell-1", 0.25]]


def test_the_day_of_the_first_cell_is_kept_and_published(tmp_path):
    run = RunFolder(tmp_path / "run")
    assert run.begun is None
    run.enter({"a": "cell-1"})
    run.write("cell-1", {"scores": scores("cell-1")})
    plan = json.loads((run.path / "plan.json").read_text())
    (run.path / "plan.json").write_text(json.dumps({**plan, "begun": "2026-01-31"}))
    run.enter({"b": "cell-2"})
    run.publish(tmp_path / "published")
    assert RunFolder(tmp_path / "published").begun == "2026-01-31"


def test_columns_that_came_after_a_file_was_written_are_empty(tmp_path):
    run = RunFolder(tmp_path / "run")
    run.enter({"a": "cell-1", "b": "cell-2"})
    run.write("cell-1", {"scores": scores("cell-1")})
    run.write("cell-2", {"scores": scores("cell-2")})
    older = run.path / "scores" / "cell-1.parquet"
    pd.read_parquet(older).drop(columns="variant").to_parquet(older)
    assert run.read("scores")["variant"].fillna("none").tolist() == ["none", "x"]
    found = run.read_cells("scores", ["cell-1"], ["cell", "variant"])
    assert found.values.tolist() == [["cell-1", None]]
    run.publish(tmp_path / "published")
    published = RunFolder(tmp_path / "published").read("scores")
    assert published["variant"].fillna("none").tolist() == ["none", "x"]
    pd.read_parquet(older).drop(columns="value").to_parquet(older)
    with pytest.raises(StoreError, match="damaged"):
        run.read_cells("scores", ["cell-1"], ["value"])


def test_a_cell_that_takes_over_a_slot_hides_the_older_rows_but_keeps_the_file(tmp_path):
    run = RunFolder(tmp_path)
    run.enter({"slot": "old"})
    run.write("old", {"scores": scores("old")})
    run.enter({"slot": "new"})
    assert run.read("scores").empty
    run.write("new", {"scores": scores("new")})
    assert list(run.read("scores")["cell"]) == ["new"]
    run.enter({"slot": "old"})
    assert list(run.read("scores")["cell"]) == ["old"]


def test_a_failure_is_a_row_until_the_cell_is_done(tmp_path):
    run = RunFolder(tmp_path)
    run.enter({"slot": "c"})
    run.fail("c", "encode", RuntimeError("out of luck"), "2026-01-01T00:00:00+00:00")
    assert run.failed("c")
    assert run.read("failures")[["stage", "error", "message"]].values.tolist() == [
        ["encode", "RuntimeError", "out of luck"]
    ]
    run.write("c", {"scores": scores("c")})
    assert run.read("failures").empty


def test_a_cell_counts_as_done_only_when_its_last_table_is_there(tmp_path, monkeypatch):
    run = RunFolder(tmp_path)
    run.enter({"slot": "c"})
    confusion = pd.DataFrame([("c", "mix", "a", "b", 3)], columns=TABLES["confusion"].names)
    written = []
    real = os.replace

    def replace(source, target):
        written.append(os.path.basename(os.path.dirname(target)))
        if len(written) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(StoreError, match="full"):
        run.write("c", {"scores": scores("c"), "confusion": confusion})
    monkeypatch.undo()
    assert written == ["confusion", "scores"]
    assert not run.done("c")
    assert not [name for name in os.listdir(tmp_path / "scores") if name.endswith(".parquet")]
    run.write("c", {"scores": scores("c"), "confusion": confusion})
    assert run.done("c")


def test_published_tables_read_as_the_run_does(tmp_path):
    run = RunFolder(tmp_path / "run")
    run.enter({"a": "c1", "b": "c2"}, ["nemo is skipped: not here"])
    run.write("c1", {"scores": scores("c1", 0.1)})
    run.write("c2", {"scores": scores("c2", 0.2)})
    files = run.publish(tmp_path / "published")
    assert {file.name for file in files} == {"plan.json", "scores.parquet", "scores.csv"}
    published = RunFolder(tmp_path / "published")
    pd.testing.assert_frame_equal(published.read("scores"), run.read("scores"))
    assert published.skipped() == ("nemo is skipped: not here",)
    csv = pd.read_csv(tmp_path / "published" / "scores.csv")
    assert csv["value"].tolist() == [0.1, 0.2]


def test_a_folder_without_a_run_says_what_is_looked_for(tmp_path):
    with pytest.raises(StoreError, match="no run here"):
        RunFolder(tmp_path).read("scores")


def test_a_damaged_table_is_named(tmp_path):
    run = RunFolder(tmp_path)
    run.enter({"slot": "c"})
    run.write("c", {"scores": scores("c")})
    file = tmp_path / "scores" / "c.parquet"
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(StoreError, match=r"c\.parquet: damaged"):
        run.read("scores")


def test_a_packed_cell_is_the_same_in_another_run_folder(tmp_path, monkeypatch):
    one, other = RunFolder(tmp_path / "one"), RunFolder(tmp_path / "other")
    tables = {"scores": scores("cell-1", 0.25), "audit": TABLES["audit"].empty()}
    one.write("cell-1", tables)
    other.enter({"a": "cell-1"})
    other.fail("cell-1", "probe", ValueError("why"), "2026-07-01T12:00:00")
    written = []
    monkeypatch.setattr(
        run_folder,
        "write_file",
        lambda folder, name, data, write=run_folder.write_file: (
            written.append(folder.name),
            write(folder, name, data),
        ),
    )
    packed = one.pack("cell-1")
    other.unpack("cell-1", packed)
    assert written[-1] == "scores"  # which marks the cell as done
    assert other.pack("cell-1") == packed
    assert set(packed) == set(tables)
    assert other.done("cell-1")
    assert not other.failed("cell-1")
    assert other.read("scores")["value"].tolist() == [0.25]
