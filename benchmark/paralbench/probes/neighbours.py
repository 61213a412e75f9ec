"""The nearest training utterances by the cosine, on one layer."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from paralbench.cards import Fixed
from paralbench.probes.inputs import FoldRows, Index, Inputs
from paralbench.probes.layer_choice import (
    Floats,
    Method,
    Outputs,
    choose_and_test,
    standardisation,
    standardised,
)
from paralbench.probes.on_disk import Floats32
from paralbench.probes.recipes import Neighbours, Recipe
from paralbench.probes.result import ProbeResult
from paralbench.probes.settings import Settings
from paralbench.probes.target import Target

_BLOCK = 16_384  # utterances that are standardised at once


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
    """Nearest neighbours; see :func:`paralbench.probes.train.train_folds`.

    Features have mean 0 and deviation 1 on the training utterances. A neighbour's vote is one over
    the training utterances of its class, so that frequent classes have no more say than rare ones;
    of classes with equal votes the one whose neighbours are more alike (the larger sum of cosines,
    weighted as the votes) wins, then the first. A class's probability is its share of the votes.
    Numbers are the mean of the neighbours' numbers. Layer and number of neighbours are chosen on
    development utterances; of equal scores the lowest squared error of shares or numbers wins. A
    number above that of the training utterances means all of them.
    """
    assert isinstance(recipe, Neighbours)  # what train_folds sends here
    method = _Neighbours(inputs, target, settings, recipe.counts, recipe.fixed_count)
    return choose_and_test(method, folds, metric=metric, seeds=seeds, fixed=fixed is not None)


class _Neighbours(Method):
    """Nearest neighbours."""

    word = "neighbours"

    def open(self, layer: int, wholes: Sequence[Index]) -> "_Layer":
        """A layer."""
        return _Layer(self, self.features(layer))

    def losses(self, values: Floats, truth: Index | Floats) -> Floats:
        """Squared errors of the shares of the votes, or of the numbers."""
        if self.target.kind == "regression":
            return (values[:, :, 0] - truth) ** 2
        wanted = np.eye(self.target.n_classes)[truth.astype(np.int64)]
        return np.square(values - wanted).sum(axis=2)

    def probabilities(self, values: Floats) -> Floats | None:
        """The shares of the votes."""
        return values if self.target.kind == "classes" else None


class _Layer:
    """Neighbours on one layer."""

    def __init__(self, method: _Neighbours, x: Floats | Floats32) -> None:
        self._method, self._x = method, x

    def outputs(
        self, fit: Index, whole: Index, rows: Index, points: Sequence[float], seed: int
    ) -> Outputs:
        """Shares of the votes, or numbers."""
        target = self._method.target
        counts = [min(int(point), len(fit)) for point in points]
        nearest, cosine = self._nearest(fit, rows, max(counts))
        labels = target.values[fit][nearest]
        notes = [
            "" if count == point else f", all {count} utterances"
            for count, point in zip(counts, points, strict=True)
        ]
        if target.kind == "regression":
            numbers = np.stack([labels[:, :count].mean(axis=1) for count in counts])
            return self._method.to_outputs(numbers[:, :, None], fit, notes)
        size = np.bincount(target.values[fit].astype(np.int64), minlength=target.n_classes)
        shape = (len(counts), len(rows), target.n_classes)
        votes, alike = np.zeros(shape), np.zeros(shape)
        for k in np.flatnonzero(size):
            of_class = labels == k
            number = of_class.cumsum(axis=1)[:, [count - 1 for count in counts]]
            total = np.where(of_class, cosine, 0.0).cumsum(axis=1)
            # Quotients of whole numbers, so that equal votes are equal to the bit.
            votes[:, :, k] = number.T / size[k]
            alike[:, :, k] = total[:, [count - 1 for count in counts]].T / size[k]
        ahead = votes == votes.max(axis=2, keepdims=True)
        prediction = np.where(ahead, alike, -np.inf).argmax(axis=2)
        shares = votes / votes.sum(axis=2, keepdims=True)
        return Outputs(shares, prediction, tuple(notes))

    def _nearest(self, fit: Index, rows: Index, count: int) -> tuple[Index, Floats]:
        """Positions in ``fit`` and cosines of the nearest, ``(rows, count)``, nearest first."""
        settings = self._method.settings
        about = standardisation(self._x, fit)

        def directions(some: Index) -> Tensor:
            parts = []
            for start in range(0, max(1, len(some)), _BLOCK):
                x = standardised(self._x, some[start : start + _BLOCK], *about)
                length = np.linalg.norm(x, axis=1, keepdims=True)
                x = np.divide(x, length, out=np.zeros_like(x), where=length > 0)
                parts.append(torch.from_numpy(x).to(settings.device, settings.dtype))
            return parts[0] if len(parts) == 1 else torch.cat(parts)

        known = directions(fit)
        nearest = np.empty((len(rows), count), dtype=np.int64)
        cosine = np.empty((len(rows), count))
        # Of each pair a cosine and its rank; of each utterance its features, in double precision.
        each = len(fit) * (known.element_size() + 8) + 3 * 8 * self._x.shape[1]
        size = max(1, settings.memory // each)
        for start in range(0, len(rows), size):
            part = slice(start, start + size)
            found = torch.topk(directions(rows[part]) @ known.T, count, dim=1)
            nearest[part] = found.indices.cpu().numpy()
            cosine[part] = found.values.double().cpu().numpy()
        return nearest, cosine
