"""How large batches may be on a GPU, found by trying and remembered.

A batch too small leaves the device waiting for kernels to be launched; one too large gains nothing
more and is padded more. Where that is differs by encoder, precision and device. So batches of
doubling cost are tried on noise until the memory is full or nothing is gained. What was found is
kept beside the features, by the device's name, for batches are a part of what makes two runs equal
to the bit: a second run must not find something else.
"""

import json
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from paralbench.features.batching import BUDGETS, Limits, cost
from paralbench.features.device import device_name, memory_share
from paralbench.features.encoding import BatchEncoder
from paralbench.features.keys import encoder_key
from paralbench.features.plans import begun
from paralbench.features.store import FeatureSpace
from paralbench.storage.atomic import write_file
from paralbench.upstreams.base import SAMPLE_RATE

if TYPE_CHECKING:
    import torch

    from paralbench.upstreams.base import Encoder

BUDGETS_FOLDER = "budgets"  # of a space
FIRST = 80 * SAMPLE_RATE  # samples, as every budget
MOST = 64 * FIRST
# Of the device's memory: the longest utterances of a corpus may need more than those of a trial.
MOST_MEMORY = 0.7
LEAST_GAIN = 0.05  # of throughput, for twice the batch
# Less audio than this is encoded in about the time that the search takes.
WORTH_SECONDS = 50_000

_REPEATS = 2
_TYPICAL = 6 * SAMPLE_RATE


@dataclass(frozen=True)
class Trial:
    """What a batch of some cost took.

    Attributes:
        seconds: per second of audio.
        memory: of the device's, at the peak, from 0 to 1.
    """

    seconds: float
    memory: float


def budget_for(
    space: FeatureSpace,
    missing: Sequence[str],
    lengths: Mapping[str, int],
    encoder: "Encoder",
    limits: Limits,
    device: "torch.device",
    second_moments: bool = False,
) -> int:
    """The token budget of an extraction for which none is given.

    On a CUDA device, the first of these that there is: that of a plan that was begun there for one
    of the missing utterances; the remembered one; one that is found now, if there is enough to
    encode; the fixed one. Elsewhere, the fixed one of :data:`BUDGETS`.

    Args:
        space: where the features go.
        missing: contents to encode.
        lengths: samples of contents, as far as they are known without reading.
        encoder: on its device, in its precision.
        limits: of the encoder.
        device: that computes.
        second_moments: whether these are pooled too.
    """
    fixed = BUDGETS[device.type]
    if device.type != "cuda":
        return fixed
    name = device_name(device)
    remembered = recall(space.folder, name)
    for known in (remembered, fixed):
        if known is not None and begun(space.plans, missing, known, limits):
            return known
    if remembered is not None:
        return remembered
    samples = [lengths.get(content, _TYPICAL) for content in missing]
    if sum(samples) < WORTH_SECONDS * SAMPLE_RATE:
        return fixed
    found = find(encoder, device, samples, limits, second_moments)
    return remember(space.folder, name, found)


def find(
    encoder: "Encoder",
    device: "torch.device",
    samples: Sequence[int],
    limits: Limits,
    second_moments: bool = False,
) -> int:
    """Try batches of doubling cost, of the median and of the longest length.

    Args:
        encoder: on the device, in its precision.
        device: that computes.
        samples: of the utterances.
        limits: of the encoder.
        second_moments: whether these are pooled too.
    """
    least, most = limits.min_samples, limits.window_samples
    typical = int(np.clip(statistics.median(samples), least, most))
    longest = int(np.clip(max(samples), least, most))

    def measure(budget: int) -> Trial | None:
        return try_batch(encoder, device, budget, (typical, longest), limits, second_moments)

    return grow(measure) or BUDGETS[device.type]


def grow(
    measure: Callable[[int], Trial | None], first: int = FIRST, most: int = MOST
) -> int | None:
    """The budget that is worth it: doubled while throughput grows and memory suffices.

    Args:
        measure: tries a budget; None where memory ran out.
        first: the first one.
        most: the largest one.

    Returns:
        None where not even the first fits.
    """
    best, fastest = None, float("inf")
    budget = first
    while budget <= most:
        trial = measure(budget)
        if trial is None or trial.memory > MOST_MEMORY:
            break
        if best is not None and trial.seconds > fastest * (1 - LEAST_GAIN):
            break
        best, fastest = budget, trial.seconds
        if 2 * trial.memory > MOST_MEMORY:
            break
        budget *= 2
    return best


def try_batch(
    encoder: "Encoder",
    device: "torch.device",
    budget: int,
    lengths: Sequence[int],
    limits: Limits,
    second_moments: bool = False,
) -> Trial | None:
    """Encode batches of noise that cost the budget; None where memory runs out.

    The first length is what is timed, after it was run once; memory is the most of all lengths.
    Half of a batch is a little shorter than the rest, so that it is padded as real ones are.
    """
    local = BatchEncoder(encoder, device, second_moments, limits.padded_samples)
    noise = np.random.default_rng(0).normal(0, 0.1, max(lengths)).astype(np.float32)
    seconds = []
    peak = memory_share(device, reset=True)
    for length in lengths:
        price = cost(1, length, limits.padded_samples)
        alone = limits.batching == "single"
        count = 1 if alone else max(1, budget // price)
        shorter = length
        if limits.batching == "any":
            shorter = max(limits.min_samples, length - length // 20)
        waveforms = [
            encoder.prepare(noise[: shorter if row % 2 else length]) for row in range(count)
        ]
        audio = sum(map(len, waveforms)) / SAMPLE_RATE
        for _ in range(1 + (_REPEATS if length == lengths[0] else 0)):
            started = time.perf_counter()
            local.encode(waveforms)
            if length == lengths[0]:
                seconds.append((time.perf_counter() - started) / audio)
            if local.back_offs:
                return None
        peak = max(peak, memory_share(device))
    return Trial(min(seconds[1:]), peak)


def recall(folder: Path, device: str) -> int | None:
    """The budget that was remembered for a device; None if there is none that can be read."""
    name = _file_name(device)
    try:
        return budget_in((folder / BUDGETS_FOLDER / name).read_bytes(), name)
    except OSError:
        return None


def budget_in(data: bytes, name: str) -> int | None:
    """What a file remembers; None if it is damaged, or another device's than its name says."""
    try:
        kept = json.loads(data)
    except ValueError:
        return None
    if not isinstance(kept, dict) or _file_name(str(kept.get("device"))) != name:
        return None
    budget = kept.get("budget")
    return budget if isinstance(budget, int) and budget > 0 else None


def remember(folder: Path, device: str, budget: int) -> int:
    """Keep a budget for a device, unless another process has kept one meanwhile; returns the kept.

    Raises:
        StoreError: the folder cannot be written.
    """
    kept = recall(folder, device)
    if kept is not None:
        return kept
    text = json.dumps({"budget": budget, "device": device}, sort_keys=True)
    write_file(folder / BUDGETS_FOLDER, _file_name(device), text.encode())
    return recall(folder, device) or budget


def _file_name(device: str) -> str:
    return f"{encoder_key({'device': device})[:16]}.json"
