"""Extraction from a warm cache, on the CPU or a GPU: how fast, and how near to what it could be.

    python tests/performance/extract.py --device cpu
    python tests/performance/extract.py --device cpu --openvino --upstreams wav2vec2-base
    python tests/performance/extract.py --device cuda
    python tests/performance/extract.py --device cuda --compiled

Encoders of real size with random weights (time does not depend on what weights are), clips with
the lengths of MSP-Podcast (2.75 to 11 s, mean 5.7 s, made up and seeded), decoded already. Beside
ours, in the same run and taking turns, block of clips by block: transformers' model in a loop over
padded batches in the order of the files, under autocast where the precision is bf16; and s3prl's
expert, likewise. All ways average every layer over the frames of each clip.

Operations are those of the clips' own frames: padding is nobody's work. A share is of the rate of
large matrix products in the same precision, measured just before. Where that of bf16 is below
that of fp32, the processor has no bf16 arithmetic, and bf16 is left out. On a machine that others
use too, ``--busy`` measures one thread by the processor's time, which they hardly lengthen.

Needs torch, transformers, numpy, pandas, pyarrow, pyyaml and pydantic (of which a machine without
an index can be brought the wheels), and no audio library: without s3prl its rows are left out.
"""

import argparse
import hashlib
import itertools
import multiprocessing
import sys
import tempfile
import time
from collections import Counter, defaultdict
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmark")]

import torch  # noqa: E402
from tests.performance import peers, table  # noqa: E402

from paralbench.audio.pcm import to_float  # noqa: E402
from paralbench.cards import load_catalogue  # noqa: E402
from paralbench.features.arithmetic import arithmetic  # noqa: E402
from paralbench.features.batching import limits_of  # noqa: E402
from paralbench.features.budget import find  # noqa: E402
from paralbench.features.device import device_name, find_device  # noqa: E402
from paralbench.features.extract import extract  # noqa: E402
from paralbench.features.flops import measure_flops  # noqa: E402
from paralbench.features.matmul_rate import matmul_rate  # noqa: E402
from paralbench.features.precision import torch_dtype  # noqa: E402
from paralbench.features.store import FeatureStore  # noqa: E402
from paralbench.storage.keyed import RaggedStore  # noqa: E402
from paralbench.torchaudio_cure import ensure_torchaudio  # noqa: E402
from paralbench.upstreams import blueprints  # noqa: E402
from paralbench.upstreams.base import SAMPLE_RATE  # noqa: E402

UPSTREAMS = ("wav2vec2-base", "wavlm-large", "whisper-small")
PLAIN_BATCH = 16
# A round is a block of clips that every way encodes. The peers get a part of each on a GPU, where
# they would take most of the time; rates are compared, not times.
CLIPS = {"cpu": 16, "cuda": 4000}
ROUNDS = {"cpu": 1, "cuda": 2}
PEERS_SHARE = {"cpu": 1.0, "cuda": 0.1}
WARM = {"cpu": 1, "cuda": 160}  # clips that each way encodes before it is timed
# Times real time, and shares of the matrix products' rate, on an H200.
CUDA_TARGETS = {"wav2vec2-base": 10_000, "wavlm-large": 8_000}
CUDA_SHARE, CUDA_FASTER, CPU_FASTER = 0.4, 5, 2

OURS, PLAIN, S3PRL = "ours", "transformers' padded loop", "s3prl's expert"


def msp_podcast_lengths(clips, seed=0):
    """Samples of clips: from 2.75 to 11 s, 5.7 s on average, as those of MSP-Podcast."""
    seconds = 2.75 + 8.25 * np.random.default_rng(seed).beta(1.2, 2.16, clips)
    return (seconds * SAMPLE_RATE).astype(int)


class PcmCache:
    """Decoded noise under made-up names: what :class:`AudioCache` reads, without decoders."""

    def __init__(self, folder, samples, seed=0):
        """Write noise of these lengths, if the folder does not hold it yet."""
        self._store = RaggedStore(folder)
        random = np.random.default_rng(seed)
        bank = (random.normal(0, 0.1, 1 << 22).clip(-1, 1) * 32767).astype("<i2")
        starts = random.integers(0, len(bank) - int(max(samples)), len(samples))
        self.contents = [hashlib.sha256(bytes(f"{n}", "ascii")).hexdigest() for n in starts]
        self.contents = [f"{n:08x}{name[8:]}" for n, name in enumerate(self.contents)]
        for begin in range(0, len(samples), 1000):
            part = slice(begin, begin + 1000)
            rows = [
                bank[start : start + length]
                for start, length in zip(starts[part], samples[part], strict=True)
            ]
            if self.contents[begin] not in self._store:
                self._store.append(self.contents[part], rows)
        self.lengths = dict(zip(self.contents, map(int, samples), strict=True))

    def waveform(self, content):
        """See :class:`paralbench.audio.cache.AudioCache`."""
        return to_float(self._store.get(content))


def busy_rate(size=1024):
    """Operations per second of the processor's time, of large products in fp32."""
    one, other = torch.randn(size, size), torch.randn(size, size)
    times = []
    while len(times) < 8:
        started = time.process_time()
        torch.nn.functional.linear(one, other)
        times.append(time.process_time() - started)
    return 2 * size**3 / min(times)


def measure(
    card, precision, device, samples, clips, folder, threads, how_ours, clock, with_s3prl=True
):
    """Seconds and audio seconds of each way, bytes of memory and the operations of ours.

    Runs in a process of its own, whose memory nobody used before.
    """
    torch.set_num_threads(threads)
    cache: Any = PcmCache(folder / "pcm", samples)
    rounds = [cache.contents[n : n + clips] for n in range(0, len(samples), clips)]
    numbers = itertools.count()
    peak = 0
    with blueprints.random_encoder(card) as encoder:
        flops = measure_flops(encoder, "cpu")
        if how_ours == "openvino":
            from paralbench.upstreams.openvino_backend import with_openvino

            encoder = with_openvino(encoder)

        budget = None
        if torch.device(device).type == "cuda":  # as a long extraction does, and remembers
            encoder.to(find_device(device), torch_dtype(precision))
            with arithmetic(threads, precision):
                budget = find(encoder, find_device(device), samples.tolist(), limits_of(encoder))
            print(f"{card.id}: {budget / SAMPLE_RATE:.0f} s of audio in a batch", flush=True)

        def ours(contents):
            nonlocal peak
            space = FeatureStore(folder / f"{card.id}-{precision}-{next(numbers)}")
            how = {"device": device, "precision": precision, "lengths": cache.lengths}
            how |= {"threads": threads, "token_budget": budget}
            how |= {"compiled": how_ours == "compiled"}
            report = extract(encoder, {}, contents, cache, space, **how)
            assert report.encoded == len(contents)
            peak = max(peak, report.peak_memory_bytes)

        kind = torch.device(device).type
        ways, seconds, warm = {OURS: ours}, defaultdict(float), rounds[0][: WARM[kind]]
        share = round(PEERS_SHARE[kind] * clips)

        def part(name, number):
            return rounds[number] if name == OURS else rounds[number][:share]

        def timed(name, number):
            started = clock()
            ways[name](part(name, number))
            seconds[name] += clock() - started

        ours(warm)
        timed(OURS, 0)
        alone = peak  # before any other model is loaded
        ensure_torchaudio()
        model = blueprints.BLUEPRINTS.get(card.family).build(card).eval().to(device)
        ways[PLAIN] = peers.transformers_loop(model, cache, PLAIN_BATCH, device, precision)
        expert = peers.s3prl_expert(card) if with_s3prl else None
        if expert is not None:
            expert = expert.to(device)
            ways[S3PRL] = peers.s3prl_loop(expert, cache, PLAIN_BATCH, device, precision)
        for name in ways.keys() - {OURS}:
            ways[name](warm)
        for number in range(len(rounds)):
            turned = list(ways)[number % len(ways) :] + list(ways)[: number % len(ways)]
            for name in turned:
                if (name, number) != (OURS, 0):
                    timed(name, number)
    audio = {
        name: sum(cache.lengths[one] for n in range(len(rounds)) for one in part(name, n))
        / SAMPLE_RATE
        for name in ways
    }
    lengths = Counter(cache.lengths[one] for one in cache.contents)
    return dict(seconds), audio, alone, None if flops is None else flops.of_all(lengths)


def rows_of(card, precision, device, found, rate, shared, how_ours=""):
    """What was measured, as rows of the table."""
    seconds, audio, peak, flops = found
    cuda = torch.device(device).type == "cuda"
    real_time = {name: audio[name] / seconds[name] for name in seconds}
    what = f"{card.id}, {precision}, {torch.device(device).type}{how_ours and f', {how_ours}'}"
    names = {PLAIN: f"{PLAIN} of {PLAIN_BATCH} in file order", S3PRL: S3PRL}
    for name, said in names.items():
        if name in seconds:
            cast = " under autocast" if precision == "bf16" else ""
            faster = CUDA_FASTER if cuda else CPU_FASTER
            yield shared | {
                "measure": f"{what}: against {said}{cast}",
                "ours": real_time[OURS],
                "baseline": real_time[name],
                "ratio": f"{real_time[OURS] / real_time[name]:.2f}",
                "unit": f"x real time ({audio[OURS]:.0f} s of audio)",
                "target": f"{faster} times as fast" if name == PLAIN else "",
            }
    if cuda and precision == "bf16" and card.id in CUDA_TARGETS:
        yield shared | {
            "measure": f"{what}: x real time",
            "ours": real_time[OURS],
            "unit": f"x real time ({audio[OURS]:.0f} s of audio)",
            "target": f"{CUDA_TARGETS[card.id]:,}",
        }
    if flops is not None:
        achieved = flops / seconds[OURS]
        yield shared | {
            "measure": f"{what}: achieved",
            "ours": achieved / 1e9,
            "unit": "GFLOP/s, of the clips' own frames",
            "target": "",
        }
        large = cuda and precision == "bf16" and card.id == "wavlm-large"
        yield shared | {
            "measure": f"{what}: share of the rate of matrix products",
            "ours": achieved / rate,
            "unit": f"of {rate / 1e9:.4g} GFLOP/s, measured in the same run",
            "target": str(CUDA_SHARE) if large else "",
        }
    yield shared | {
        "measure": f"{what}: peak memory",
        "ours": peak / 2**30,
        "unit": "GiB of tensors" if cuda else "GiB, peak resident size of the process",
        "target": "",
    }


def main(arguments=None):
    """Measure, print and write; returns the table's file."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--upstreams", default=",".join(UPSTREAMS))
    parser.add_argument("--precisions", default="fp32,bf16")
    parser.add_argument("--clips", type=int, help="in a block")
    parser.add_argument("--rounds", type=int, help="how many blocks")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--compiled", action="store_true", help="ours with compiled blocks")
    parser.add_argument("--openvino", action="store_true", help="ours by OpenVINO, on a CPU")
    parser.add_argument("--no-s3prl", action="store_true", help="only transformers beside ours")
    parser.add_argument(
        "--busy", action="store_true", help="one thread, by the processor's time, not the clock"
    )
    parser.add_argument("--shrunk", action="store_true", help="small models; nothing is written")
    given = parser.parse_args(arguments)
    device = find_device(given.device)
    kind, name = device.type, device_name(device)
    clips, rounds = given.clips or CLIPS[kind], given.rounds or ROUNDS[kind]
    if given.busy:
        given.threads = 1
    how_ours = "openvino" if given.openvino else "compiled" if given.compiled else ""
    clock = time.process_time if given.busy else time.perf_counter
    torch.set_num_threads(given.threads)
    rates = {one: matmul_rate(str(device), one, given.threads) for one in ("fp32", "bf16")}
    if given.busy:
        rates["fp32"] = busy_rate()
    print({one: f"{rate / 1e9:.4g} GFLOP/s" for one, rate in rates.items()}, flush=True)
    catalogue, rows = load_catalogue(), []
    with tempfile.TemporaryDirectory(prefix="paralbench-extract-") as temporary:
        folder = Path(temporary)
        samples = msp_podcast_lengths(clips * rounds)
        PcmCache(folder / "pcm", samples)
        for precision, id in itertools.product(
            given.precisions.split(","), given.upstreams.split(",")
        ):
            if precision == "bf16" and rates["bf16"] < rates["fp32"] and not given.shrunk:
                print(f"{id}: no bf16, which is slower here than fp32", flush=True)
                continue
            card = catalogue.upstreams.get(id)
            if given.shrunk:
                card = blueprints.shrunk(card)
            spawned = multiprocessing.get_context("spawn")
            with ProcessPoolExecutor(1, spawned) as alone:
                how = (str(device), samples, clips, folder, given.threads, how_ours, clock)
                found = alone.submit(measure, card, precision, *how, not given.no_s3prl).result()
            shared = {
                "command": f"python tests/performance/extract.py --device {kind}",
                "device": name if kind == "cuda" else f"cpu, {given.threads} threads",
            }
            if how_ours:
                shared["command"] += f" --{how_ours}"
            if given.busy:
                shared["command"] += " --busy"
                shared["device"] = "cpu, by the processor's time, one thread"
            new = list(
                rows_of(card, precision, str(device), found, rates[precision], shared, how_ours)
            )
            for row in new:
                print(row["measure"], row["ours"], row.get("baseline", ""), row["unit"], flush=True)
            rows += new
            if not given.shrunk:
                table.write("extract", new)  # at once: the next one may not come to its end
    return rows


if __name__ == "__main__":
    main()
