"""Machines that share nothing but an address: the local run's tables, and each file checked."""

import shutil
import sys
import uuid
from dataclasses import dataclass

import numpy as np
import pytest
from tests.runner.executors.machines import Machines

from paralbench import paths
from paralbench.audio.cache import AudioCache
from paralbench.audio.pcm import canonical, content_hash
from paralbench.cards import load_catalogue
from paralbench.errors import ParalbenchError, StoreError
from paralbench.features.batching import BUDGETS
from paralbench.features.budget import recall, remember
from paralbench.features.collecting import NOT_FINITE, TOO_SHORT
from paralbench.features.frame_store import open_frames
from paralbench.features.store import FeatureStore
from paralbench.runner import execute as executing
from paralbench.runner import extraction
from paralbench.runner.executors.exchanging import Exchanging, Made
from paralbench.runner.extract_in_parts import extract_in_parts
from paralbench.runner.extraction import Extraction, Sizing
from paralbench.runner.progress import Quiet
from paralbench.runner.request import Request
from paralbench.runner.upstream import Upstream
from paralbench.storage.remote import Remote
from paralbench.upstreams.weights import Weights

HOMES = ("home", "one", "two")


@pytest.fixture
def machines(tmp_path):
    return Machines([tmp_path / "one", tmp_path / "two"])


@pytest.fixture
def address(tmp_path):
    return f"file://{tmp_path}/there"


@pytest.fixture
def apart(run, machines, address, tmp_path, monkeypatch):
    """Run on the machines; ``apart(progress, ...)``."""

    def choose(request, out, say, chosen=executing.choose_executor):
        if request.store is None:
            return chosen(request, out, say)
        return Exchanging(machines, request.store, paths.home())

    def start(progress=None, **changes):
        changes = {"executor": "ray", "store": address, **changes}
        return run(tmp_path / "home", tmp_path / "run", progress, **changes)

    monkeypatch.setattr(executing, "choose_executor", choose)
    return start


def there(tmp_path, pattern):
    return sorted(path.name for path in (tmp_path / "there").glob(pattern))


def test_the_tables_are_the_local_runs(apart, local, machines, assert_same, tmp_path, noted):
    found, summary = apart(noted)
    assert_same(found, local[0])
    assert found.read("failures")["error"].tolist() == ["LeakageError"] * 3
    assert (summary.done, summary.failed, summary.encoded) == (3, 3, 36)
    assert set(machines.done) == {"one", "two"}
    assert noted.works["cells"][-1] == (6, 6)
    home, one, two = (set(tmp_path.glob(f"{name}/features/*/means/*")) for name in HOMES)
    assert len(home) > 1
    assert {path.name for path in home} == {path.name for path in one | two}
    assert not (tmp_path / "one" / "corpora").exists()
    # The same command again tries what failed, and a new run folder finds the features.
    _, again = apart()
    assert (again.done, again.reused, again.failed, again.encoded) == (0, 3, 3, 0)
    shutil.rmtree(tmp_path / "run")
    before = there(tmp_path, "**/*")
    found, again = apart()
    assert (again.done, again.encoded) == (3, 0)
    assert_same(found, local[0])
    assert there(tmp_path, "**/*") == before


@pytest.mark.slow
def test_moments_and_frames_are_read_where_the_cells_are(apart, run, tmp_path, assert_same):
    changes = {"tasks": ("voices-emotion",), "recipes": ("mlp", "emobox", "lda")}
    expected, _ = run(tmp_path / "alone", tmp_path / "alone-run", **changes)
    found, summary = apart(**changes)
    assert (summary.done, summary.failed) == (3, 0)
    assert_same(found, expected)


def test_moments_frames_and_exclusions_travel(machines, address, tmp_path, fakes, monkeypatch):
    contents, lengths = [], {}
    cache = AudioCache()
    for number, seconds in enumerate((0.01, *np.linspace(0.3, 0.9, 12))):
        samples = np.random.default_rng(number).normal(0, 0.1, round(16_000 * seconds))
        pcm = canonical(samples.astype(np.float32))
        contents.append(content_hash(pcm))
        lengths[contents[-1]] = len(pcm)
        cache._store.append(contents[-1:], [pcm])
    encoder = fakes.RoundingEncoder()
    card = load_catalogue().upstreams.get("fbank")
    weights = Weights(None, encoder.weights_key, "made up")
    upstream = Upstream(card, weights, "fp32", given=encoder)

    def extract(executor, home):
        monkeypatch.setenv("PARALBENCH_HOME", str(home))
        space = FeatureStore().space(upstream.description)
        work = Extraction(upstream, "cpu", 1, True, -1, cache=cache)
        with executor:
            extract_in_parts(work, space, lengths, executor, executor.settle(None)[1], Quiet())
        space.refresh()
        return space, open_frames(space, -1)

    home = paths.home()
    monkeypatch.setitem(extraction.LEAST_SECONDS, "cpu", 2.0)
    monkeypatch.setitem(BUDGETS, "cpu", 3 * 16_000)
    extract(Machines([home]), home)
    shutil.move(home / "features", tmp_path / "shared")
    shared = FeatureStore(tmp_path / "shared").space(upstream.description)
    expected = open_frames(shared, -1)
    for machine in machines.homes:  # which found on its own that one cannot be encoded
        elsewhere = FeatureStore(machine / "features").space(upstream.description)
        elsewhere.exclude({contents[1]: NOT_FINITE})
    space, frames = extract(Exchanging(machines, address, home), home)
    assert space.excluded(contents) == {contents[0]: TOO_SHORT, contents[1]: NOT_FINITE}
    kept = contents[2:]
    assert len(machines.done) > 1
    np.testing.assert_array_equal(space.mean(kept), shared.mean(kept))
    np.testing.assert_array_equal(space.moments(kept), shared.moments(kept))
    for one, other in zip(frames.read(kept), expected.read(kept), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.fixture
def small(small_upstream, cards):
    """The folder of an upstream with weights, whose card ``small`` is among the cards."""
    folder = small_upstream("wav2vec2-base")
    shutil.copy(folder / "small.yaml", cards)
    yield folder
    (cards / "small.yaml").unlink()


def test_weights_travel_once_and_are_found_in_each_home(
    apart, run, small, tmp_path, assert_same, monkeypatch
):
    changes = {"upstreams": ("small",), "tasks": ("voices-emotion",), "recipes": ("ridge",)}
    expected, _ = run(tmp_path / "alone", tmp_path / "alone-run", **changes)
    loaded = []
    monkeypatch.setattr(
        Upstream,
        "_load",
        lambda self, load=Upstream._load: loaded.append(self.weights.folder) or load(self),
    )
    found, summary = apart(**changes)
    assert (summary.done, summary.failed, summary.encoded) == (1, 0, 36)
    assert_same(found, expected)
    (sent,) = (tmp_path / "there" / "weights" / "by-sha256").iterdir()
    kept = {tmp_path / name / "weights" / "by-sha256" / sent.name for name in ("one", "two")}
    assert kept <= set(loaded)
    assert set(loaded) - kept == {small / "weights"}  # here, for the description
    for home in kept:
        for file in sent.iterdir():
            assert (home / file.name).read_bytes() == (small / "weights" / file.name).read_bytes()


def test_a_part_that_is_lost_is_done_again_elsewhere(apart, machines, tmp_path):
    machines.lost = [0, 1, 2]
    _, summary = apart(recipes=("ridge",), tasks=("voices-emotion",))
    assert (summary.done, summary.failed) == (1, 0)
    home, *both = (
        {path.name for path in tmp_path.glob(f"{name}/features/*/means/*")} for name in HOMES
    )
    assert home == both[0] == both[1]  # named by their content: encoded twice, to the same bits


def test_cells_that_were_told_of_are_kept_where_their_part_is_lost(
    apart, local, machines, assert_same
):
    apart(recipes=("majority",), tasks=("voices-emotion",), upstreams=("fbank",))
    machines.gone = list(range(10))
    _, summary = apart(recipes=("majority", "duration"), tasks=("voices-emotion",), upstreams=())
    assert (summary.done + summary.reused, summary.failed) == (2, 0)


def test_a_damaged_file_there_is_named_and_not_taken(apart, machines, tmp_path, local):
    with pytest.MonkeyPatch.context() as patch:
        fetch = Remote.fetch

        def damage(self, name, target, sha256):
            if name.startswith("audio/pcm/"):
                file = tmp_path / "there" / name
                file.write_bytes(file.read_bytes()[:-1] + b"\xff")
            return fetch(self, name, target, sha256)

        patch.setattr(Remote, "fetch", damage)
        found, summary = apart(recipes=("ridge", "majority"))
    failures = found.read("failures").query("stage == 'encode'")
    assert (
        failures["message"].str.contains(r"there/audio/pcm/\w+\.safetensors: the content's").all()
    )
    assert (summary.done, len(failures)) == (1, 2)
    assert not list((tmp_path / "one").glob("audio/pcm/*"))
    shutil.rmtree(tmp_path / "there" / "audio")
    found, summary = apart(recipes=("ridge", "majority"))
    assert (summary.done, summary.reused, summary.failed) == (1, 1, 2)
    assert found.read("failures")["error"].tolist() == ["LeakageError"] * 2


@pytest.mark.parametrize("name", ["../evil", "/etc/passwd", "features/../../evil", "runs/a"])
def test_a_name_that_leads_elsewhere_is_not_fetched(address, tmp_path, works, name):
    with (
        Exchanging(Elsewhere([name]), address, tmp_path / "home") as executor,
        pytest.raises(StoreError, match="no file of a store has such a name"),
    ):
        dict(executor.run(works.Squares(), [1], lambda *_: None))
    assert not (tmp_path / "home").exists()


@dataclass
class Elsewhere(Machines):
    """Machines that say they made files of such names."""

    def run(self, work, parts, told):
        yield 0, Made(1, tuple(self.homes))


def test_the_size_of_batches_is_found_where_the_parts_are_done(
    machines, address, tmp_path, paralbench_home, small_upstream
):
    folder = small_upstream("wav2vec2-base")
    card = load_catalogue([folder]).upstreams.get("small")
    upstream = Upstream.find(card, "fp32", {})
    description = upstream.description
    there = FeatureStore(tmp_path / "one" / "features").folder_of(description)
    remember(there, "a device of that machine", 7)
    work = Sizing(upstream, "cpu", 1, False, {})
    with Exchanging(machines, address, paralbench_home) as executor:
        ((_, budget),) = executor.run(work, [()], lambda *_: None)
    assert isinstance(budget, int)
    mine = FeatureStore().folder_of(description)
    assert recall(mine, "a device of that machine") == 7


def test_a_store_is_for_the_executor_ray(tmp_path):
    with pytest.raises(ParalbenchError, match="store: an address is for the executor 'ray'"):
        Request(("fbank",), store=f"memory://{uuid.uuid4().hex}")


def test_without_a_driver_nothing_is_begun(machines, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(ParalbenchError, match="pip install s3fs"):
        Exchanging(machines, "s3://bucket/x", tmp_path)
