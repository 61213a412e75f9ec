"""Runs on a Ray cluster on this machine: the local run's tables, also when a node is lost."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest
import ray

from paralbench.errors import MissingExtraError, ParalbenchError, StoreError
from paralbench.runner.executors import ray_cluster
from paralbench.runner.executors.ray_cluster import RayCluster, Site
from paralbench.runner.request import Request


@pytest.fixture(scope="module")
def scratch(works, fakes):
    """A folder with a short path, as the sockets of Ray need; pytest's are too long.

    What is started here finds the modules of the tests.
    """
    folder = tempfile.mkdtemp(prefix="pb-")
    with pytest.MonkeyPatch.context() as patch:
        folders = [str(Path(module.__file__).parent) for module in (works, fakes)]
        patch.setenv("PYTHONPATH", os.pathsep.join(folders))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_AUTH_MODE", "disabled")  # else a token is written to the user's home
        yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def cluster(scratch):
    """One node with two processors, in this process's name."""
    ray.init(
        num_cpus=2,
        object_store_memory=80 << 20,
        include_dashboard=False,
        log_to_driver=False,
        _node_ip_address="127.0.0.1",
        _temp_dir=scratch,
    )
    yield
    ray.shutdown()


def test_the_tables_are_the_local_runs(
    cluster, run, local, tmp_path, noted, assert_same, shards_written
):
    found, summary = run(tmp_path / "home", tmp_path / "run", noted, executor="ray")
    assert_same(found, local[0])
    assert shards_written(tmp_path / "home") > 1
    assert (summary.done, summary.failed, summary.encoded) == (3, 3, 36)
    assert "ray: 1 nodes, 2 tasks at a time on cpu" in noted.lines
    assert noted.works["cells"][-1] == (6, 6)
    seconds, total = noted.works["fbank: encoding"][-1]
    assert seconds == pytest.approx(total)
    assert ray.is_initialized()  # it was ours before


def test_parts_get_what_nodes_have_the_runs_home_and_end_it_by_what_they_raise(
    cluster, works, tmp_path, paralbench_home
):
    told = []
    with RayCluster(None, paralbench_home, tmp_path, told.append) as executor:
        with pytest.raises(ParalbenchError, match="has 3 CPUs, which a task asks for"):
            executor.settle(Request(("fbank",), threads=3))
        with pytest.raises(ParalbenchError, match="and a GPU"):
            executor.settle(Request(("fbank",), device="cuda"))
        executor.settle(Request(("fbank",)))
        found = dict(executor.run(works.Squares(), [3, 4], lambda *event: told.append(event)))
        assert {index: square for index, (square, _, _) in found.items()} == {0: 9, 1: 16}
        assert {home for _, _, home in found.values()} == {str(paralbench_home)}
        assert {(0, "3 is begun"), (1, "4 is begun")} <= set(told)
        with pytest.raises(ParalbenchError, match="no room for 0"):
            dict(executor.run(works.Refused(), [0], lambda *_: None))
        with pytest.raises(NotADirectoryError, match="a fault of ours"):
            dict(executor.run(works.Broken(), [0], lambda *_: None))
        lost = dict(executor.run(works.Killed(tmp_path, 2), [0, 1], lambda *_: None))
        assert lost == {0: 0, 1: 1}
        assert len(list(tmp_path.glob("tried-*"))) == 3
        ray.kill(executor._board, no_restart=False)  # what is told may be lost; the work is not
        found = dict(executor.run(works.Squares(), range(3), lambda *_: None))
        assert [found[index][0] for index in range(3)] == [0, 1, 4]


def test_without_ray_the_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(ray_cluster.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'paralbench\[ray\]'"):
        RayCluster(None, tmp_path, tmp_path, print)


def test_a_node_that_does_not_see_the_folders_says_so(tmp_path, monkeypatch):
    home, out = tmp_path / "home", tmp_path / "out"
    site = Site.here(home, out)
    assert site == Site.here(home, out)
    monkeypatch.setenv("PARALBENCH_HOME", "elsewhere")
    site.enter()
    assert os.environ["PARALBENCH_HOME"] == str(home)
    (file, _), _ = site.marks
    file.write_text("another folder at the same place")
    with pytest.raises(StoreError, match=f"does not see the folder {home} .* same PARALBENCH_HOME"):
        site.enter(patience=0)
    shutil.rmtree(out)
    file.write_text(site.marks[0][1])
    with pytest.raises(StoreError, match=f"does not see the folder {out}"):
        site.enter(patience=0)
