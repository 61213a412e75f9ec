"""The forms of probes on pooled statistics, for any number of jobs and points at once.

A head's weights are named tensors. Each holds all probes: its first axis is the job, a further one
the point of the grid; where that stands is chosen so that the large products are one matrix
product per job, which all points share.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor

from paralbench.probes.batches import WEIGHTS, generator, initial_weights, uniform
from paralbench.probes.recipes import Trained

INITIAL_SCALE = 0.01  # near zero: the problem is convex but for the mix, so there is one valley
_LEAST_VARIANCE = 1e-8  # of a mix over time, in units of the spread between utterances

Weights = dict[str, Tensor]


@dataclass(frozen=True)
class Batch:
    """Standardised statistics of the utterances of a step.

    Attributes:
        mean: ``(jobs, batch, layers, dim)``.
        moments: packed covariances ``(jobs, batch, pairs, dim)``, for heads that read them.
        centre, scale: of the deviations over time, ``(jobs, dim)``; see ``jobs.Prepared``.
    """

    mean: Tensor
    moments: Tensor | None = None
    centre: Tensor | None = None
    scale: Tensor | None = None


@dataclass(frozen=True)
class Slot:
    """One of a head's tensors.

    Attributes:
        points: its axis of points, counted with the axis of jobs.
        role: ``weight`` decays, ``bias`` does not; ``mix`` has a learning rate of its own.
    """

    points: int
    role: Literal["weight", "bias", "mix"]


class Head(Protocol):
    """A form of probe.

    Attributes:
        length_one: whether standardised features have length 1, not each dimension variance 1.
    """

    length_one: bool

    @property
    def slots(self) -> Mapping[str, Slot]:
        """Its tensors, by name."""
        ...

    def initial(self, seed: int, layers: int, dim: int) -> Weights:
        """One probe's weights, float64, without the axes of jobs and points."""
        ...

    def __call__(self, weights: Weights, batch: Batch) -> Tensor:
        """Outputs ``(jobs, points, batch, outputs)``."""
        ...


class Linear:
    """A learned mix of the layers and one linear layer.

    The mix and the linear layer change places: the outputs of a mix are the mix of the layers'
    outputs. So one large matrix product serves all layers and points of a job, and nothing of the
    size (points, batch, dim) is ever written.
    """

    length_one = True

    def __init__(self, n_outputs: int, layers: int):
        self._n_outputs = n_outputs
        self.slots: Mapping[str, Slot] = {"weight": Slot(2, "weight"), "bias": Slot(1, "bias")}
        if layers > 1:
            self.slots = {**self.slots, "mix": Slot(2, "mix")}

    def initial(self, seed: int, layers: int, dim: int) -> Weights:
        """See :class:`Head`."""
        weights = {
            "weight": initial_weights(seed, dim, self._n_outputs, INITIAL_SCALE),
            "bias": torch.zeros(self._n_outputs, dtype=torch.float64),
        }
        if layers > 1:
            weights["mix"] = torch.zeros(layers, dtype=torch.float64)
        return weights

    def __call__(self, weights: Weights, batch: Batch) -> Tensor:
        """See :class:`Head`."""
        x, bias = batch.mean, weights["bias"]
        jobs, size, layers, dim = x.shape
        points, outputs = bias.shape[1:]
        weight = weights["weight"].reshape(jobs, dim, points * outputs)
        out = torch.bmm(x.view(jobs, size * layers, dim), weight)
        out = out.view(jobs, size, layers, points, outputs)
        if "mix" in weights:
            out = (out * weights["mix"].softmax(1)[:, None, :, :, None]).sum(2)
        else:
            out = out.squeeze(2)
        return (out + bias[:, None]).transpose(1, 2)


class Superb:
    """SUPERB's utterance head: learned mix, Linear, mean over time, Linear.

    All of it before the pooling is affine and the same for every frame, so on the mean over time
    it is the same function, with the same gradients, as on the frames.
    """

    length_one = False
    slots: Mapping[str, Slot] = {
        "mix": Slot(2, "mix"),
        "projection": Slot(1, "weight"),
        "projection_bias": Slot(1, "bias"),
        "weight": Slot(1, "weight"),
        "bias": Slot(1, "bias"),
    }

    def __init__(self, n_outputs: int, hidden: int):
        self._n_outputs, self._hidden = n_outputs, hidden

    def initial(self, seed: int, layers: int, dim: int) -> Weights:
        """Drawn as torch's linear layers draw theirs."""
        source = generator(seed, WEIGHTS)
        return {
            "mix": torch.zeros(layers, dtype=torch.float64),
            "projection": uniform(source, dim, dim, self._hidden),
            "projection_bias": uniform(source, dim, self._hidden),
            "weight": uniform(source, self._hidden, self._hidden, self._n_outputs),
            "bias": uniform(source, self._hidden, self._n_outputs),
        }

    def __call__(self, weights: Weights, batch: Batch) -> Tensor:
        """See :class:`Head`."""
        mixed = _mix(batch.mean, weights["mix"].softmax(1))
        hidden = mixed @ weights["projection"] + weights["projection_bias"][:, :, None]
        return hidden @ weights["weight"] + weights["bias"][:, :, None]


class Mlp:
    """One hidden layer on the mean and the standard deviation over time of a learned mix.

    The deviation of a mix follows from the covariances between the layers, so that this is the
    same function as on the frames.
    """

    length_one = False
    slots: Mapping[str, Slot] = {
        "mix": Slot(2, "mix"),
        "hidden": Slot(1, "weight"),
        "hidden_bias": Slot(1, "bias"),
        "weight": Slot(1, "weight"),
        "bias": Slot(1, "bias"),
    }

    def __init__(self, n_outputs: int, hidden: int):
        self._n_outputs, self._hidden = n_outputs, hidden

    def initial(self, seed: int, layers: int, dim: int) -> Weights:
        """Drawn as torch's linear layers draw theirs."""
        source = generator(seed, WEIGHTS)
        return {
            "mix": torch.zeros(layers, dtype=torch.float64),
            "hidden": uniform(source, 2 * dim, 2 * dim, self._hidden),
            "hidden_bias": uniform(source, 2 * dim, self._hidden),
            "weight": uniform(source, self._hidden, self._hidden, self._n_outputs),
            "bias": uniform(source, self._hidden, self._n_outputs),
        }

    def __call__(self, weights: Weights, batch: Batch) -> Tensor:
        """See :class:`Head`."""
        assert batch.moments is not None
        shares = weights["mix"].softmax(1)
        deviation = mix_deviation(batch.moments, shares)
        if batch.centre is not None and batch.scale is not None:
            deviation = (deviation - batch.centre[:, None, None]) * batch.scale[:, None, None]
        pooled = torch.cat([_mix(batch.mean, shares), deviation], dim=3)
        hidden = (pooled @ weights["hidden"] + weights["hidden_bias"][:, :, None]).relu()
        return hidden @ weights["weight"] + weights["bias"][:, :, None]


def make_head(recipe: Trained, n_outputs: int, layers: int) -> Head:
    """The head of a recipe on pooled statistics."""
    match recipe.head:
        case "linear":
            return Linear(n_outputs, layers)
        case "superb":
            return Superb(n_outputs, recipe.hidden)
        case "mlp":
            return Mlp(n_outputs, recipe.hidden)
        case _:
            raise ValueError(f"head {recipe.head!r} is not one on pooled statistics.")


def mix_deviation(moments: Tensor, shares: Tensor) -> Tensor:
    """The standard deviation over time of mixes, ``(jobs, points, batch, dim)``.

    Args:
        moments: packed covariances between layers, ``(jobs, batch, pairs, dim)``.
        shares: of the layers, ``(jobs, layers, points)``.
    """
    first, second = torch.triu_indices(shares.shape[1], shares.shape[1], device=shares.device)
    twice = torch.where(first == second, 1.0, 2.0).to(shares)
    products = shares[:, first] * shares[:, second] * twice[:, None]
    variance = torch.einsum("jbqd,jqp->jpbd", moments, products)
    # Where a mix hardly moves, the root's gradient would grow without bound.
    return variance.clamp_min(_LEAST_VARIANCE).sqrt()


def _mix(mean: Tensor, shares: Tensor) -> Tensor:
    """Mixes ``(jobs, points, batch, dim)`` of ``(jobs, batch, layers, dim)``."""
    return torch.einsum("jbld,jlp->jpbd", mean, shares)
