"""How far an encoder's pooled statistics depend on what shares its batches: measured, not assumed.

The measure goes the way of an extraction, with its arithmetic: the planner puts waveforms of very
different lengths into batches as the encoder's declared batching allows, they are encoded and
pooled, and each is compared with itself encoded alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from paralbench.features.arithmetic import arithmetic
from paralbench.features.batching import Limits, plan_batches
from paralbench.features.moments import pairs
from paralbench.features.pooling import Pooled, pool
from paralbench.upstreams.base import Encoder

if TYPE_CHECKING:
    import torch

TOLERANCE = 1e-5  # relative L2 difference that is allowed in fp32
# Samples: half a second twice, twenty times as much, and lengths without a common stride. The
# shortest that the encoder takes is added.
LENGTHS = (8_000, 160_000, 9_999, 24_321, 8_000)


@dataclass(frozen=True)
class BatchError:
    """The largest relative L2 differences between statistics in a batch and alone.

    Attributes:
        mean: of each layer's mean over time, the largest over layers and waveforms.
        deviation: of each layer's standard deviation over time.
        layer: the layer where the mean differs most.
        shared: waveforms that shared a batch with another one.
    """

    mean: float
    deviation: float
    layer: int
    shared: int

    @property
    def largest(self) -> float:
        """The larger of both; NaN if either is."""
        return float(np.max([self.mean, self.deviation]))


def batch_error(
    encoder: Encoder,
    *,
    lengths: Sequence[int] = LENGTHS,
    seed: int = 0,
    device: "torch.device | str" = "cpu",
) -> BatchError:
    """Measure how far an encoder's pooled statistics depend on the batch.

    Args:
        encoder: on the device, in the precision in question.
        lengths: samples of the waveforms, which are noise of different levels; longer than the
            encoder's window are cut to it, and its shortest waveform is added.
        seed: of the noise.
        device: where the encoder is.
    """
    generator = np.random.default_rng(seed)
    sizes = [
        min(max(one, encoder.min_samples), encoder.window_samples)
        for one in (*lengths, encoder.min_samples)
    ]
    waveforms = {
        f"{index:03}": encoder.prepare(
            (generator.standard_normal(size) * 0.2 / (index + 1)).astype(np.float32)
        )
        for index, size in enumerate(sizes)
    }
    limits = Limits(encoder.batching, encoder.min_samples, encoder.window_samples)
    plan = plan_batches(
        {name: len(waveform) for name, waveform in waveforms.items()},
        10**12,  # whatever may share a batch does
        limits,
    )
    means, deviations, shared = [], [], 0
    for batch in plan:
        together = _statistics(encoder, [waveforms[piece.content] for piece in batch], device)
        shared += len(batch) if len(batch) > 1 else 0
        for piece, found in zip(batch, together, strict=True):
            (alone,) = _statistics(encoder, [waveforms[piece.content]], device)
            means.append(_relative(found.mean, alone.mean))
            deviations.append(_relative(_deviation(found), _deviation(alone)))
    by_layer = np.max(means, axis=0)
    return BatchError(
        mean=float(by_layer.max()),
        deviation=float(np.max(deviations)),
        layer=int(by_layer.argmax()),
        shared=shared,
    )


def _statistics(
    encoder: Encoder, waveforms: Sequence[np.ndarray], device: "torch.device | str"
) -> list[Pooled]:
    import torch

    batch = torch.zeros(len(waveforms), max(map(len, waveforms)))
    for row, waveform in zip(batch, waveforms, strict=True):
        row[: len(waveform)] = torch.from_numpy(waveform)
    lengths = torch.tensor([len(waveform) for waveform in waveforms])
    with arithmetic(torch.get_num_threads()):
        hidden = encoder.forward(batch.to(device), lengths.to(device))
    return pool(hidden, second_moments=True)


def _deviation(pooled: Pooled) -> np.ndarray:
    """The standard deviation over frames ``(layers, dim)``."""
    assert pooled.moments is not None
    first, second = pairs(len(pooled.mean))
    return np.sqrt(np.maximum(pooled.moments[first == second], 0.0))


def _relative(given: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """The L2 norm of each layer's difference, relative to that of the expected; ``(layers,)``.

    What is zero alone (the deviation of a single frame) must be zero in the batch too.
    """
    difference = np.linalg.norm(given - expected, axis=1)
    return difference / np.maximum(np.linalg.norm(expected, axis=1), 1e-30)
