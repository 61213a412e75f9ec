"""A trial of one batch: how long all batches of an extraction would take.

What is encoded is noise, in a batch as the extraction would make it, on the device.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from paralbench.features.arithmetic import arithmetic
from paralbench.features.batching import BUDGETS, Batch, Limits, cost, limits_of
from paralbench.features.budget import WORTH_SECONDS, find, recall
from paralbench.features.device import device_name, find_device
from paralbench.features.encoding import BatchEncoder
from paralbench.features.flops import Flops
from paralbench.features.frame_layer import FrameLayer
from paralbench.features.store import FeatureSpace
from paralbench.upstreams.base import SAMPLE_RATE, Encoder

_ONCE = 20.0  # seconds; a trial that takes longer is not repeated


@dataclass(frozen=True)
class Trial:
    """How a batch is encoded to see how long it takes.

    Args:
        precision, device, threads, second_moments, layer: as the run would have them.
    """

    precision: str
    device: str
    threads: int
    second_moments: bool
    layer: FrameLayer | None

    def budget(self, space: FeatureSpace, encoder: Encoder, lengths: Mapping[str, int]) -> int:
        """Samples of a batch, as an extraction would find them, but not remembered.

        Args:
            space: where features go.
            encoder: on its device, in its precision.
            lengths: samples of what is to be encoded, by content.
        """
        device = find_device(self.device)
        fixed = BUDGETS[device.type]
        if device.type != "cuda":
            return fixed
        known = recall(space.folder, device_name(device))
        samples = list(lengths.values())
        if known is not None or sum(samples) < WORTH_SECONDS * SAMPLE_RATE:
            return known or fixed
        with arithmetic(self.threads, self.precision):
            return find(encoder, device, samples, limits_of(encoder), self.second_moments)

    def seconds(
        self, encoder: Encoder, batches: list[Batch], flops: Flops | None
    ) -> tuple[float, float]:
        """Seconds that batches take, and frames per second of audio.

        One batch is encoded twice and the faster time is taken: the one in the middle of the work,
        where they are ordered by length.
        """
        limits = limits_of(encoder)
        works = np.array([work(batch, flops, limits) for batch in batches])
        middle = int(np.searchsorted(works.cumsum(), works.sum() / 2))
        took, frame_rate = self.time(encoder, batches[middle])
        return took * works.sum() / works[middle], frame_rate

    def time(self, encoder: Encoder, batch: Batch) -> tuple[float, float]:
        """Seconds that a batch of noise takes, and frames per second of audio."""
        rng = np.random.default_rng(0)
        noise = [rng.normal(0, 0.1, piece.samples).astype(np.float32) for piece in batch]
        waveforms = [np.asarray(encoder.prepare(one), np.float32) for one in noise]
        padded = limits_of(encoder).padded_samples
        pooling = BatchEncoder(
            encoder, find_device(self.device), self.second_moments, padded, self.layer
        )
        times: list[float] = []
        frames = 0
        with arithmetic(self.threads, self.precision):
            while len(times) < 2 and sum(times) < _ONCE:
                started = time.perf_counter()
                frames = sum(one.frames for one in pooling.encode(waveforms))
                times.append(time.perf_counter() - started)
        return min(times), frames * SAMPLE_RATE / sum(piece.samples for piece in batch)


def work(batch: Batch, flops: Flops | None, limits: Limits) -> float:
    """What a batch costs beside others: its operations, padding included, or else its samples."""
    longest = max(piece.samples for piece in batch)
    if flops is None:
        return float(cost(len(batch), longest, limits.padded_samples))
    return len(batch) * flops.of_window(longest)
