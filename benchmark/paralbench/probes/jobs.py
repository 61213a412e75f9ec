"""Jobs: what one training set is to the engine, and how its features are standardised."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from paralbench.probes.target import Target

Index = npt.NDArray[np.int64]

# A dimension whose spread is below this share of its mean is constant but for rounding.
_ROUNDING = 1e-6


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


@dataclass
class Prepared:
    """Jobs as tensors: padded rows, standardisation, targets.

    Attributes:
        features: all utterances, ``(n, layers, dim)``.
        jobs: the jobs.
        mean, scale: subtracted from and multiplied into the features, ``(jobs, layers, dim)``,
            with one layer where each job uses one. The scale is 1 / (deviation sqrt(dim)), which
            gives an utterance's features the length 1 on average: then learning rates and weight
            decays mean the same for 40 dimensions as for 6,373. A constant dimension has scale 0:
            nothing can be learned of it, and at test it may be anything.
        truth: targets as the losses take them, ``(n,)`` class indices or ``(jobs, n)`` numbers.
        centre, spread: mean and deviation of each job's numbers, ``(jobs,)``.
        weights: of the classes, ``(jobs, classes)``.
    """

    features: Tensor
    jobs: Sequence[Job]
    mean: Tensor
    scale: Tensor
    truth: Tensor
    centre: npt.NDArray[np.float64]
    spread: npt.NDArray[np.float64]
    weights: Tensor

    @property
    def device(self) -> torch.device:
        """Where the tensors are."""
        return self.features.device

    @property
    def layers(self) -> Tensor | None:
        """The layer of each job, ``(jobs,)``; None for the mix of all."""
        if self.jobs[0].layer is None:
            return None
        return torch.tensor([job.layer for job in self.jobs], device=self.device)

    def gather(self, chosen: Tensor, rows: Tensor) -> Tensor:
        """Standardised features of ``rows`` ``(jobs, batch)`` of the jobs ``chosen`` ``(jobs,)``.

        Returns:
            ``(jobs, batch, layers, dim)``, contiguous.
        """
        if self.layers is None:
            found = self.features[rows]
        else:
            found = self.features[rows, self.layers[chosen][:, None]][:, :, None]
        return found.sub_(self.mean[chosen][:, None]).mul_(self.scale[chosen][:, None])

    def targets(self, chosen: Tensor, rows: Tensor) -> Tensor:
        """Targets of ``rows`` ``(jobs, batch)``, the same shape."""
        if self.truth.ndim == 1:
            return self.truth[rows]
        return self.truth[chosen[:, None], rows]


def prepare(features: Tensor, target: Target, jobs: Sequence[Job]) -> Prepared:
    """Standardise, weigh the classes, centre the numbers: all on each job's own rows."""
    statistics: dict[tuple[bytes, int | None], tuple[Tensor, Tensor]] = {}
    for job in jobs:
        key = (job.rows.tobytes(), job.layer)
        if key not in statistics:
            statistics[key] = standardisation(features, job.rows, job.layer)
    found = [statistics[job.rows.tobytes(), job.layer] for job in jobs]
    device, dtype = features.device, features.dtype
    centre, spread = np.zeros(len(jobs)), np.ones(len(jobs))
    weights = torch.zeros(0)
    if target.kind == "classes":
        truth = torch.as_tensor(target.values, device=device)
        weights = torch.tensor(np.stack([target.class_weights(job.rows) for job in jobs]))
        weights = weights.to(device, dtype)
    else:
        # In units of the training deviation around the training mean: the learning rates then
        # mean the same whatever the label's scale. CCC and the order of errors do not change.
        centre = np.array([target.values[job.rows].mean() for job in jobs])
        spread = np.array([target.values[job.rows].std() for job in jobs])
        numbers = (target.values[None] - centre[:, None]) / spread[:, None]
        truth = torch.as_tensor(numbers, device=device).to(dtype)
    return Prepared(
        features=features,
        jobs=jobs,
        mean=torch.stack([one for one, _ in found]),
        scale=torch.stack([one for _, one in found]),
        truth=truth,
        centre=centre,
        spread=spread,
        weights=weights,
    )


def standardisation(features: Tensor, rows: Index, layer: int | None) -> tuple[Tensor, Tensor]:
    """Mean and scale of each layer and dimension over ``rows``; see :class:`Prepared`.

    Returns:
        two tensors ``(layers, dim)`` in the features' type, computed in double precision.
    """
    index = torch.as_tensor(rows, device=features.device)
    layers = range(features.shape[1]) if layer is None else [layer]
    means, scales = [], []
    for one in layers:
        values = features[index, one].double()
        mean = values.mean(0)
        deviation = (values - mean).square_().mean(0).sqrt_()
        varies = deviation > _ROUNDING * mean.abs()
        scales.append(torch.where(varies, 1 / deviation.where(varies, torch.ones(())), 0.0))
        means.append(mean)
    scale = torch.stack(scales) / features.shape[2] ** 0.5
    return torch.stack(means).to(features.dtype), scale.to(features.dtype)


def pad(parts: Sequence[Index]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Index lists of different lengths as one array, and 1 where it is no padding.

    Padding repeats a row of the list, so that what is computed there is finite.
    """
    longest = max(len(part) for part in parts)
    rows = np.stack([np.resize(part, longest) for part in parts])
    valid = np.stack([np.arange(longest) < len(part) for part in parts])
    return rows, valid.astype(np.float64)
