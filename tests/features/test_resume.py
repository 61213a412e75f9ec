"""Killed and concurrent extractions end with the features of an undisturbed one, bit for bit.

The encoder's output shows which batch it was computed in, so equal bits mean equal batches.
"""

import json
import sys

import numpy as np
import pytest

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="needs another platform: forks and kills processes"
)

# Forked children share the imports of one process, so that a kill costs milliseconds.
EXTRACT = """
import json, os, random, signal, sys, time
from pathlib import Path
import fake_encoders, torch
from paralbench.audio.cache import AudioCache
from paralbench.features import collecting
from paralbench.features.extract import extract
from paralbench.features.store import FeatureStore

torch.set_num_threads(1)
given = json.loads(sys.argv[1])
collecting.FLUSH_SECONDS = 0.03
description = given["description"]

def child(folder):
    pid = os.fork()
    if pid:
        return pid
    try:
        encoder = fake_encoders.RoundingEncoder(
            seconds_per_batch=0.02, window_samples=20_000
        )
        extract(
            encoder, description, given["contents"], AudioCache(Path(given["audio"])),
            FeatureStore(Path(folder)), token_budget=40_000, second_moments=True, threads=1,
        )
        os._exit(0)
    finally:
        os._exit(1)

def stored(folder):
    space = FeatureStore(Path(folder)).space
    from paralbench.features.keys import space_description
    full = space_description(description, precision="fp32")
    return len(given["contents"]) - len(space(full).missing(given["contents"]))
"""

# Killed at a random moment after it has written none, one or two more shards.
KILLS = """
chance = random.Random(7)
counts = []
while len(counts) < 12 and (not counts or counts[-1] < len(given["contents"])):
    shards = lambda: sum(1 for _ in Path(given["folder"]).glob("*/means/*.safetensors"))
    enough = shards() + chance.randrange(3)
    pid = child(given["folder"])
    while shards() < enough and os.waitpid(pid, os.WNOHANG) == (0, 0):
        time.sleep(0.001)
    time.sleep(chance.uniform(0, 0.08))
    try:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    except (ProcessLookupError, ChildProcessError):
        pass  # it had come to its end
    counts.append(stored(given["folder"]))
_, status = os.waitpid(child(given["folder"]), 0)
assert status == 0
print(json.dumps(counts))
"""

TWO = """
pids = [child(given["folder"]), child(given["folder"])]
print([os.waitpid(pid, 0)[1] for pid in pids])
"""


@pytest.fixture
def undisturbed(noise, fakes, store, description):
    from paralbench.features.extract import extract

    encoder = fakes.RoundingEncoder(window_samples=20_000)
    report = extract(
        encoder,
        description,
        noise.contents,
        noise.cache,
        store,
        token_budget=40_000,
        second_moments=True,
        threads=1,
    )
    return report.space


@pytest.fixture
def disturbed(noise, tmp_path, description, run_python, undisturbed, repository):
    """Run code in a process that may fork extractions, and compare what they left."""

    def run(code):
        from paralbench.features.store import FeatureStore

        folder = tmp_path / "disturbed"
        given = {
            "folder": str(folder),
            "audio": str(noise.cache.folder),
            "contents": noise.contents,
            "description": description,
        }
        here = str(repository / "tests" / "features")
        done = run_python(EXTRACT + code, json.dumps(given), env={"PYTHONPATH": here})
        space = FeatureStore(folder).space(undisturbed.description)
        assert space.key == undisturbed.key
        for read in ("mean", "frames", "moments"):
            wanted = getattr(undisturbed, read)(noise.contents)
            np.testing.assert_array_equal(getattr(space, read)(noise.contents), wanted)
        left = [path.name for path in folder.rglob(".*")]
        return json.loads(done.stdout), left

    return run


def test_after_kills_at_random_points_the_features_are_the_same_to_the_bit(disturbed, noise):
    counts, left = disturbed(KILLS)
    assert counts == sorted(counts)  # what was stored stays stored
    assert any(0 < count < 40 for count in counts)  # and some kills hit the middle
    assert left == []


def test_two_processes_at_once_end_with_the_same_features(disturbed):
    statuses, _ = disturbed(TWO)
    assert statuses == [0, 0]


def test_an_undisturbed_run_twice_is_equal_to_the_bit(
    noise, fakes, tmp_path, description, undisturbed
):
    from paralbench.features.extract import extract
    from paralbench.features.store import FeatureStore

    encoder = fakes.RoundingEncoder(window_samples=20_000)
    again = extract(
        encoder,
        description,
        noise.contents[::-1],
        noise.cache,
        FeatureStore(tmp_path / "again"),
        token_budget=40_000,
    )
    np.testing.assert_array_equal(
        again.space.mean(noise.contents), undisturbed.mean(noise.contents)
    )
    other = extract(
        encoder,
        description,
        noise.contents,
        noise.cache,
        FeatureStore(tmp_path / "other"),
        token_budget=30_000,
    )
    difference = other.space.mean(noise.contents) != undisturbed.mean(noise.contents)
    assert difference.any()  # the encoder does show its batch


def test_a_damaged_shard_is_extracted_again_to_the_same_bits(
    noise, fakes, store, description, undisturbed
):
    from paralbench.features.extract import extract

    before = undisturbed.mean(noise.contents)
    shard = sorted((undisturbed.folder / "means").glob("*.safetensors"))[0]
    shard.write_bytes(shard.read_bytes()[:-1])
    encoder = fakes.RoundingEncoder(window_samples=20_000)
    with pytest.warns(UserWarning, match="set aside"):
        report = extract(
            encoder, description, noise.contents, noise.cache, store, token_budget=40_000
        )
    assert report.encoded > 0
    np.testing.assert_array_equal(report.space.mean(noise.contents), before)


def test_a_neighbour_whose_audio_is_gone_does_not_stop_the_rest(
    noise, fakes, store, description, undisturbed, tmp_path
):
    """A resumed batch holds utterances of an earlier request; theirs may not be here any more."""
    from paralbench.features.extract import extract

    class Partial:
        def waveform(self, content):
            from paralbench.errors import StoreError

            if content != wanted:
                raise StoreError("gone")
            return noise.cache.waveform(content)

    wanted = noise.contents[7]
    before = undisturbed.mean([wanted])
    for part in ("means", "moments"):
        for shard in (undisturbed.folder / part).glob("*.safetensors"):
            shard.unlink()
    encoder = fakes.RoundingEncoder(window_samples=20_000)
    report = extract(encoder, description, [wanted], Partial(), store, token_budget=40_000)
    assert report.encoded == 1
    np.testing.assert_allclose(report.space.mean([wanted]), before, rtol=1e-4)
