"""What only a GPU can show: exactness under padding without TF32, and throughput in bf16."""

import time

import numpy as np
import pytest
import torch
from tests.performance.clips import make_cache
from tests.performance.loops import load_plainly, plain_loop, scheduled

from paralbench.cards import load_catalogue
from paralbench.features.exactness import TOLERANCE, batch_error
from paralbench.upstreams import blueprints
from paralbench.upstreams.base import SAMPLE_RATE

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"),
    # WavLM's float position bias beside a boolean mask, in transformers' own code.
    pytest.mark.filterwarnings("ignore:Support for mismatched key_padding_mask"),
]

DEVICE = "cuda"
COMMAND = "pytest tests/performance/test_gpu.py"
CLIPS = 600
SECONDS = (1.0, 12.0)
BATCH = 16
ROUNDS = 3  # of which the fastest counts, for each way alike


@pytest.mark.parametrize("id", ["wavlm-base-plus", "wav2vec2-large-lv60"])
def test_batches_do_not_show(id, record):
    card = load_catalogue().upstreams.get(id)
    with blueprints.random_encoder(card) as encoder:
        encoder.to(torch.device(DEVICE), torch.float32)
        error = batch_error(encoder, device=DEVICE)
    row = {
        "measure": f"{id}: a batch, against alone",
        "ours": error.largest,
        "unit": "relative L2",
        "target": f"{TOLERANCE:.0e}",
        "command": COMMAND,
        "device": torch.cuda.get_device_name(),
    }
    record("gpu", [row])
    assert error.shared >= 6
    assert error.largest <= TOLERANCE


@pytest.mark.parametrize("id", ["wavlm-base-plus", "wav2vec2-large-lv60"])
def test_throughput(id, record, tmp_path):
    samples = (np.random.default_rng(0).uniform(*SECONDS, CLIPS) * SAMPLE_RATE).astype(int)
    cache, contents = make_cache(tmp_path, samples.tolist())
    card = load_catalogue().upstreams.get(id)
    weights = tmp_path / "weights"
    ways = {
        f"transformers, {name}, padded batches of {BATCH} in file order": plain_loop(
            load_plainly(card, weights, DEVICE, dtype), cache, BATCH
        )
        for name, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16))
    }
    baselines = list(ways)
    with blueprints.random_encoder(card) as encoder:
        ways["ours"] = scheduled(encoder, cache, tmp_path, device=DEVICE, precision="bf16")
    for encode in ways.values():
        encode(contents[:BATCH])
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(ROUNDS):
        for name, encode in ways.items():
            torch.cuda.synchronize()
            started = time.perf_counter()
            encode(contents)
            torch.cuda.synchronize()
            best[name] = min(best[name], time.perf_counter() - started)
    total = samples.sum() / SAMPLE_RATE
    rows = [
        {
            "measure": f"{id}, scheduler, bf16, against {baseline}",
            "ours": best["ours"],
            "baseline": best[baseline],
            "unit": f"s for {CLIPS} clips of {SECONDS[0]:g} to {SECONDS[1]:g} s ({total:.0f} s)",
            "target": "",
            "command": COMMAND,
            "device": torch.cuda.get_device_name(),
        }
        for baseline in baselines
    ]
    text = record("gpu", rows).read_text()
    assert all(row["measure"] in text for row in rows)
