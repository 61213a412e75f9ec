"""The peak memory of an extraction on the CPU, in a process of its own."""

import json
import os

import pytest

CLIPS = int(os.environ.get("PARALBENCH_CLIPS", "2000"))
BUDGET = 3.0  # GiB

CODE = """
import json, sys
from pathlib import Path

import numpy as np

from paralbench.cards import load_catalogue
from paralbench.features.extract import extract
from paralbench.features.store import FeatureStore
from paralbench.upstreams import blueprints
from paralbench.upstreams.openvino_backend import with_openvino
from tests.performance.clips import make_cache

id, backend, window, clips, folder = sys.argv[1:]
window, clips, folder = float(window), int(clips), Path(folder)
samples = np.random.default_rng(0).integers(8_000, 24_000, clips).tolist()
samples[clips // 3] = 60 * 16_000
cache, contents = make_cache(folder, samples)
card = load_catalogue().upstreams.get(id).model_copy(update={"window": window})
with blueprints.random_encoder(card) as encoder:
    encoder = with_openvino(encoder) if backend == "openvino" else encoder
    report = extract(encoder, {}, contents, cache, FeatureStore(folder / "features"), threads=2)
print(json.dumps({
    "encoded": report.encoded, "peak": report.peak_memory_bytes, "seconds": report.seconds,
}))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("id", "backend", "window", "clips"),
    [
        ("wav2vec2-base", "torch", 30, CLIPS),
        # Each clip has a length of its own, and OpenVINO keeps code for lengths.
        ("wav2vec2-base", "openvino", 30, CLIPS // 2),
        # Not cut, so that what grows with the square of the length shows: WavLM adds a bias to all
        # pairs of frames. The long clip comes first, and takes no longer among fewer short ones.
        ("wav2vec2-base", "torch", 60, CLIPS // 10),
        ("wavlm-base-plus", "torch", 60, CLIPS // 10),
    ],
)
def test_a_long_clip_among_short_ones_fits(
    id, backend, window, clips, run_python, record, repository, tmp_path
):
    arguments = (id, backend, str(window), str(clips), str(tmp_path))
    done = run_python(CODE, *arguments, timeout=3600, cwd=repository)
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["encoded"] == clips
    peak = found["peak"] / 2**30
    measure = f"{id}, {backend}: {clips} clips of 0.5 to 1.5 s, one of 60 s, window {window} s"
    rows = {
        "measure": measure,
        "ours": peak,
        "unit": "GiB, peak resident size of the process",
        "target": f"{BUDGET:g} GiB",
        "command": "pytest tests/performance/test_memory.py",
    }
    assert measure in record("memory", [rows]).read_text()
    assert peak < BUDGET
