"""The engine: any number of linear probes trained as one batched tensor program.

Axes: a *job* is a training set (a seed, a fold, a layer); a *point* is a learning rate with a
weight decay. All points of a job see the same batches, so features are gathered and standardised
once per job and step. No probe sees another: the sum of the losses has each probe's own gradient.

The mix of the layers and the linear layer change places: the outputs of a mix are the mix of the
layers' outputs. So one large matrix product serves all layers and points of a job, and nothing of
the size (points, batch, dim) is ever written.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from paralbench.probes.batches import Batches, initial_weights
from paralbench.probes.jobs import Prepared, pad
from paralbench.probes.losses import absolute_error, concordance, cross_entropy

BETAS = (0.9, 0.999)
# AdamW divides the gradient of each weight by its root mean square plus epsilon. At torch's 1e-8
# the first steps are the gradient's signs, as long in a dimension of noise as in one that tells
# the classes apart; with few training speakers that costs accuracy on new ones. Far above the
# gradients' size, epsilon leaves the gradient's direction alone, and weight decay then is the L2
# penalty of logistic regression. The mix, a few numbers of unlike gradients, keeps 1e-8.
EPSILON, MIX_EPSILON = 1.0, 1e-8
INITIAL_SCALE = 0.01  # near zero: the problem is convex but for the mix, so there is one valley


@dataclass
class Parameters:
    """Weights of probes ``(jobs, points)``; ``mix`` is absent where there is one layer."""

    weight: Tensor  # (jobs, dim, points, outputs)
    bias: Tensor  # (jobs, points, outputs)
    mix: Tensor | None  # (jobs, layers, points), before the softmax

    def tensors(self) -> list[Tensor]:
        """The tensors that are trained."""
        return [self.weight, self.bias] + ([] if self.mix is None else [self.mix])

    def __call__(self, x: Tensor) -> Tensor:
        """Outputs ``(jobs, points, batch, outputs)`` of ``(jobs, batch, layers, dim)``."""
        jobs, batch, layers, dim = x.shape
        points, outputs = self.bias.shape[1:]
        weight = self.weight.reshape(jobs, dim, points * outputs)
        out = torch.bmm(x.view(jobs, batch * layers, dim), weight)
        out = out.view(jobs, batch, layers, points, outputs)
        if self.mix is None:
            out = out.squeeze(2)
        else:
            out = (out * self.mix.softmax(1)[:, None, :, :, None]).sum(2)
        return (out + self.bias[:, None]).transpose(1, 2)

    def part(self, jobs: Tensor, points: Tensor) -> "Parameters":
        """The parameters of some jobs and points."""
        return Parameters(
            self.weight[jobs][:, :, points].contiguous(),
            self.bias[jobs][:, points].contiguous(),
            None if self.mix is None else self.mix[jobs][:, :, points].contiguous(),
        )


class Trainer:
    """Trains the probes of some jobs at some points, step by step, with AdamW.

    Args:
        prepared: the jobs.
        points: (learning rate, weight decay), for all jobs, or one point for each job alone.
        each: whether ``points`` holds one point per job, not the points of every job.
        batch_size: utterances a step.
        mix_rate: learning rate of the layer mix.
        loss: ``cross-entropy``, ``ccc`` or ``absolute-error``.
        n_outputs: outputs of the linear layer.
    """

    def __init__(
        self,
        prepared: Prepared,
        points: Sequence[tuple[float, float]],
        *,
        each: bool = False,
        batch_size: int,
        mix_rate: float,
        loss: str,
        n_outputs: int,
    ):
        self._prepared, self._loss, self._mix_rate = prepared, loss, mix_rate
        like = {"device": prepared.device, "dtype": prepared.features.dtype}
        n_jobs, n_points = len(prepared.jobs), 1 if each else len(points)
        grid = torch.tensor(points, dtype=torch.float64).to(**like)
        rates, decays = grid.view(-1, n_points, 2).expand(n_jobs, -1, -1).unbind(2)
        self._rates, self._decays = rates, decays
        self.jobs = torch.arange(n_jobs, device=prepared.device)
        self.step = 0
        layers, dim = prepared.mean.shape[1:]
        drawn = torch.stack(
            [initial_weights(job.seed, dim, n_outputs, INITIAL_SCALE) for job in prepared.jobs]
        ).to(**like)
        self.parameters = Parameters(
            drawn[:, :, None].repeat(1, 1, n_points, 1),
            torch.zeros(n_jobs, n_points, n_outputs, **like),
            torch.zeros(n_jobs, layers, n_points, **like) if layers > 1 else None,
        )
        self._first = _zeros_like(self.parameters)
        self._second = _zeros_like(self.parameters)
        self._sum, self._summed = _zeros_like(self.parameters), torch.zeros_like(rates)
        self._batches = [Batches(job, batch_size) for job in prepared.jobs]

    def train(self, active: Tensor | None = None, averaged: Tensor | None = None) -> None:
        """One step.

        Args:
            active: the probes that take it, ``(jobs, points)``; None: all.
            averaged: those whose weights after it enter their average; None: all.
        """
        rows, valid = pad([self._batches[job].next() for job in self.jobs.tolist()])
        index = torch.as_tensor(rows, device=self._rates.device)
        tensors = self.parameters.tensors()
        for tensor in tensors:
            tensor.requires_grad_(True)
        outputs = self.parameters(self._prepared.gather(self.jobs, index))
        weights = self._prepared.weights[self.jobs] if self._loss == "cross-entropy" else None
        valid = torch.as_tensor(valid).to(self._rates)
        losses = self.losses(outputs, index, valid, weights)
        gradients = torch.autograd.grad(losses.sum(), tensors)
        for tensor in tensors:
            tensor.requires_grad_(False)
        self.step += 1
        self._update(gradients, active)
        self._add(averaged)

    def forget_average(self) -> None:
        """Begin the average of the weights anew."""
        for tensor in (*self._sum.tensors(), self._summed):
            tensor.zero_()

    def average(self) -> Parameters:
        """The weights averaged over the steps that count: what a probe predicts with.

        Single steps scatter around the optimum, the more the smaller the batch; their average does
        not, so that small batches do for large ones.
        """
        n, total = self._summed, self._sum
        mix = None if total.mix is None else total.mix / n[:, None]
        return Parameters(total.weight / n[:, None, :, None], total.bias / n[:, :, None], mix)

    def _add(self, averaged: Tensor | None) -> None:
        share = torch.ones_like(self._rates) if averaged is None else averaged.to(self._rates)
        self._summed.add_(share)
        shares = [share[:, None, :, None], share[:, :, None], share[:, None]]
        for total, tensor, one in zip(
            self._sum.tensors(), self.parameters.tensors(), shares, strict=False
        ):
            total.addcmul_(tensor, one)

    def _update(self, gradients: Sequence[Tensor], active: Tensor | None) -> None:
        first_share, second_share = 1 - BETAS[0] ** self.step, 1 - BETAS[1] ** self.step
        rates = self._rates if active is None else self._rates * active
        mix_rates = torch.where(rates > 0, self._mix_rate, 0.0)
        parameters = self.parameters
        steps = [rates[:, None, :, None], rates[:, :, None], mix_rates[:, None]]
        parameters.weight.mul_(1 - (rates * self._decays)[:, None, :, None])
        for number, (tensor, gradient) in enumerate(
            zip(parameters.tensors(), gradients, strict=True)
        ):
            first = self._first.tensors()[number].lerp_(gradient, 1 - BETAS[0])
            second = self._second.tensors()[number].mul_(BETAS[1])
            second.addcmul_(gradient, gradient, value=1 - BETAS[1])
            epsilon = MIX_EPSILON if tensor is parameters.mix else EPSILON
            root = second.sqrt().div_(second_share**0.5).add_(epsilon)
            tensor.sub_(torch.div(first, root, out=root).mul_(steps[number] / first_share))

    def keep(self, jobs: Tensor, points: Tensor) -> None:
        """Go on with some jobs and points alone, given by their present positions."""
        self.parameters = self.parameters.part(jobs, points)
        self._first, self._second = self._first.part(jobs, points), self._second.part(jobs, points)
        self._sum, self._summed = self._sum.part(jobs, points), self._summed[jobs][:, points]
        self._rates = self._rates[jobs][:, points]
        self._decays = self._decays[jobs][:, points]
        self.jobs = self.jobs[jobs]

    @torch.no_grad()
    def outputs(self, index: Tensor, block: int) -> Tensor:
        """Averaged probes' outputs ``(jobs, points, n, outputs)`` for ``index`` ``(jobs, n)``.

        Utterances are taken ``block`` at a time.
        """
        average = self.average()
        parts = [
            average(self._prepared.gather(self.jobs, rows)) for rows in index.split(block, dim=1)
        ]
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
        truth = self._prepared.targets(self.jobs, index)
        if weights is not None:
            return cross_entropy(outputs, truth, weights, valid)
        if self._loss == "ccc":
            return concordance(outputs, truth, valid)
        return absolute_error(outputs, truth, valid)


def _zeros_like(parameters: Parameters) -> Parameters:
    mix = parameters.mix
    return Parameters(
        torch.zeros_like(parameters.weight),
        torch.zeros_like(parameters.bias),
        None if mix is None else torch.zeros_like(mix),
    )
