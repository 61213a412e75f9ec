"""The engine: any number of probes trained as one batched tensor program.

Axes: a *job* is a training set (a seed, a fold, a layer); a *point* is a learning rate with a
weight decay. All points of a job see the same batches, so statistics are gathered and standardised
once per job and step. No probe sees another: the sum of the losses has each probe's own gradient.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from paralbench.probes.batches import Batches
from paralbench.probes.heads import Batch, Head, Slot, Weights, mix_deviation
from paralbench.probes.jobs import Prepared, pad
from paralbench.probes.losses import absolute_error, concordance, cross_entropy, squared_error
from paralbench.probes.recipes import Trained

BETAS = (0.9, 0.999)
# AdamW divides the gradient of each weight by its root mean square plus epsilon. At torch's 1e-8
# the first steps are the gradient's signs, as long in a dimension of noise as in one that tells
# the classes apart; with few training speakers that costs accuracy on new ones. Far above the
# gradients' size, epsilon (1 in the recipe `paralbench`) leaves the gradient's direction alone, and
# weight decay then is the L2 penalty of logistic regression. The mix, a few numbers of unlike
# gradients, keeps 1e-8.
MIX_EPSILON = 1e-8


class Trainer:
    """Trains the probes of some jobs at some points, step by step, with AdamW.

    Args:
        recipe: batch size, epsilon, rate of the mix, clipping.
        head: the form of the probes.
        prepared: the jobs; also an attribute.
        points: (learning rate, weight decay), for all jobs, or one point for each job alone.
        loss: ``cross-entropy``, ``ccc``, ``absolute-error`` or ``squared-error``.
        each: whether ``points`` holds one point per job, not the points of every job.
    """

    def __init__(
        self,
        recipe: Trained,
        head: Head,
        prepared: Prepared,
        points: Sequence[tuple[float, float]],
        loss: str,
        *,
        each: bool = False,
    ):
        self._recipe, self._head, self.prepared, self._loss = recipe, head, prepared, loss
        like = {"device": prepared.device, "dtype": prepared.dtype}
        n_jobs, n_points = len(prepared.jobs), 1 if each else len(points)
        grid = torch.tensor(points, dtype=torch.float64).to(**like)
        self._rates, self._decays = grid.view(-1, n_points, 2).expand(n_jobs, -1, -1).unbind(2)
        self.jobs = torch.arange(n_jobs, device=prepared.device)
        self.step = 0
        self.weights = _initial(head, prepared, n_points)
        self._first = {name: torch.zeros_like(one) for name, one in self.weights.items()}
        self._second = {name: torch.zeros_like(one) for name, one in self.weights.items()}
        self._sum: Weights = {}
        if recipe.averaged:
            self._sum = {name: torch.zeros_like(one) for name, one in self.weights.items()}
        self._summed = torch.zeros_like(self._rates)
        self._batches = [Batches(job, recipe.batch_size) for job in prepared.jobs]
        self._deviation = _deviation_over_time(head, prepared, recipe)

    @property
    def shape(self) -> tuple[int, int]:
        """Jobs and points that are trained."""
        jobs, points = self._rates.shape
        return jobs, points

    def train(self, active: Tensor | None = None, averaged: Tensor | None = None) -> None:
        """One step.

        Args:
            active: the probes that take it, ``(jobs, points)``; None: all.
            averaged: those whose weights after it enter their average; None: all.
        """
        rows, valid = pad([self._batches[job].next() for job in self.jobs.tolist()])
        index = torch.as_tensor(rows, device=self._rates.device)
        batch = self._batch(index)
        tensors = list(self.weights.values())
        for tensor in tensors:
            tensor.requires_grad_(True)
        outputs = self._head(self.weights, batch)
        weights = self.prepared.weights[self.jobs] if self._loss == "cross-entropy" else None
        losses = self.losses(outputs, index, torch.as_tensor(valid).to(self._rates), weights)
        found = torch.autograd.grad(losses.sum(), tensors)
        for tensor in tensors:
            tensor.requires_grad_(False)
        gradients = dict(zip(self.weights, found, strict=True))
        if self._recipe.clip is not None:
            self._clip(gradients, self._recipe.clip)
        self.step += 1
        self._update(gradients, active)
        self._add(averaged)

    def forget_average(self) -> None:
        """Begin the average of the weights anew."""
        for tensor in (*self._sum.values(), self._summed):
            tensor.zero_()

    def final(self) -> Weights:
        """What the probes predict with: their weights, averaged where the recipe says so.

        Single steps scatter around the optimum, the more the smaller the batch; their average does
        not, so that small batches do for large ones.
        """
        if not self._recipe.averaged:
            return self.weights
        return {name: total / self._spread(self._summed, name) for name, total in self._sum.items()}

    def snapshot(self, into: Weights | None, better: Tensor) -> Weights:
        """Copies of the present weights where ``better`` ``(jobs, points)``, else of ``into``."""
        if into is None:
            return {name: one.clone() for name, one in self.final().items()}
        return {
            name: torch.where(self._spread(better, name), one, into[name])
            for name, one in self.final().items()
        }

    def use(self, weights: Weights) -> None:
        """Predict with these weights from now on."""
        self.weights = weights
        if self._recipe.averaged:
            self._sum, self._summed = dict(weights), torch.ones_like(self._summed)

    def shares(self) -> Tensor | None:
        """Each layer's share of the mixes ``(jobs, layers, points)``; None without a mix."""
        weights = self.final()
        return weights["mix"].softmax(1) if "mix" in weights else None

    def keep(self, jobs: Tensor, points: Tensor) -> None:
        """Go on with some jobs and points alone, given by their present positions."""
        for held in (self.weights, self._first, self._second, self._sum):
            for name, tensor in held.items():
                axis = self._head.slots[name].points
                held[name] = tensor[jobs].index_select(axis, points).contiguous()
        self._summed = self._summed[jobs][:, points]
        self._rates = self._rates[jobs][:, points]
        self._decays = self._decays[jobs][:, points]
        self.jobs = self.jobs[jobs]

    def choose(self, points: Sequence[int]) -> None:
        """Go on with one point of each job, given by its position, ``(jobs,)``."""
        index = torch.tensor(points, device=self._rates.device)
        everyone = torch.arange(len(index), device=index.device)
        for held in (self.weights, self._first, self._second, self._sum):
            for name, tensor in held.items():
                axis = self._head.slots[name].points
                own = tensor.movedim(axis, 1)[everyone, index]
                held[name] = own.unsqueeze(axis).contiguous()
        self._summed = self._summed.gather(1, index[:, None])
        self._rates = self._rates.gather(1, index[:, None])
        self._decays = self._decays.gather(1, index[:, None])

    @torch.no_grad()
    def outputs(self, index: Tensor, block: int) -> Tensor:
        """Outputs ``(jobs, points, n, outputs)`` for ``index`` ``(jobs, n)``.

        Utterances are taken ``block`` at a time.
        """
        final = self.final()
        parts = [self._head(final, self._batch(rows)) for rows in index.split(block, dim=1)]
        return torch.cat(parts, dim=2)

    def losses(
        self, outputs: Tensor, index: Tensor, valid: Tensor, weights: Tensor | None
    ) -> Tensor:
        """The loss of each probe, ``(jobs, points)``.

        Args:
            outputs: ``(jobs, points, n, outputs)``.
            index: the utterances, ``(jobs, n)``.
            valid: 1 for an utterance, 0 for padding, ``(jobs, n)``.
            weights: of the classes, ``(jobs, classes)``; None for regression.
        """
        truth = self.prepared.targets(self.jobs, index)
        if weights is not None:
            return cross_entropy(outputs, truth, weights, valid)
        if self._loss == "ccc":
            return concordance(outputs, truth, valid)
        if self._loss == "squared-error":
            return squared_error(outputs, truth, valid)
        return absolute_error(outputs, truth, valid)

    def _batch(self, index: Tensor) -> Batch:
        mean = self.prepared.gather(self.jobs, index)
        moments = self.prepared.gather_moments(self.jobs, index)
        if self._deviation is None:
            return Batch(mean, moments)
        centre, scale = (one[self.jobs] for one in self._deviation)
        return Batch(mean, moments, centre, scale)

    def _spread(self, values: Tensor, name: str) -> Tensor:
        """Values ``(jobs, points)`` so that they broadcast with a tensor of the head."""
        return _spread(values, self._head.slots[name], self.weights[name].ndim)

    def _clip(self, gradients: Weights, norm: float) -> None:
        """Cut each probe's gradient, of all its tensors together, to a norm, as torch does."""
        total = torch.zeros_like(self._rates)
        for name, gradient in gradients.items():
            axis = self._head.slots[name].points
            others = [one for one in range(1, gradient.ndim) if one != axis]
            total += gradient.square().sum(others)
        share = (norm / (total.sqrt() + 1e-6)).clamp_max(1.0)
        for name, gradient in gradients.items():
            gradient.mul_(self._spread(share, name))

    def _add(self, averaged: Tensor | None) -> None:
        share = torch.ones_like(self._rates) if averaged is None else averaged.to(self._rates)
        self._summed.add_(share)
        for name, total in self._sum.items():
            if averaged is None:
                total.add_(self.weights[name])
            else:
                total.addcmul_(self.weights[name], self._spread(share, name))

    def _update(self, gradients: Weights, active: Tensor | None) -> None:
        first_share, second_share = 1 - BETAS[0] ** self.step, 1 - BETAS[1] ** self.step
        rates = self._rates if active is None else self._rates * active
        for name, tensor in self.weights.items():
            gradient, role = gradients[name], self._head.slots[name].role
            first = self._first[name].lerp_(gradient, 1 - BETAS[0])
            second = self._second[name].mul_(BETAS[1])
            second.addcmul_(gradient, gradient, value=1 - BETAS[1])
            own, epsilon = rates, self._recipe.epsilon
            if role == "mix":
                epsilon = MIX_EPSILON
                if self._recipe.mix_rate is not None:
                    own = torch.where(rates > 0, self._recipe.mix_rate, 0.0)
            elif role == "weight":
                tensor.mul_(self._spread(1 - rates * self._decays, name))
            # epsilon and the bias of the second moment share one factor: fewer passes over memory.
            root = second.sqrt().add_(epsilon * second_share**0.5)
            step = self._spread(own * (second_share**0.5 / first_share), name)
            tensor.sub_(torch.div(first, root, out=root).mul_(step))


def _initial(head: Head, prepared: Prepared, n_points: int) -> Weights:
    """The jobs' weights, the same at every point."""
    drawn = [head.initial(job.seed, *prepared.shape) for job in prepared.jobs]
    weights = {}
    for name, slot in head.slots.items():
        one = torch.stack([job[name] for job in drawn]).to(prepared.device, prepared.dtype)
        weights[name] = one.unsqueeze(slot.points).repeat_interleave(n_points, slot.points)
    return weights


def _spread(values: Tensor, slot: Slot, ndim: int) -> Tensor:
    shape = [1] * ndim
    shape[0], shape[slot.points] = values.shape
    return values.reshape(shape)


def _deviation_over_time(
    head: Head, prepared: Prepared, recipe: Trained
) -> tuple[Tensor, Tensor] | None:
    """What brings deviations over time to mean 0 and variance 1, ``(jobs, dim)`` each.

    They are those of the even mix over the training utterances: fixed numbers, so that the probe
    stays the same function of the frames.
    """
    if prepared.data.moments is None or not recipe.standardised:
        return None
    layers, _ = prepared.shape
    even = torch.full((1, layers, 1), 1 / layers, device=prepared.device, dtype=prepared.dtype)
    centres, scales = [], []
    for number, job in enumerate(prepared.jobs):
        chosen = torch.tensor([number], device=prepared.device)
        rows = torch.as_tensor(job.rows, device=prepared.device)[None]
        parts = []
        for some in rows.split(256, dim=1):
            moments = prepared.gather_moments(chosen, some)
            assert moments is not None
            parts.append(mix_deviation(moments, even)[0, 0].double())
        values = torch.cat(parts)
        deviation = values.std(0, correction=0)
        centres.append(values.mean(0))
        scales.append(torch.where(deviation > 1e-6, 1 / deviation.clamp_min(1e-6), 0.0))
    return (
        torch.stack(centres).to(prepared.dtype),
        torch.stack(scales).to(prepared.dtype),
    )
