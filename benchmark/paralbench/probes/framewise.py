"""Probes trained by gradient descent on the frames of one layer.

Each fold and seed is a training set of its own; all points of the grid are trained on it at once
and share the frames of every batch. Frames are never cropped or padded.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from paralbench.cards import Fixed
from paralbench.errors import ProbeError
from paralbench.probes.descent import loss_name
from paralbench.probes.engine import Trainer
from paralbench.probes.frame_heads import HEADS, FrameHead
from paralbench.probes.frame_reading import FrameReader, StandardFrames, standardised
from paralbench.probes.inputs import FoldRows, Frames, Index, Inputs
from paralbench.probes.jobs import Data, Job, Prepared, prepare
from paralbench.probes.recipes import Recipe, Trained
from paralbench.probes.result import Choice, ProbeResult
from paralbench.probes.selection import (
    development_curves,
    fixed_choice,
    pick,
    to_predictions,
)
from paralbench.probes.settings import Settings
from paralbench.probes.target import Target
from paralbench.probes.threads import in_threads


@dataclass(frozen=True)
class _Tested:
    """A tested probe: predictions and outputs ``(n_test, ...)``, and what it was trained on."""

    prediction: npt.NDArray[Any]
    outputs: Tensor
    choice: Choice
    n_train: int


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
    """For each fold its result; see :func:`paralbench.probes.train.train_folds`.

    Raises:
        ProbeError: there are no frames, or not of every utterance, or some are not finite.
    """
    recipe = cast(Trained, recipe)
    frames = inputs.frames
    if frames is None:
        raise ProbeError(f"recipe {recipe.name!r} reads frames; none were given.")
    if len(frames.lengths) != len(inputs):
        raise ProbeError(
            f"frames of {len(frames.lengths)} utterances for {len(inputs)} means: as many are "
            "expected."
        )
    used = [rows for fold in folds for rows in (fold.train, fold.test)]
    if fixed is None:
        used += [rows for fold in folds for draw in fold.draws for rows in draw]
    cell = _Cell(frames, np.concatenate(used), target, recipe, metric, fixed, settings)
    probes = [(fold, number, seed) for fold in folds for number, seed in enumerate(seeds)]
    tested = cell.run(probes)
    results = []
    for index, _ in enumerate(folds):
        own = tested[index * len(seeds) : (index + 1) * len(seeds)]
        probability = None
        if target.kind == "classes":
            probability = np.stack([one.outputs.softmax(1).cpu().numpy() for one in own])
        results.append(
            [
                ProbeResult(
                    layer=str(frames.layer),
                    selection="fixed" if fixed else "development",
                    seeds=tuple(seeds),
                    prediction=np.stack([one.prediction for one in own]),
                    probability=probability,
                    choices=tuple(one.choice for one in own),
                    layer_weights=np.ones((len(seeds), 1)),
                    n_train=round(float(np.mean([one.n_train for one in own]))),
                )
            ]
        )
    return results


class _Positions(Prepared):
    """A job whose batches are positions: the head reads the frames that lie there."""

    def gather(self, chosen: Tensor, rows: Tensor) -> Tensor:
        """The rows themselves, ``(jobs, batch)``."""
        return rows


class _Cell:
    """Frames, targets and recipe, and what the engine does with them."""

    def __init__(
        self,
        frames: Frames,
        used: Index,
        target: Target,
        recipe: Trained,
        metric: str,
        fixed: Fixed | None,
        settings: Settings,
    ):
        self._target, self._recipe, self._metric = target, recipe, metric
        self._loss, self._fixed = loss_name(recipe, target, metric), fixed
        self._reader = FrameReader(frames, used, settings)
        self._memory, self._settings = settings.memory, settings
        # Of no size: what the engine takes device, type and dimensions from.
        zero = torch.zeros((), device=settings.device, dtype=settings.dtype)
        self._data = Data(zero.expand(len(frames.lengths), 1, frames.dim))

    def run(self, probes: Sequence[tuple[FoldRows, int, int]]) -> list[_Tested]:
        """Train and test the probe of each fold and seed, several at a time on the CPU."""
        return in_threads(lambda probe: self._run(*probe), probes, self._settings)

    def _run(self, fold: FoldRows, number: int, seed: int) -> _Tested:
        recipe = self._recipe
        if self._fixed is not None:
            choice = fixed_choice(recipe, self._fixed, len(fold.train))
            return self._test(self._fit(fold.train, seed, choice), fold, choice, len(fold.train))
        fitted, development = fold.draws[number]
        trainer = self._trainer(Job(fitted, seed, development=development), recipe.points)
        found = development_curves(trainer, self._target, recipe, self._metric, recipe.batch_size)
        (choice,) = pick(found, recipe.points, recipe.checkpoints, self._metric, recipe.tie)
        if found.best is None:
            return self._test(self._fit(fold.train, seed, choice), fold, choice, len(fold.train))
        trainer.use(found.best)
        trainer.choose([recipe.points.index(_point(choice))])
        return self._test(trainer, fold, choice, len(fitted))

    def _trainer(self, job: Job, points: Sequence[tuple[float, float]]) -> Trainer:
        recipe = self._recipe
        frames = StandardFrames(self._reader)
        if recipe.standardised:
            room = self._memory // (3 * 8 * self._reader.dim)  # in float64, and what is made of it
            frames = standardised(self._reader, job.rows, max(1, room))
        prepared = prepare(self._data, self._target, [job], None, balanced=recipe.balanced)
        positions = _Positions(
            **{one.name: getattr(prepared, one.name) for one in fields(prepared)}
        )
        return Trainer(recipe, self._head(frames), positions, points, self._loss)

    def _head(self, frames: StandardFrames) -> FrameHead:
        make = HEADS[self._recipe.head]
        return make(frames, self._target.n_outputs, self._recipe.hidden, self._memory)

    def _fit(self, rows: Index, seed: int, choice: Choice) -> Trainer:
        """Train on all training utterances, averaging the second half where the recipe does."""
        trainer = self._trainer(Job(rows, seed), [_point(choice)])
        steps = choice.steps or 0
        while trainer.step < steps:
            if trainer.step == steps // 2:
                trainer.forget_average()
            trainer.train()
        return trainer

    def _test(self, trainer: Trainer, fold: FoldRows, choice: Choice, n_train: int) -> _Tested:
        prepared = trainer.prepared
        index = torch.tensor(fold.test, device=prepared.device)[None]
        outputs = trainer.outputs(index, self._recipe.batch_size)
        predicted = to_predictions(outputs, self._target, prepared.centre, prepared.spread)
        return _Tested(predicted[0, 0], outputs[0, 0].double(), choice, n_train)


def _point(choice: Choice) -> tuple[float, float]:
    return choice.learning_rate or 0.0, choice.weight_decay or 0.0
