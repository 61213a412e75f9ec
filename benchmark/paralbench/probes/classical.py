"""Linear support vectors and logistic regression as scikit-learn has them, on one layer."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.special import log_softmax
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC, LinearSVR

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
from paralbench.probes.recipes import Classical, Recipe
from paralbench.probes.result import ProbeResult
from paralbench.probes.settings import Settings
from paralbench.probes.target import Target

MAX_ITERATIONS = 2000


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
    """scikit-learn's linear models; see :func:`paralbench.probes.train.train_folds`.

    ``LinearSVC`` and ``LogisticRegression`` with balanced classes, ``LinearSVR`` on targets of mean
    0 and deviation 1, all on features of mean 0 and deviation 1 on the training utterances, with
    scikit-learn's defaults but for C and the number of iterations. Layer and C are chosen on
    development utterances; of equal scores the lowest loss wins, which is the one that the model
    minimises: squared hinge, absolute error, negative log probability, balanced by class. A model
    that did not converge says so in its choice. Support vectors give no probabilities.
    """
    assert isinstance(recipe, Classical)  # what train_folds sends here
    method = _Classical(recipe, inputs, target, settings)
    with warnings.catch_warnings():
        # It is said in the choice, where it stays with the score.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return choose_and_test(method, folds, metric=metric, seeds=seeds, fixed=fixed is not None)


class _Classical(Method):
    """Support vectors or logistic regression."""

    word = "C"

    def __init__(
        self, recipe: Classical, inputs: Inputs, target: Target, settings: Settings
    ) -> None:
        super().__init__(inputs, target, settings, recipe.costs, recipe.fixed_cost)
        self.svm = recipe.model == "svm"
        self.seeded = self.svm  # liblinear visits utterances in random order

    def open(self, layer: int, wholes: Sequence[Index]) -> "_Layer":
        """A layer."""
        return _Layer(self, self.features(layer))

    def losses(self, values: Floats, truth: Index | Floats) -> Floats:
        """The loss that the model minimises."""
        if self.target.kind == "regression":
            return np.abs(values[:, :, 0] - truth)
        of = truth.astype(np.int64)
        if not self.svm:
            return -log_softmax(values, axis=2)[:, np.arange(len(of)), of]
        side = 2 * np.eye(self.target.n_classes)[of] - 1
        return np.square(np.maximum(1 - side * values, 0)).sum(axis=2)

    def probabilities(self, values: Floats) -> Floats | None:
        """Those of logistic regression."""
        return None if self.svm else np.exp(log_softmax(values, axis=2))


class _Layer:
    """The models on one layer."""

    def __init__(self, method: _Classical, x: Floats | Floats32) -> None:
        self._method, self._x = method, x

    def outputs(
        self, fit: Index, whole: Index, rows: Index, points: Sequence[float], seed: int
    ) -> Outputs:
        """Decision values, with one for each class where there are two; or numbers."""
        target = self._method.target
        truth = target.values[fit]
        about = standardisation(self._x, fit)
        x, unknown = (standardised(self._x, some, *about) for some in (fit, rows))
        if len(x) < x.shape[1]:
            # In the space that the training utterances span, products are the same, and so are all
            # steps of these models.
            span, triangle = np.linalg.qr(x.T)
            x, unknown = np.ascontiguousarray(triangle.T), unknown @ span
        values, notes = [], []
        for cost in points:
            model = self._model(cost, seed)
            if target.kind == "regression":
                centre, spread = truth.mean(), truth.std()
                found = model.fit(x, (truth - centre) / spread).predict(unknown)
                found = (found * spread + centre)[:, None]
            else:
                found = model.fit(x, truth).decision_function(unknown)
                if found.ndim == 1:  # of the second of two classes
                    first = -found if self._method.svm else np.zeros_like(found)
                    found = np.column_stack([first, found])
            values.append(found)
            stopped = np.max(model.n_iter_) >= MAX_ITERATIONS
            notes.append(", not converged" if stopped else "")
        return self._method.to_outputs(np.stack(values), fit, notes)

    def _model(self, cost: float, seed: int) -> Any:
        options: dict[str, Any] = {"C": cost, "random_state": seed, "max_iter": MAX_ITERATIONS}
        if self._method.target.kind == "regression":
            return LinearSVR(**options)
        if self._method.svm:
            # Of scikit-learn's two ways to the same solution the quicker one for small C.
            options["dual"] = True
            return LinearSVC(class_weight="balanced", **options)
        return LogisticRegression(class_weight="balanced", **options)
