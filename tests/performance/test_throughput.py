"""Encoding a corpus on the CPU: the scheduler beside two loops over transformers, in one run.

A base-size model with random weights: time does not depend on what the weights are. The ways take
turns, block by block of the same clips, so that a slow spell of the machine touches all alike.
"""

import os
import time

import numpy as np
import pytest
import torch
from tests.performance.clips import make_cache
from tests.performance.loops import load_plainly, plain_loop, scheduled

from paralbench.cards import load_catalogue
from paralbench.upstreams import blueprints
from paralbench.upstreams.base import SAMPLE_RATE
from paralbench.upstreams.openvino_backend import with_openvino

UPSTREAM = "wav2vec2-base"
CLIPS = int(os.environ.get("PARALBENCH_CLIPS", "300"))
SECONDS = (1.0, 12.0)
BLOCK = max(6, CLIPS // 12)  # clips; the scheduler sees no more of them at once
NAIVE_BATCH = 16
THREADS = os.cpu_count() or 1

ALONE, NAIVE = "transformers, one clip at a time", "transformers, padded batches in file order"
FP32, BF16, REDUCED = "scheduler, fp32", "scheduler, bf16", "scheduler, fp32-reduced"
OPENVINO = "scheduler, openvino"

# Of a way against a baseline, and how many times faster it is to be.
COMPARISONS = [
    (FP32, ALONE, "1.0"),
    (FP32, NAIVE, "1.4"),
    (REDUCED, ALONE, ""),
    (BF16, ALONE, "3, where the CPU multiplies in bf16"),
    (OPENVINO, ALONE, "1.9"),
    (OPENVINO, FP32, ""),
]


@pytest.fixture(autouse=True)
def _all_cores():
    before = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    yield
    torch.set_num_threads(before)


@pytest.mark.slow
def test_throughput(record, tmp_path):
    random = np.random.default_rng(0)
    samples = (random.uniform(*SECONDS, CLIPS) * SAMPLE_RATE).astype(int).tolist()
    cache, contents = make_cache(tmp_path, samples)
    blocks = [contents[start : start + BLOCK] for start in range(0, CLIPS, BLOCK)]
    card = load_catalogue().upstreams.get(UPSTREAM)
    ways = ways_of_encoding(card, cache, tmp_path)
    shortest = contents[int(np.argmin(samples))]
    for encode in ways.values():
        encode([shortest])
    seconds = dict.fromkeys(ways, 0.0)
    for number, block in enumerate(blocks):
        names = list(ways)
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            started = time.perf_counter()
            ways[name](block)
            seconds[name] += time.perf_counter() - started
    print({name: round(value, 1) for name, value in seconds.items()})
    total = sum(samples) / SAMPLE_RATE
    rows = [
        {
            "measure": f"{name}, against {baseline}",
            "ours": seconds[name],
            "baseline": seconds[baseline],
            "unit": f"s for {CLIPS} clips of {SECONDS[0]:g} to {SECONDS[1]:g} s ({total:.0f} s)",
            "target": target,
            "command": f"PARALBENCH_CLIPS={CLIPS} pytest tests/performance/test_throughput.py",
        }
        for name, baseline, target in COMPARISONS
    ]
    text = record("throughput", rows).read_text()
    assert all(f"{name}, against {baseline}" in text for name, baseline, _ in COMPARISONS)


def ways_of_encoding(card, cache, folder):
    """By name, a function that encodes some contents and pools every layer over time."""
    model = load_plainly(card, folder / "weights")

    def ours(name, wrap=lambda encoder: encoder, **how):
        with blueprints.random_encoder(card) as encoder:
            return scheduled(wrap(encoder), cache, folder / name, threads=THREADS, **how)

    return {
        ALONE: plain_loop(model, cache, 1),
        NAIVE: plain_loop(model, cache, NAIVE_BATCH),
        FP32: ours("fp32"),
        REDUCED: ours("fp32-reduced", precision="fp32-reduced"),
        BF16: ours("bf16", precision="bf16"),
        OPENVINO: ours("openvino", wrap=with_openvino),
    }
