"""Jobs: what one training set is to the engine, and how its statistics are standardised."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from paralbench.probes.inputs import Index
from paralbench.probes.on_disk import OnDisk
from paralbench.probes.target import Target

# By the bytes of a set of positions: mean and 1 / deviation, ``(layers, dim)`` each.
Standards = Mapping[bytes, tuple[Tensor, Tensor]]

# A dimension whose spread is below this share of its mean is constant but for rounding.
_ROUNDING = 1e-6
# Utterances that are summed at once; smaller problems are summed as a whole.
_BLOCK = 32_768
_READ = 2 << 30  # bytes of a block that are read at once from the disk


@dataclass(frozen=True)
class Job:
    """One training set. All points of the grid that train on it share its batches.

    Attributes:
        rows: training utterances, ``(n,)``.
        seed: of the initial weights and of the order of the batches.
        layer: the one layer to use; None for the learned mix of all.
        development: utterances that choose, ``(m,)``; empty where nothing is chosen.
    """

    rows: Index
    seed: int
    layer: int | None = None
    development: Index = field(default_factory=lambda: np.zeros(0, dtype=np.int64))


@dataclass(frozen=True)
class Streamed:
    """Means on the disk; what is read of them goes to the device.

    Attributes:
        mean: ``(n, layers, dim)``.
        device, dtype: of the arithmetic.
    """

    mean: OnDisk
    device: torch.device
    dtype: torch.dtype

    @property
    def shape(self) -> tuple[int, int, int]:
        """``(n, layers, dim)``."""
        return self.mean.shape

    def rows(self, rows: Tensor) -> Tensor:
        """All layers of some utterances, ``(rows, layers, dim)``."""
        found = torch.from_numpy(self.mean[rows.cpu().numpy()])
        return found.to(self.device, self.dtype)

    def block(self, rows: slice, layers: slice) -> Tensor:
        """Some layers of utterances that follow each other, ``(rows, layers, dim)``."""
        return torch.from_numpy(self.mean[rows, layers]).to(self.device, self.dtype)


@dataclass(frozen=True)
class Data:
    """All utterances, on the device or on the disk.

    Attributes:
        mean: ``(n, layers, dim)``.
        moments: packed covariances ``(n, pairs, dim)``, where the head reads them.
    """

    mean: Tensor | Streamed
    moments: Tensor | None = None


@dataclass
class Prepared:
    """Jobs as tensors: standardisation, targets, weights.

    Attributes:
        data: all utterances.
        jobs: the jobs.
        mean, scale: subtracted from and multiplied into the means, ``(jobs, layers, dim)``, with
            one layer where each job uses one. The scale is 1 / deviation, or 1 / (deviation
            sqrt(dim)), which gives an utterance's features the length 1 on average: then learning
            rates and weight decays mean the same for 40 dimensions as for 6,373. A constant
            dimension has scale 0: nothing can be learned of it, and at test it may be anything.
            None: nothing is standardised.
        layers: the layer of each job, ``(jobs,)``; None for the mix of all.
        truth: targets as the losses take them, ``(n,)`` class indices or ``(jobs, n)`` numbers.
        centre, spread: mean and deviation of each job's numbers, ``(jobs,)``.
        weights: of the classes, ``(jobs, classes)``.
    """

    data: Data
    jobs: Sequence[Job]
    mean: Tensor | None
    scale: Tensor | None
    layers: Tensor | None
    truth: Tensor
    centre: npt.NDArray[np.float64]
    spread: npt.NDArray[np.float64]
    weights: Tensor

    @property
    def device(self) -> torch.device:
        """Where the tensors are."""
        return self.data.mean.device

    @property
    def dtype(self) -> torch.dtype:
        """The type of the arithmetic."""
        return self.data.mean.dtype

    @property
    def shape(self) -> tuple[int, int]:
        """Layers and features that a probe reads."""
        _, layers, dim = self.data.mean.shape
        return (layers if self.layers is None else 1), dim

    def gather(self, chosen: Tensor, rows: Tensor) -> Tensor:
        """Standardised means of ``rows`` ``(jobs, batch)`` of the jobs ``chosen`` ``(jobs,)``.

        Returns:
            ``(jobs, batch, layers, dim)``, contiguous.
        """
        mean = self.data.mean
        n, layers, dim = mean.shape
        if isinstance(mean, Streamed):
            found = mean.rows(rows.reshape(-1))
        elif self.layers is None:
            found = mean.view(n, layers * dim).index_select(0, rows.reshape(-1))
        else:
            at = rows * layers + self.layers[chosen][:, None]
            found = mean.view(n * layers, dim).index_select(0, at.reshape(-1))
        found = found.view(*rows.shape, -1, dim)
        if self.mean is None or self.scale is None:
            return found
        return found.sub_(self.mean[chosen][:, None]).mul_(self.scale[chosen][:, None])

    def gather_moments(self, chosen: Tensor, rows: Tensor) -> Tensor | None:
        """Covariances of standardised layers, ``(jobs, batch, pairs, dim)``; see :meth:`gather`."""
        if self.data.moments is None:
            return None
        found = self.data.moments[rows]
        if self.scale is None:
            return found
        layers = self.data.mean.shape[1]
        first, second = torch.triu_indices(layers, layers, device=self.device)
        scale = self.scale[chosen]
        return found.mul_((scale[:, first] * scale[:, second])[:, None])

    def targets(self, chosen: Tensor, rows: Tensor) -> Tensor:
        """Targets of ``rows`` ``(jobs, batch)``, the same shape."""
        if self.truth.ndim == 1:
            return self.truth[rows]
        return self.truth[chosen[:, None], rows]


def prepare(
    data: Data,
    target: Target,
    jobs: Sequence[Job],
    standard: Standards | None,
    *,
    length_one: bool = True,
    balanced: bool = True,
) -> Prepared:
    """Standardise, weigh the classes, centre the numbers: all on each job's own rows.

    Args:
        data: all utterances.
        target: their labels.
        jobs: all of them with a layer, or none.
        standard: of each job's rows, see :func:`standards`; None: nothing is standardised.
        length_one: whether features are scaled to length 1, not each to variance 1.
        balanced: whether classes are weighed to have the same say.
    """
    mean = scale = None
    if standard is not None:
        found = [standard[job.rows.tobytes()] for job in jobs]
        layers = [slice(None) if job.layer is None else [job.layer] for job in jobs]
        mean = torch.stack([one[0][layer] for one, layer in zip(found, layers, strict=True)])
        scale = torch.stack([one[1][layer] for one, layer in zip(found, layers, strict=True)])
        if length_one:
            scale = scale / data.mean.shape[2] ** 0.5
    device, dtype = data.mean.device, data.mean.dtype
    centre, spread = np.zeros(len(jobs)), np.ones(len(jobs))
    weights = torch.zeros(0)
    if target.kind == "classes":
        truth = torch.as_tensor(target.values, device=device)
        given = [
            target.class_weights(job.rows) if balanced else np.ones(target.n_classes)
            for job in jobs
        ]
        weights = torch.tensor(np.stack(given)).to(device, dtype)
    else:
        # In units of the training deviation around the training mean: the learning rates then
        # mean the same whatever the label's scale. CCC and the order of errors do not change.
        centre = np.array([target.values[job.rows].mean() for job in jobs])
        spread = np.array([target.values[job.rows].std() for job in jobs])
        numbers = (target.values[None] - centre[:, None]) / spread[:, None]
        truth = torch.as_tensor(numbers, device=device).to(dtype)
    chosen = None
    if jobs[0].layer is not None:
        chosen = torch.tensor([job.layer for job in jobs], device=device)
    return Prepared(data, jobs, mean, scale, chosen, truth, centre, spread, weights)


def standards(features: Tensor | Streamed, sets: Iterable[Index]) -> Standards:
    """Mean and 1 / deviation of each layer and dimension over each of some sets of utterances.

    All sets at once, layer by layer: their sums are one matrix product for each block of
    utterances. In double precision, about the mean of the first block, so that the squares keep
    their digits.

    Args:
        features: ``(n, layers, dim)``.
        sets: positions; equal ones count once.

    Returns:
        by the bytes of a set's positions two tensors ``(layers, dim)`` in the features' type.
    """
    distinct = {rows.tobytes(): rows for rows in sets}
    n, layers, dim = features.shape
    wide = torch.float32 if features.device.type == "mps" else torch.float64
    like = {"device": features.device, "dtype": wide}
    member = torch.zeros(len(distinct), n, **like)
    for number, rows in enumerate(distinct.values()):
        member[number, torch.as_tensor(rows, device=features.device)] = 1
    member /= member.sum(1, keepdim=True)
    means = torch.zeros(len(distinct), layers, dim, **like)
    squares = torch.zeros_like(means)
    centre = torch.zeros(layers, dim, **like)
    spread = torch.zeros_like(centre)
    for rows, layer, part in _blocks(features):
        values = part.to(wide, copy=True)
        if rows.start == 0:
            centre[layer] = values.mean(0)
        values -= centre[layer]
        weights = member[:, rows]
        means[:, layer] += weights @ values
        squares[:, layer] += weights @ values.square_()
        spread[layer] += values.mean(0) * (len(values) / n)
    scales = squares
    for layer in range(layers):
        mean = means[:, layer]
        deviation = (squares[:, layer] - mean.square()).clamp_min_(0).sqrt_()
        mean += centre[layer]
        # What the subtraction leaves of a constant is rounding, too.
        least = torch.maximum(mean.abs() * _ROUNDING, spread[layer].sqrt() * _ROUNDING)
        varies = deviation > least
        scales[:, layer] = torch.where(varies, 1 / deviation.where(varies, deviation + 1), 0.0)
    return {
        key: (means[number].to(features.dtype), scales[number].to(features.dtype))
        for number, key in enumerate(distinct)
    }


def _blocks(features: Tensor | Streamed) -> Iterator[tuple[slice, int, Tensor]]:
    """Blocks of utterances of each layer ``(rows, dim)``, with the rows and the layer."""
    n, layers, dim = features.shape
    for start in range(0, n, _BLOCK):
        rows = slice(start, min(start + _BLOCK, n))
        if isinstance(features, Tensor):
            yield from ((rows, layer, features[rows, layer]) for layer in range(layers))
            continue
        some = max(1, _READ // (4 * (rows.stop - start) * dim))
        for first in range(0, layers, some):
            part = features.block(rows, slice(first, first + some))
            for number in range(part.shape[1]):
                yield rows, first + number, part[:, number]


def pad(parts: Sequence[Index]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Index lists of different lengths as one array, and 1 where it is no padding.

    Padding repeats a row of the list, so that what is computed there is finite.
    """
    longest = max(len(part) for part in parts)
    rows = np.stack([np.resize(part, longest) for part in parts])
    valid = np.stack([np.arange(longest) < len(part) for part in parts])
    return rows, valid.astype(np.float64)
