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

from paralbench.cards import load_catalogue
from paralbench.features.extract import extract
from paralbench.features.store import FeatureStore
from paralbench.torchaudio_cure import ensure_torchaudio
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
    ensure_torchaudio()
    from transformers import AutoModel

    blueprints.write_random(card, folder / "weights")
    model = AutoModel.from_pretrained(folder / "weights", dtype=torch.float32).eval()

    def encode_batch(group):
        waveforms = [cache.waveform(content) for content in group]
        lengths = torch.tensor([len(one) for one in waveforms])
        batch = torch.zeros(len(group), int(lengths.max()))
        for row, one in zip(batch, waveforms, strict=True):
            row[: len(one)] = torch.from_numpy((one - one.mean()) / (one.std() + 1e-7))
        mask = (torch.arange(batch.shape[1]) < lengths[:, None]).long()
        with torch.inference_mode():
            mask = mask if len(group) > 1 else None
            states = model(batch, attention_mask=mask, output_hidden_states=True).hidden_states
            frames = model._get_feat_extract_output_lengths(lengths).tolist()
            return [
                [layer[row, :valid].mean(0).numpy() for layer in states]
                for row, valid in enumerate(frames)
            ]

    def in_batches_of(size):
        def encode(some):
            return [encode_batch(some[i : i + size]) for i in range(0, len(some), size)]

        return encode

    def scheduled(precision="fp32", wrap=lambda encoder: encoder):
        with blueprints.random_encoder(card) as loaded:
            encoder = wrap(loaded)
        stores = iter(range(10**6))

        def encode(some):
            store = FeatureStore(folder / f"{precision}-{id(encoder)}-{next(stores)}")
            report = extract(encoder, {}, some, cache, store, precision=precision, threads=THREADS)
            assert report.encoded == len(some)

        return encode

    return {
        ALONE: in_batches_of(1),
        NAIVE: in_batches_of(NAIVE_BATCH),
        FP32: scheduled(),
        REDUCED: scheduled("fp32-reduced"),
        BF16: scheduled("bf16"),
        OPENVINO: scheduled(wrap=with_openvino),
    }
