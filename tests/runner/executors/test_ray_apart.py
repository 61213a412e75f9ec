"""A Ray cluster of two nodes that share nothing but an address: the local run's tables."""

import shutil
import tempfile
from pathlib import Path

import pytest
import ray

from paralbench.errors import StoreError
from paralbench.runner.executors.ray_cluster import RayCluster
from paralbench.runner.request import Request

pytestmark = pytest.mark.slow


@pytest.fixture
def cluster(tmp_path):
    """A head that does nothing but the runner's part, and two nodes with homes of their own."""
    from ray.cluster_utils import Cluster

    scratch = tempfile.mkdtemp(prefix="pb-")  # the sockets of Ray need a short path
    settings = {"object_store_memory": 80 << 20, "include_dashboard": False}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_TMPDIR", scratch)  # where it notes the address of the last cluster
        (Path(scratch) / "ray").mkdir()
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_AUTH_MODE", "disabled")
        head = {**settings, "num_cpus": 0, "temp_dir": scratch}
        cluster = Cluster(initialize_head=True, head_node_args=head)
        try:
            ray.init(cluster.address, log_to_driver=False)
            for name in ("one", "two"):
                home = {"PARALBENCH_HOME": str(tmp_path / name)}
                cluster.add_node(num_cpus=1, env_vars=home, **settings)
            cluster.wait_for_nodes()
            yield cluster
        finally:
            ray.shutdown()
            cluster.shutdown()
            shutil.rmtree(scratch, ignore_errors=True)


def test_the_tables_are_the_local_runs(cluster, run, local, tmp_path, noted, assert_same):
    address = f"file://{tmp_path}/there"
    found, summary = run(tmp_path / "home", tmp_path / "run", noted, executor="ray", store=address)
    assert_same(found, local[0])
    assert (summary.done, summary.failed, summary.encoded) == (3, 3, 36)
    assert "ray: 2 nodes, 2 tasks at a time on cpu" in noted.lines
    shards = [
        {path.name for path in tmp_path.glob(f"{name}/features/*/means/*")}
        for name in ("home", "one", "two")
    ]
    assert len(shards[0]) > 1
    assert shards[0] == shards[1] | shards[2]
    for name in ("one", "two"):  # of a cell there is only what was done there
        assert len(list(tmp_path.glob(f"{name}/runs/*/scores/*"))) < 3
        assert not (tmp_path / name / "corpora").exists()


def test_a_node_that_does_not_reach_the_address_says_so(cluster, tmp_path, monkeypatch):
    told = []
    address = "ftp://127.0.0.1:9/x"  # nobody listens
    with (
        RayCluster(None, None, None, told.append, address) as executor,
        pytest.raises(StoreError, match=r"ftp://127\.0\.0\.1:9/x: cannot be opened"),
    ):
        executor.settle(Request(("fbank",), executor="ray", device="cpu", store=address))
