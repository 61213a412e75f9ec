"""Training the probes of a problem: every recipe's trainer behind one function.

Hyper-parameters are chosen on development utterances alone, whose speakers are in neither the
fitting nor the test part; the labels of test utterances are never read.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from paralbench.cards import Fixed
from paralbench.errors import ProbeError
from paralbench.metrics import METRICS
from paralbench.probes.inputs import FoldRows, Index, Inputs
from paralbench.probes.recipes import (
    Classical,
    ClosedForm,
    FewShot,
    Majority,
    Neighbours,
    Recipe,
    Trained,
)
from paralbench.probes.result import ProbeResult
from paralbench.probes.settings import Settings
from paralbench.probes.target import Target

Draw = Callable[[int], tuple[Index, Index]]


class Trainer(Protocol):
    """What the module of a kind of recipe offers as ``train``."""

    def __call__(
        self,
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
        """For each fold its results; arguments are checked, and as of :func:`train_folds`."""
        ...


def _trainer(recipe: Recipe) -> Trainer:
    """The trainer of a recipe; only its own module is imported."""
    match recipe:
        case Trained() if recipe.reads == "frames":
            from paralbench.probes.framewise import train
        case Trained():
            from paralbench.probes.descent import train
        case ClosedForm():
            from paralbench.probes.closed_form import train
        case Classical():
            from paralbench.probes.classical import train
        case Neighbours():
            from paralbench.probes.neighbours import train
        case FewShot():
            from paralbench.probes.few_shot import train
        case Majority():
            from paralbench.probes.floors import train
        case _:
            raise TypeError(f"no trainer for {type(recipe).__name__}")
    return train


def train_folds(
    recipe: Recipe,
    inputs: Inputs,
    target: Target,
    folds: Sequence[FoldRows],
    *,
    metric: str,
    seeds: Sequence[int] | None = None,
    fixed: Fixed | None = None,
    settings: Settings | None = None,
) -> list[list[ProbeResult]]:
    """Train the probes of all folds and seeds and predict the folds' test utterances.

    For each seed, every point of the recipe's grid is trained on the fitting utterances and scored
    on the development utterances; the best one is trained again, standardised anew, on all of the
    fold's training utterances, and predicts its test utterances.

    Args:
        recipe: how.
        inputs: statistics of all utterances.
        target: labels of all utterances; those of test utterances are never read.
        folds: positions in ``inputs``. With ``fixed``, their draws are not looked at.
        metric: the metric that chooses; the loss of a regression follows it: 1 - CCC for ``ccc``
            and ``pearson``, the absolute error for ``mae``, so that what is trained is what is
            scored; a recipe may take the squared error instead. Classes have cross entropy,
            class-weighted unless the recipe says otherwise.
        seeds: one for each draw of the folds; by default 0 to ``recipe.n_seeds - 1``.
        fixed: hyper-parameters, where nothing is to be chosen. Recipes to which they do not apply
            have fixed ones of their own.
        settings: device, type and memory.

    Returns:
        for each fold its results: one, or one for each layer.

    Raises:
        ProbeError: features are not finite, the training utterances cannot teach anything, or the
            recipe cannot be trained on this kind of target. The message names the fold.
    """
    seeds = tuple(range(recipe.n_seeds)) if seeds is None else tuple(seeds)
    if METRICS[metric].kind != target.kind:
        raise ProbeError(f"metric: {metric!r} does not score a target {target.kind!r}.")
    if target.kind not in recipe.targets:
        raise ProbeError(
            f"recipe {recipe.name!r} cannot be trained on a target {target.kind!r}. Allowed: "
            f"{', '.join(recipe.targets)}."
        )
    used = []
    for fold in folds:
        chooses = recipe.selects and fixed is None
        if chooses and len(fold.draws) != len(seeds):
            raise ProbeError(
                f"fold {fold.name!r}: {len(fold.draws)} development draws for {len(seeds)} seeds; "
                "give one for each, or fixed hyper-parameters."
            )
        draws = fold.draws if chooses else ()
        for rows in (fold.train, *(fitted for fitted, _ in draws)):
            try:
                target.check(rows)
            except ProbeError as error:
                raise ProbeError(f"fold {fold.name!r}: {error}") from None
        used += [fold.train, fold.test]
    if len(inputs) != len(target.values):
        raise ProbeError(
            f"features of {len(inputs)} utterances for {len(target.values)} targets: as many are "
            "expected."
        )
    inputs.check(np.concatenate(used))
    return _trainer(recipe)(
        recipe,
        inputs,
        target,
        folds,
        metric=metric,
        seeds=seeds,
        fixed=fixed,
        settings=settings or Settings(),
    )


def train_probes(
    recipe: Recipe,
    features: npt.NDArray[np.float32] | Inputs,
    target: Target,
    train: Index,
    test: Index,
    *,
    metric: str,
    draw: Draw | None = None,
    fixed: Fixed | None = None,
    seeds: Sequence[int] | None = None,
    settings: Settings | None = None,
) -> list[ProbeResult]:
    """The results of a single fold; see :func:`train_folds`.

    Args:
        recipe: how.
        features: means ``(n, layers, dim)``, or all the statistics that the recipe reads.
        target: labels of all utterances.
        train: positions of the training utterances.
        test: the same of the test utterances.
        metric: the metric that chooses.
        draw: given a seed, the positions to fit on and to choose on; see
            :func:`paralbench.splits.develop.development`.
        fixed: hyper-parameters, instead of choosing any.
        seeds: instead of 0 to ``recipe.n_seeds - 1``.
        settings: device, type and memory.

    Raises:
        ProbeError: see :func:`train_folds`.
        SplitError: no development utterances can be drawn.
    """
    if recipe.selects and (draw is None) == (fixed is None):
        raise ProbeError("give development utterances to choose on, or fixed hyper-parameters.")
    seeds = tuple(range(recipe.n_seeds)) if seeds is None else tuple(seeds)
    draws = () if draw is None else tuple(draw(seed) for seed in seeds)
    inputs = features if isinstance(features, Inputs) else Inputs(features)
    fold = FoldRows("the fold", np.asarray(train, np.int64), np.asarray(test, np.int64), draws)
    (results,) = train_folds(
        recipe,
        inputs,
        target,
        [fold],
        metric=metric,
        seeds=seeds,
        fixed=fixed,
        settings=settings,
    )
    return results
