"""Class means of a few utterances of each class, by the cosine."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from paralbench.cards import Fixed
from paralbench.errors import ProbeError
from paralbench.probes.inputs import FoldRows, Index, Inputs
from paralbench.probes.recipes import FewShot, Recipe
from paralbench.probes.result import MIX, Choice, ProbeResult
from paralbench.probes.settings import Settings
from paralbench.probes.target import Target

Floats = npt.NDArray[np.float64]


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
    """Nearest class means; see :func:`paralbench.probes.train.train_folds`.

    Of each class that occurs in training some utterances, the shots, are drawn without replacement,
    others for each seed and fold; a recipe with more shots draws the same and more. The shots' mean
    is subtracted from each layer, each layer of an utterance is given the length 1, and all layers
    stand beside each other: the cosine of two utterances is the mean of their layers' cosines. A
    test utterance has the class whose mean is at the largest cosine, of equals the first. Nothing
    is chosen, and a cosine is no probability.

    Raises:
        ProbeError: a class has fewer training utterances than shots.
    """
    assert isinstance(recipe, FewShot)  # what train_folds sends here
    results = []
    for position, fold in enumerate(folds):
        classes = np.unique(target.values[fold.train]).astype(np.int64)
        predictions = []
        for seed in seeds:
            shots = [_draw(recipe, target, fold, k, (seed, position, k)) for k in classes.tolist()]
            found = _nearest(inputs, np.stack(shots), fold.test, settings.memory)
            predictions.append(classes[found])
        setting = f"{recipe.shots} shot{'s' * (recipe.shots > 1)}"
        one = ProbeResult(
            layer=MIX,
            selection="none",
            seeds=tuple(seeds),
            prediction=np.stack(predictions),
            probability=None,
            choices=(Choice(setting=setting),) * len(seeds),
            layer_weights=np.full((len(seeds), inputs.layers), 1 / inputs.layers),
            n_train=recipe.shots * len(classes),
        )
        results.append([one])
    return results


def _draw(
    recipe: FewShot, target: Target, fold: FoldRows, k: int, seed: tuple[int, int, int]
) -> Index:
    """The shots of one class, ``(shots,)``."""
    rows = np.sort(fold.train[target.values[fold.train] == k])
    if len(rows) < recipe.shots:
        raise ProbeError(
            f"fold {fold.name!r}: class index {k} has {len(rows)} training utterances, and recipe "
            f"{recipe.name!r} draws {recipe.shots}; use a recipe with fewer shots."
        )
    return np.random.default_rng(seed).permutation(rows)[: recipe.shots]


def _nearest(inputs: Inputs, shots: Index, rows: Index, memory: int) -> Index:
    """The nearest class mean of each utterance, given shots ``(classes, shots)``."""
    drawn = inputs.mean[shots.reshape(-1)].astype(np.float64)
    mean = drawn.mean(axis=0)
    prototype = _unit(_unit(drawn - mean).reshape(*shots.shape, -1).mean(axis=1))
    found = np.empty(len(rows), dtype=np.int64)
    size = max(1, memory // (3 * mean.nbytes))
    for start in range(0, len(rows), size):
        part = slice(start, start + size)
        x = _unit(inputs.mean[rows[part]] - mean).reshape(-1, mean.size)
        found[part] = (x @ prototype.T).argmax(axis=1)
    return found


def _unit(x: Floats) -> Floats:
    """Vectors along the last axis with length 1; those of length 0 stay."""
    length = np.linalg.norm(x, axis=-1, keepdims=True)
    return np.divide(x, length, out=np.zeros_like(x), where=length > 0)
