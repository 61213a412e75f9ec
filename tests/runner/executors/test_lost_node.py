"""A run over thousands of utterances on a cluster of two nodes, of which one is lost on the way.

PARALBENCH_TEST_UTTERANCES sets how many; 2,000 are the default.
"""

import os
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import ray
import soundfile

from paralbench.cards import UpstreamCard, load_catalogue
from paralbench.runner.execute import execute
from paralbench.runner.progress import Quiet
from paralbench.runner.request import Request
from paralbench.runner.upstream import Upstream
from paralbench.tables import RunFolder
from paralbench.upstreams.weights import Weights

pytestmark = pytest.mark.slow

UTTERANCES = int(os.environ.get("PARALBENCH_TEST_UTTERANCES", "2000"))
SPEAKERS = 40

CORPUS = """\
kind: corpus
name: Many made-up voices
access: open
licence: none
speakers: known
languages: [xx]
root: many-clips
reader:
  name: filename
  options:
    pattern: '(?P<speaker>s[0-9]+)_(?P<gender>[fm])_(?P<emotion>[AN])_[0-9]+'
    values: {emotion: {A: anger, N: neutral}}
labels:
  emotion: {kind: class, values: [anger, neutral]}
  gender: {kind: class, values: [female, male]}
"""

TASK = """\
kind: task
name: One label of many made-up voices
corpus: many
label: LABEL
target: classes
classes: CLASSES
split: {protocol: speaker-k-fold, folds: 3}
metrics: [uar]
span: short
"""


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """Cards of a corpus of tones in noise, 0.2 to 0.8 s each."""
    folder = tmp_path_factory.mktemp("many")
    clips = folder / "many-clips"
    clips.mkdir()
    random = np.random.default_rng(5)
    time = np.arange(12_800) / 16_000
    for number in range(UTTERANCES):
        speaker = number % SPEAKERS
        gender, emotion = "fm"[speaker % 2], "AN"[number // SPEAKERS % 2]
        pitch = {"f": 210, "m": 110}[gender] + speaker
        samples = random.integers(3200, 12_800)
        tone = 0.05 * np.sin(2 * np.pi * pitch * time[:samples])
        noise = random.normal(0, 0.05 if emotion == "A" else 0.02, samples)
        name = f"s{speaker}_{gender}_{emotion}_{number}.wav"
        soundfile.write(clips / name, tone + noise, 16_000, subtype="PCM_16")
    (folder / "many.yaml").write_text(CORPUS)
    for label, classes in (("emotion", "[anger, neutral]"), ("gender", "[female, male]")):
        text = TASK.replace("LABEL", label).replace("CLASSES", classes)
        (folder / f"many-{label}.yaml").write_text(text)
    return folder


@pytest.fixture(scope="module")
def run(many, fakes):
    """Run a tiny encoder, whose features show their batch: ``run(home, out, progress, ...)``."""
    encoder = fakes.RoundingEncoder()
    card = UpstreamCard.build(
        {
            "name": "Rounding",
            "family": "module",
            "weights": [{"source": "none"}],
            "layers": encoder.n_layers,
            "dim": encoder.dim,
            "licence": "none",
        },
        id="rounding",
    )
    weights = Weights(None, encoder.weights_key, "made up")

    def run(home, out, progress, **changes):
        catalogue = load_catalogue([many])
        catalogue.upstreams.add(card)
        request = Request(
            ("rounding",),
            ("many-emotion", "many-gender"),
            recipes=("paralbench", "ridge", "lda", "majority"),
            seeds=1,
            threads=1,
            device="cpu",
            **changes,
        )
        own = [Upstream(card, weights, "fp32", given=fakes.RoundingEncoder())]
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PARALBENCH_HOME", str(home))
            return execute(catalogue, request, out, progress=progress, own=own)

    return run


@pytest.fixture(scope="module")
def local(run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("local")
    run(folder / "home", folder / "run", Quiet())
    return RunFolder(folder / "run")


@dataclass
class Losing:
    """Takes a node from the cluster when some work has come to a share of its end."""

    cluster: object
    node: object
    what: str
    share: float
    lines: list[str] = field(default_factory=list)

    def line(self, text):
        self.lines.append(text)

    def work(self, what, done, total, unit):
        if self.node is not None and what.endswith(self.what) and done >= self.share * total:
            node, self.node = self.node, None
            self.cluster.remove_node(node, allow_graceful=False)


@pytest.fixture
def cluster(fakes, tmp_path):
    """A head and a second node, one processor each; yields the cluster and the second.

    Where they share no folder, the second works in the home ``second``.
    """
    from ray.cluster_utils import Cluster

    scratch = tempfile.mkdtemp(prefix="pb-")  # the sockets of Ray need a short path
    settings = {"num_cpus": 1, "object_store_memory": 80 << 20, "include_dashboard": False}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(fakes.__file__).parent))
        patch.setenv("RAY_TMPDIR", scratch)  # where it notes the address of the last cluster
        (Path(scratch) / "ray").mkdir()
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_AUTH_MODE", "disabled")
        cluster = Cluster(initialize_head=True, head_node_args={**settings, "temp_dir": scratch})
        try:
            ray.init(cluster.address, log_to_driver=False)  # so this process is with the head
            home = {"PARALBENCH_HOME": str(tmp_path / "second")}
            second = cluster.add_node(**settings, env_vars=home)
            cluster.wait_for_nodes()
            yield cluster, second
        finally:
            ray.shutdown()
            cluster.shutdown()
            shutil.rmtree(scratch, ignore_errors=True)


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize(("what", "share"), [("encoding", 0.3), ("cells", 0.3)])
def test_a_run_that_loses_a_node_ends_with_the_local_tables(
    run, local, cluster, tmp_path, assert_same, what, share, shared
):
    losing = Losing(*cluster, what, share)
    store = None if shared else f"file://{tmp_path}/there"
    summary = run(tmp_path / "home", tmp_path / "run", losing, executor="ray", store=store)
    assert losing.node is None, "the run ended before the node was lost"
    assert (summary.done, summary.failed) == (8, 0), summary
    assert "ray: 2 nodes, 2 tasks at a time on cpu" in losing.lines
    assert_same(RunFolder(tmp_path / "run"), local)
    assert shared != (tmp_path / "second" / "features").exists()
