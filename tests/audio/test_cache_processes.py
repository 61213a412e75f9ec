"""Several processes on one audio cache, and processes that are killed."""

import random
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

from paralbench.audio.cache import AudioCache
from paralbench.audio.segments import Segment
from paralbench.storage.atomic import PREFIX
from paralbench.storage.shards import Shard, list_shards

PREPARE = """
import sys
from pathlib import Path
from paralbench.audio.cache import AudioCache
from paralbench.audio.segments import Segment

root, folder = Path(sys.argv[1]), Path(sys.argv[2])
requests = [Segment(p.stem, p.name) for p in sorted(root.iterdir())]
print("ready", flush=True)
AudioCache(folder, workers=2, shard_bytes=200_000).prepare(root, requests)
"""


@pytest.fixture
def start():
    started = []

    def start_process(root, folder):
        process = subprocess.Popen(
            [sys.executable, "-c", PREPARE, str(root), str(folder)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start_process
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def many(tmp_path, voice, write):
    """80 clips of three seconds at 44.1 kHz: a second's work."""
    sound = voice(44100, 3.0)
    for number in range(80):
        write(tmp_path / "many" / f"{number:03}.wav", sound * (1 - number / 100), 44100)
    return tmp_path / "many"


def _expect(many, folder, reference):
    requests = [Segment(path.stem, path.name) for path in sorted(many.iterdir())]
    cache = AudioCache(folder)
    frame = cache.prepare(many, requests)
    expected = reference.prepare(many, requests)
    pd.testing.assert_frame_equal(frame, expected)
    for content in frame["content"]:
        np.testing.assert_array_equal(cache.waveform(content), reference.waveform(content))
    for path in list_shards(folder / "pcm"):
        Shard.open(path).verify()
    assert not list(folder.rglob(f"{PREFIX}*"))
    assert not list(folder.rglob("*.damaged"))


@pytest.mark.slow
def test_kill_at_any_time(tmp_path, many, start, cache):
    rng = random.Random(0)
    folder = tmp_path / "shared"
    kept = [0]
    for _ in range(5):
        process = start(many, folder)
        assert process.stdout.readline() == "ready\n", process.stderr.read()
        time.sleep(rng.uniform(0, 0.4))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        kept.append(len(list_shards(folder / "pcm")))
    assert kept == sorted(kept)  # nothing that was on the disk is lost
    _expect(many, folder, cache)


def test_two_processes_at_once(tmp_path, many, start, cache):
    folder = tmp_path / "shared"
    processes = [start(many, folder) for _ in range(2)]
    for process in processes:
        _, error = process.communicate()
        assert process.returncode == 0, error
    _expect(many, folder, cache)
