"""What only a GPU can show; ``extract.py`` beside this file measures how fast it is.

Runs where there are torch, transformers, pytest and pydantic, without any audio library:

    PYTHONPATH=benchmark python -m pytest -m slow tests/performance/test_gpu.py
"""

import hashlib
from typing import Any

import numpy as np
import pytest
import torch
from tests.performance.extract import PcmCache, msp_podcast_lengths

from paralbench.cards import load_catalogue
from paralbench.features.arithmetic import arithmetic
from paralbench.features.encoding import BatchEncoder, padded
from paralbench.features.energy import EnergyMeter
from paralbench.features.exactness import TOLERANCE, batch_error
from paralbench.features.extract import extract
from paralbench.features.overlap import InTurn
from paralbench.features.pooling import summarise
from paralbench.features.store import FeatureStore
from paralbench.upstreams import blueprints

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"),
]

DEVICE = "cuda"
COMMAND = "pytest tests/performance/test_gpu.py"


@pytest.fixture
def small():
    """``small(id)``: the card of a small model, and a context with its encoder."""

    def make(id):
        return blueprints.random_encoder(blueprints.shrunk(load_catalogue().upstreams.get(id)))

    return make


def batches(seed, count=12):
    random = np.random.default_rng(seed)
    lengths = [random.integers(6000, 60_000, 9) for _ in range(count)]
    waves = [[random.normal(0, 0.1, n).astype(np.float32) for n in one] for one in lengths]
    return [padded(one, pinned=True) for one in waves]


@pytest.mark.parametrize("id", ["wavlm-base-plus", "wav2vec2-large-lv60", "whisper-small"])
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


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("id", ["wav2vec2-base", "wavlm-large", "whisper-small"])
def test_overlapping_changes_no_bit(id, precision, small):
    device = torch.device(DEVICE, 0)
    dtype = torch.float32 if precision == "fp32" else torch.bfloat16
    with small(id) as encoder, arithmetic(1, precision):
        encoder.to(device, dtype)
        given = batches(0)
        one_by_one = BatchEncoder(encoder, device, traffic=InTurn(device))
        for (_, ours), (_, others) in zip(
            BatchEncoder(encoder, device).stream(given), one_by_one.stream(given), strict=True
        ):
            for one, other in zip(ours, others, strict=True):
                np.testing.assert_array_equal(one.mean, other.mean)


def test_nothing_is_waited_for(small):
    device = torch.device(DEVICE, 0)
    with small("wavlm-base-plus") as encoder, arithmetic(1, "bf16"):
        encoder.to(device, torch.bfloat16)
        local = BatchEncoder(encoder, device)
        local.encode(batches(0)[0].unpadded())  # what is allocated for good
        batch = batches(1)[0]
        waveforms = batch.padded.to(device)
        torch.cuda.set_sync_debug_mode("error")
        try:
            summary = summarise(encoder.forward(waveforms, torch.tensor(batch.lengths)))
        finally:
            torch.cuda.set_sync_debug_mode("default")
        assert summary.means.isfinite().all()


def test_real_memory_that_runs_out_loses_nothing(tmp_path):
    card = load_catalogue().upstreams.get("wav2vec2-base")
    cache: Any = PcmCache(tmp_path / "pcm", msp_podcast_lengths(200))
    found = []
    with blueprints.random_encoder(card) as encoder:
        for share in (1.0, 2.5e9 / torch.cuda.get_device_properties(0).total_memory):
            torch.cuda.empty_cache()
            torch.cuda.set_per_process_memory_fraction(share)
            try:
                space = FeatureStore(tmp_path / f"{share}")
                how = {"device": DEVICE, "token_budget": 16_000 * 600, "lengths": cache.lengths}
                found.append(extract(encoder, {}, cache.contents, cache, space, **how))
            finally:
                torch.cuda.set_per_process_memory_fraction(1.0)
    whole, scarce = found
    assert (whole.encoded, whole.back_offs) == (200, 0)
    assert scarce.encoded == 200
    assert scarce.back_offs > 0
    one, other = (report.space.mean(cache.contents) for report in found)
    error = np.linalg.norm(one - other, axis=-1) / np.linalg.norm(one, axis=-1)
    assert error.max() <= TOLERANCE


def test_the_same_extraction_twice_is_equal_to_the_bit(tmp_path, small):
    cache: Any = PcmCache(tmp_path / "pcm", msp_podcast_lengths(300))
    digests = set()
    with small("wav2vec2-base") as encoder:
        for number in range(2):
            report = extract(
                encoder,
                {},
                cache.contents,
                cache,
                FeatureStore(tmp_path / f"{number}"),
                device=DEVICE,
                precision="bf16",
                lengths=cache.lengths,
            )
            digests.add(hashlib.sha256(report.space.mean(cache.contents).tobytes()).hexdigest())
    assert len(digests) == 1


@pytest.mark.parametrize("id", ["wav2vec2-base", "wavlm-large"])
def test_compiled_blocks_change_the_order_of_roundings_and_nothing_else(id, record, tmp_path):
    card = load_catalogue().upstreams.get(id)
    cache: Any = PcmCache(tmp_path / "pcm", msp_podcast_lengths(64))
    found, seconds = [], []
    with blueprints.random_encoder(card) as encoder:
        for compiled in (False, True):
            for again in range(2):  # the first pays for compiling
                space = FeatureStore(tmp_path / f"{compiled}-{again}")
                how = {"device": DEVICE, "compiled": compiled, "lengths": cache.lengths}
                report = extract(encoder, {}, cache.contents, cache, space, **how)
            found.append(report.space.mean(cache.contents))
            seconds.append(report.seconds)
    error = np.linalg.norm(found[1] - found[0], axis=-1) / np.linalg.norm(found[0], axis=-1)
    row = {
        "measure": f"{id}, fp32: compiled blocks, against not compiled",
        "ours": error.max(),
        "unit": f"relative L2; {seconds[1]:.2f} s, {seconds[0]:.2f} s",
        "target": f"{TOLERANCE:.0e}",
        "command": COMMAND,
        "device": torch.cuda.get_device_name(),
    }
    record("gpu", [row])
    assert error.max() <= TOLERANCE


def test_the_energy_of_a_gpu_is_told():
    pytest.importorskip("pynvml", reason="needs the extra energy (nvidia-ml-py)")
    one = torch.randn(8192, 8192, device=DEVICE)
    with EnergyMeter(torch.device(DEVICE, 0)) as meter:
        for _ in range(50):
            one @ one
        torch.cuda.synchronize()
    assert meter.joules is not None
    assert 1 < meter.joules < 10_000
