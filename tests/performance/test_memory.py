"""The peak memory of an extraction on the CPU, in a process of its own."""

import json
import os

import pytest

CLIPS = int(os.environ.get("PARALBENCH_CLIPS", "2000"))
BUDGET = 3.0  # GiB

CODE = """
import dataclasses, json, sys
from pathlib import Path

from paralbench.cards import load_catalogue
from paralbench.features.extract import extract
from paralbench.features.store import FeatureStore
from paralbench.upstreams import blueprints
from tests.performance.clips import make_cache

id, window, clips, folder = sys.argv[1], float(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])
samples = [16_000] * clips
samples[clips // 3] = 60 * 16_000
cache, contents = make_cache(folder, samples)
card = load_catalogue().upstreams.get(id).model_copy(update={"window": window})
with blueprints.random_encoder(card) as encoder:
    report = extract(encoder, {}, contents, cache, FeatureStore(folder / "features"), threads=2)
print(json.dumps({
    "encoded": report.encoded, "peak": report.peak_memory_bytes, "seconds": report.seconds,
}))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("id", "window", "clips"),
    [
        ("wav2vec2-base", 30, CLIPS),
        # Not cut, so that what grows with the square of the length shows: WavLM adds a bias to all
        # pairs of frames. The long clip comes first, and takes no longer among fewer short ones.
        ("wav2vec2-base", 60, CLIPS // 10),
        ("wavlm-base-plus", 60, CLIPS // 10),
    ],
)
def test_a_long_clip_among_short_ones_fits(
    id, window, clips, run_python, record, repository, tmp_path
):
    arguments = (id, str(window), str(clips), str(tmp_path))
    done = run_python(CODE, *arguments, timeout=3600, cwd=repository)
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["encoded"] == clips
    peak = found["peak"] / 2**30
    measure = f"{id}: {clips} clips of 1 s, one of 60 s, window {window} s"
    rows = {
        "measure": measure,
        "ours": peak,
        "unit": "GiB, peak resident size of the process",
        "target": f"{BUDGET:g} GiB",
        "command": "pytest tests/performance/test_memory.py",
    }
    assert measure in record("memory", [rows]).read_text()
    assert peak < BUDGET
