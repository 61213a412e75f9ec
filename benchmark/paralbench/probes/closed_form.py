"""Ridge regression and linear discriminant analysis, solved and not trained.

Both are the solution b of (a A + c I) b = r, with A and r from sums over the training utterances
(see :mod:`paralbench.probes.gram`) and c from the penalty. Features are standardised on the
training utterances as in all recipes: mean 0, and an utterance's features have the length 1 on
average; a constant dimension is left out.

Ridge minimises, over the n training utterances, the sum of w (y - b'x - b0)^2 plus n penalty
|b|^2; with classes y is 1 for the own class and 0 else, and w gives each class the same weight, so
that it is scikit-learn's ``Ridge(alpha=n * penalty)`` with ``sample_weight`` w, and predicts as
``RidgeClassifier(class_weight="balanced")``. Discriminant analysis is scikit-learn's
``LinearDiscriminantAnalysis("lsqr", shrinkage=penalty)`` with equal priors of the classes that
occur: A is the mean of the classes' covariances, shrunk towards its mean variance.

With fewer utterances than dimensions, the same solution comes from an n x n system.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from scipy.special import log_softmax
from torch import Tensor

from paralbench.cards import Fixed
from paralbench.errors import ProbeError
from paralbench.probes.gram import Moments, Parts, class_weights, self_product
from paralbench.probes.inputs import FoldRows, Index, Inputs
from paralbench.probes.layer_choice import ROUNDING, Floats, Method, Outputs, choose_and_test
from paralbench.probes.on_disk import Floats32
from paralbench.probes.recipes import ClosedForm, Recipe
from paralbench.probes.result import ProbeResult
from paralbench.probes.settings import Settings
from paralbench.probes.target import Target


def train(
    recipe: Recipe,
    inputs: Inputs,
    target: Target,
    folds: Sequence[FoldRows],
    *,
    metric: str,
    seeds: Sequence[int],
    fixed: Fixed | None,
    settings: Settings,
) -> list[list[ProbeResult]]:
    """Probes in closed form; see :func:`paralbench.probes.train.train_folds`.

    Layer and penalty are chosen on development utterances. Of equal scores the lowest loss wins:
    the mean squared error of ridge, the mean negative log posterior of discriminant analysis, each
    balanced by class. The outputs of ridge are no probabilities, and none are given.

    Raises:
        ProbeError: discriminant analysis of classes that do not vary.
    """
    assert isinstance(recipe, ClosedForm)  # what train_folds sends here
    method = _ClosedForm(recipe, inputs, target, settings)
    return choose_and_test(method, folds, metric=metric, seeds=seeds, fixed=fixed is not None)


class _ClosedForm(Method):
    """Ridge regression, or discriminant analysis."""

    def __init__(
        self, recipe: ClosedForm, inputs: Inputs, target: Target, settings: Settings
    ) -> None:
        super().__init__(inputs, target, settings, recipe.penalties, recipe.fixed_penalty)
        self.lda = recipe.form == "lda"
        self.word = "shrinkage" if self.lda else "penalty"

    def open(self, layer: int, wholes: Sequence[Index]) -> "_Layer":
        """A layer."""
        return _Layer(self, self.features(layer), wholes)

    def losses(self, values: Floats, truth: Index | Floats) -> Floats:
        """Squared errors, or negative logarithms of the posterior of the true class."""
        if self.target.kind == "regression":
            return (values[:, :, 0] - truth) ** 2
        of = truth.astype(np.int64)
        if self.lda:
            return -log_softmax(values, axis=2)[:, np.arange(len(of)), of]
        wanted = np.eye(self.target.n_classes)[of]
        return np.square(np.where(np.isfinite(values), values - wanted, 0.0)).sum(axis=2)

    def probabilities(self, values: Floats) -> Floats | None:
        """The posterior of discriminant analysis; ridge has none."""
        return np.exp(log_softmax(values, axis=2)) if self.lda else None


class _Layer:
    """The solutions on one layer."""

    def __init__(self, method: _ClosedForm, x: Floats | Floats32, wholes: Sequence[Index]) -> None:
        self._method, self._lda, self._dim = method, method.lda, x.shape[1]
        target, settings = method.target, method.settings
        self._regression = target.kind == "regression"
        # Apple's devices have no double precision.
        device = "cpu" if settings.device.startswith("mps") else settings.device
        numbers = None
        if self._regression:
            # Numbers are one more dimension of the features of one class.
            numbers = torch.from_numpy(target.values.astype(np.float64)).to(device)
            self._labels, n_classes = np.zeros(len(x), dtype=np.int64), 1
        else:
            self._labels, n_classes = target.values.astype(np.int64), target.n_classes
        self._parts = Parts(
            torch.from_numpy(x).to(device),
            self._labels,
            n_classes,
            wholes,
            settings.memory,
            settings.grams,
            numbers,
        )

    def outputs(
        self, fit: Index, whole: Index, rows: Index, points: Sequence[float], seed: int
    ) -> Outputs:
        """Outputs of ridge, or logits of the posterior of discriminant analysis."""
        if len(fit) < self._dim:
            equations = self._from_rows(fit)
        else:
            equations = self._from_moments(self._parts.moments(fit, whole))
        solutions = self._solve(equations, points)
        x = self._parts.take(rows)[:, : self._dim]
        x = x.sub_(equations.mean).mul_(equations.scale)
        values = torch.stack([x @ weight + bias for weight, bias in solutions])
        return self._method.to_outputs(values.cpu().numpy(), fit)

    def _from_moments(self, moments: Moments) -> "_Equations":
        count, total, weighted = moments.count, moments.total, moments.weighted
        dim = self._dim
        n, occurs = count.sum(), count > 0
        mean = total.sum(0) / n  # about the offset
        variance = (moments.square / n - mean**2).clamp_min(0.0)
        scale = _scale(variance[:dim], (moments.offset + mean)[:dim])
        class_mean = total[occurs] / count[occurs, None]
        centre = class_mean.mean(0)
        if self._lda:
            matrix = weighted / n - class_mean.T @ class_mean / len(class_mean)
        else:
            matrix = weighted - n * centre[:, None] * centre
        if self._regression:
            right, level = matrix[:dim, dim:], (moments.offset + mean)[dim:]
        else:
            right, level = self._class_sides(class_mean - mean, int(n))
        return _Equations(
            n=int(n),
            mean=(moments.offset + mean)[:dim],
            scale=scale,
            centre=(centre - mean)[:dim] * scale,
            right=right * scale[:, None],
            level=level,
            matrix=matrix[:dim, :dim] * scale[:, None] * scale,
        )

    def _from_rows(self, rows: Index) -> "_Equations":
        dim, n = self._dim, len(rows)
        both = self._parts.take(rows)
        x, y = both[:, :dim], both[:, dim:]
        mean = x.mean(0)
        x = x - mean
        scale = _scale(x.square().mean(0), mean)
        x *= scale
        names, at = np.unique(self._labels[rows], return_inverse=True)
        of = torch.as_tensor(at, device=x.device)
        is_class = torch.eye(len(names), dtype=x.dtype, device=x.device)[of]
        count = is_class.sum(0)
        class_mean = is_class.T @ x / count[:, None]
        centre = class_mean.mean(0)
        root = class_weights(count).sqrt()[of, None]
        factor = (x - (class_mean[of] if self._lda else centre)) * root
        if self._lda:
            factor /= n**0.5
        if self._regression:
            level = y.mean(0)
            right = x.T @ (y - level)
        else:
            right, level = self._class_sides(class_mean, n)
        return _Equations(n, mean, scale, centre, right, level, factor=factor)

    def _class_sides(self, class_mean: Tensor, n: int) -> tuple[Tensor, Tensor]:
        """Right sides ``(D, classes)`` from centred class means, and the outputs at the centre."""
        if self._lda:
            return class_mean.T, class_mean.new_zeros(len(class_mean))
        share = 1 / len(class_mean)
        right = n * share * (class_mean - class_mean.mean(0)).T
        return right, class_mean.new_full((len(class_mean),), share)

    def _solve(
        self, equations: "_Equations", penalties: Sequence[float]
    ) -> list[tuple[Tensor, Tensor]]:
        """Weights ``(D, outputs)`` for standardised features, and biases, of each penalty."""
        right = equations.right
        if not self._lda:
            weights = equations.solve([(1.0, penalty * equations.n) for penalty in penalties])
            return [(weight, equations.level - equations.centre @ weight) for weight in weights]
        variance = float(equations.kernel.trace()) / len(right)
        if not variance > 0:
            raise ProbeError(
                "in each class all training utterances have the same features, so that "
                "discriminant analysis has no covariance; use recipe 'ridge'."
            )
        weights = equations.solve([(1 - penalty, penalty * variance) for penalty in penalties])
        level = np.log(right.shape[1])
        return [(weight, -(right * weight).sum(0) / 2 - level) for weight in weights]


@dataclass(frozen=True)
class _Equations:
    """What (a A + c I) b = r needs, in standardised features.

    Attributes:
        n: training utterances.
        mean, scale: of the standardisation, ``(D,)``.
        centre: where ridge's output is ``level``, ``(D,)``: the mean of the class means.
        right: r, ``(D, outputs)``; of discriminant analysis the class means.
        level: ``(outputs,)``.
        matrix: A, ``(D, D)``; or
        factor: Z with Z'Z = A, ``(n, D)``.
    """

    n: int
    mean: Tensor
    scale: Tensor
    centre: Tensor
    right: Tensor
    level: Tensor
    matrix: Tensor | None = None
    factor: Tensor | None = None

    @cached_property
    def kernel(self) -> Tensor:
        """A where it is given, or the smaller Z Z', which has the same trace."""
        if self.matrix is not None:
            return self.matrix
        assert self.factor is not None  # one of the two is given
        return self_product(self.factor.T)

    def solve(self, systems: Sequence[tuple[float, float]]) -> list[Tensor]:
        """The solution ``(D, outputs)`` for each a and c."""
        if self.factor is None:
            return [_solve(self.kernel, a, c, self.right) for a, c in systems]
        # (a Z'Z + c I)^-1 = (I - a Z' (a Z Z' + c I)^-1 Z) / c
        right = self.factor @ self.right
        inner = torch.stack([_solve(self.kernel, a, c, right) for a, c in systems])
        # All at once, and as rows: Z' with a few columns is several times slower.
        outer = (inner.mT @ self.factor).mT
        return [(self.right - a * one) / c for (a, c), one in zip(systems, outer, strict=True)]


def _solve(matrix: Tensor, a: float, c: float, right: Tensor) -> Tensor:
    """The solution of (a A + c I) b = r, for c above 0."""
    # A factor for each c: five of them take half the time of one eigendecomposition.
    shifted = a * matrix
    shifted.diagonal().add_(c)
    return torch.cholesky_solve(right, torch.linalg.cholesky(shifted))


def _scale(variance: Tensor, mean: Tensor) -> Tensor:
    """1 / (deviation sqrt(D)), and 0 for a dimension that is constant."""
    deviation = variance.sqrt()
    varies = deviation > ROUNDING * mean.abs()
    return torch.where(varies, 1 / (deviation * len(mean) ** 0.5), 0.0)
