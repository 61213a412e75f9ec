"""The floors under every task: what a probe reaches that has not listened."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from paralbench.cards import Fixed
from paralbench.errors import ProbeError
from paralbench.probes.inputs import FoldRows, Index, Inputs
from paralbench.probes.recipes import Recipe
from paralbench.probes.result import MIX, ProbeResult
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
    """The majority of each fold; see :func:`paralbench.probes.train.train_folds`.

    It is one constant for all folds: the most frequent class of a fold's training part is apt to
    be the one that its test part has least of, and pooled folds would score below chance.
    """
    known = np.unique(np.concatenate([fold.train for fold in folds]))
    results = []
    for fold in folds:
        one = majority(target, known, fold.test)
        again, probability = len(seeds), one.probability
        one = replace(
            one,
            seeds=tuple(seeds),
            prediction=one.prediction.repeat(again, axis=0),
            probability=None if probability is None else probability.repeat(again, axis=0),
            layer_weights=one.layer_weights.repeat(again, axis=0),
            n_train=len(fold.train),
        )
        results.append([one])
    return results


def majority(target: Target, train: Index, test: Index) -> ProbeResult:
    """Always the most frequent training class (the first of equals), or the training mean.

    Its class probabilities are the shares of the training classes.

    Raises:
        ProbeError: the training utterances cannot teach anything.
    """
    target.check(train)
    values = target.values[train]
    if target.kind == "classes":
        shares = np.bincount(values.astype(np.int64), minlength=target.n_classes) / len(values)
        prediction = np.full((1, len(test)), int(shares.argmax()))
        probability = np.broadcast_to(shares, (1, len(test), len(shares))).copy()
    else:
        prediction, probability = np.full((1, len(test)), float(values.mean())), None
    return ProbeResult(
        layer=MIX,
        selection="none",
        seeds=(0,),
        prediction=prediction,
        probability=probability,
        choices=(),
        layer_weights=np.ones((1, 1)),
        n_train=len(train),
    )


def duration_features(seconds: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """The logarithm of each clip's length, as features ``(n, 1, 1)``.

    Raises:
        ProbeError: a length is not positive.
    """
    given = np.asarray(seconds, dtype=np.float64)
    if not (given > 0).all():
        raise ProbeError("a clip's length is not positive.")
    return np.log(given).astype(np.float32)[:, None, None]
