"""``store info | scrub | gc | merge | push | pull`` as a user calls them."""

import json
import shutil

import numpy as np
import pytest
from typer.testing import CliRunner

from paralbench.cli.main import app
from paralbench.errors import ParalbenchError, UnknownNameError
from paralbench.features.keys import space_description
from paralbench.features.store import FeatureStore
from paralbench.storage.shards import list_shards
from paralbench.tables import RunFolder


@pytest.fixture
def store():
    """``store(*arguments)``: exit code and what was printed."""

    def run(*arguments):
        done = CliRunner().invoke(app, ["store", *map(str, arguments)])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.exit_code, done.stdout

    return run


@pytest.fixture
def fill(key):
    """Fill a home with rows of an old version of a family; returns the space."""

    def make(home, numbers, version=0):
        told = {"family": "ge2e", "family_version": version, "variant": "plain", "options": {}}
        description = space_description(told, precision="fp32")
        space = FeatureStore(home / "features").space(description)
        for number in numbers:
            space.append([key(number)], np.full((1, 2, 3), number), np.array([7]))
        return space

    return make


@pytest.fixture
def key():
    return lambda number: f"{number:064x}"


def test_info(store, fill, paralbench_home):
    space = fill(paralbench_home, range(3))
    code, told = store("info")
    assert code == 0
    assert str(paralbench_home) in told
    assert f"{space.key[:12]}  -" in told
    assert "ge2e, fp32" in told
    assert "decoded audio: 0 utterances, 0.0 hours" in told
    assert "free on the disk" in told
    code, told = store("info", "--json")
    (found,) = json.loads(told)["features"]
    assert found["key"] == space.key
    assert found["description"] == space.description
    assert [(part["name"], part["rows"]) for part in found["parts"]] == [("means", 3)]


def test_info_of_nothing(store):
    assert store("info")[0] == 0


def test_scrub_ends_with_1_where_something_is_damaged(store, fill, paralbench_home, key):
    space = fill(paralbench_home, range(3))
    assert store("scrub") == (0, "3 shards read, 1.0 kB; nothing is damaged.\n")
    bad = list_shards(space.folder / "means")[1]
    bad.write_bytes(bad.read_bytes()[:-1] + b"\xff")
    code, told = store("scrub", "--dry-run")
    assert (code, bad.exists()) == (1, True)
    assert "1 files are damaged and would be set aside; 1 rows are lost" in told
    code, told = store("scrub", "--json")
    assert (code, bad.exists()) == (1, False)
    (damaged,) = json.loads(told)["damaged"]
    assert damaged["file"] == str(bad)
    assert damaged["lost"] == space_missing(space, key)
    assert store("scrub")[0] == 0


def space_missing(space, key):
    space.refresh()
    return space.missing([key(number) for number in range(3)])


def test_gc_lists_and_removes_only_with_yes(store, fill, paralbench_home):
    space = fill(paralbench_home, range(3))
    for options in ((), ("--yes", "--dry-run")):
        code, told = store("gc", *options)
        assert (code, space.folder.exists()) == (0, True)
        assert f"space: {space.folder}" in told
        assert "made by version 0 of the family ge2e" in told
        assert "Nothing was changed. `paralbench store gc --yes` does the above" in told
    code, told = store("gc", "--yes")
    assert (code, space.folder.exists()) == (0, False)
    assert "Freed" in told
    assert store("gc") == (0, "Nothing can go.\n")


def test_gc_keeps_what_a_run_came_from(store, fill, paralbench_home, repository, tmp_path):
    space = fill(paralbench_home, range(3))
    demo = RunFolder(repository / "results" / "demo")
    shutil.copytree(demo.path, tmp_path / "run")
    scores = demo.read("scores")
    scores["features_key"] = space.key[:16]
    scores.to_parquet(tmp_path / "run" / "scores.parquet")
    assert "kept:" in store("gc", "--keep-runs", tmp_path / "run")[1]
    assert "kept:" not in store("gc", "--keep-runs", demo.path)[1]
    with pytest.raises(ParalbenchError, match="no run here"):
        store("gc", "--keep-runs", tmp_path)


def test_gc_of_an_upstream_that_is_none(store):
    with pytest.raises(UnknownNameError, match="unknown upstream 'wavelm-large'"):
        store("gc", "--upstreams", "wavelm-large")


def test_merge(store, fill, paralbench_home, tmp_path, key):
    space = fill(paralbench_home, range(3))
    fill(tmp_path / "a", range(2, 6))
    fill(tmp_path / "b", range(5, 9))
    code, told = store("merge", "--dry-run", tmp_path / "a")
    assert code == 0
    assert "1 spaces, would take: 3 means" in told
    code, told = store("merge", tmp_path / "a", tmp_path / "b" / "features")
    assert code == 0
    assert "taken: 3 means" in told
    space.refresh()
    wanted = [key(number) for number in range(9)]
    np.testing.assert_array_equal(space.mean(wanted)[:, 0, 0], range(9))
    bad = list_shards(fill(tmp_path / "c", range(20, 22)).folder / "means")[0]
    bad.write_bytes(bad.read_bytes()[:-1] + b"\xff")
    code, told = store("merge", tmp_path / "c")
    assert code == 1
    assert f"damaged: {bad}" in told
    with pytest.raises(ParalbenchError, match="no features here"):
        store("merge", tmp_path / "nowhere")


def test_push_and_pull(store, fill, paralbench_home, tmp_path, monkeypatch, key):
    address = f"file://{tmp_path}/there"
    with pytest.raises(ParalbenchError, match="no features here that could be sent"):
        store("push", address)
    fill(paralbench_home, range(3))
    code, told = store("push", "--dry-run", address)
    assert code == 0
    assert f"{address}: 1 spaces, would send: 3 means (4 files, " in told
    assert not (tmp_path / "there").exists()
    assert "sent: 3 means (4 files, " in store("push", address)[1]
    assert (
        "sent: nothing (0 files, 0.0 kB); 3 rows were there already." in store("push", address)[1]
    )
    monkeypatch.setenv("PARALBENCH_HOME", str(tmp_path / "other"))
    assert "would take: 3 means" in store("pull", "--dry-run", address)[1]
    assert "0 spaces, taken: nothing" in store("pull", "--upstreams", "wavlm-base", address)[1]
    assert store("pull", "--upstreams", "ge2e", address)[0] == 0
    again = store("pull", address)[1]
    assert "taken: nothing (0 files, 0.0 kB); 3 rows were here already." in again
    bad = next((tmp_path / "there").glob("features/*/means/*"))
    bad.write_bytes(bad.read_bytes()[:-1] + b"\xff")
    monkeypatch.setenv("PARALBENCH_HOME", str(tmp_path / "third"))
    code, told = store("pull", address)
    assert code == 1
    assert f"damaged: {address}/{bad.relative_to(tmp_path / 'there')}: the content's" in told
    assert "taken: 2 means" in told
    with pytest.raises(UnknownNameError, match="unknown upstream 'wavelm-large'"):
        store("pull", "--upstreams", "wavelm-large", address)
    with pytest.raises(ParalbenchError, match="is no address"):
        store("push", tmp_path)
