"""Probes trained by gradient descent on pooled statistics: choose, train again, predict once.

The probes of all folds, seeds and layers are jobs of one program. It is run in chunks that fit
into the memory given; on the CPU, into its caches, and on every core a chunk at a time. What a
probe becomes does not depend on the chunk it is in.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from paralbench.cards import Fixed
from paralbench.errors import ProbeError
from paralbench.metrics import METRICS
from paralbench.probes.engine import Trainer
from paralbench.probes.heads import make_head
from paralbench.probes.inputs import FoldRows, Index, Inputs
from paralbench.probes.jobs import (
    Data,
    Job,
    Prepared,
    Standards,
    Streamed,
    pad,
    prepare,
    standards,
)
from paralbench.probes.on_disk import OnDisk
from paralbench.probes.recipes import Recipe, Trained
from paralbench.probes.result import MIX, Choice, ProbeResult
from paralbench.probes.selection import (
    Curves,
    development_curves,
    fixed_choice,
    join,
    pick,
    to_predictions,
)
from paralbench.probes.settings import Settings
from paralbench.probes.target import Target
from paralbench.probes.threads import in_threads

# Bytes of a chunk on the CPU. What a step touches is touched again in the next one, and a pass over
# caches is several times as fast as one over memory; the chunk still is large enough to hide what
# it costs to call an operator.
CACHED = 6 << 20


@dataclass(frozen=True)
class _Probe:
    """A probe: on what it is fitted and chosen, on what trained again, what it predicts."""

    fitted: Job
    trained: Job
    test: Index

    def shifted(self, first: int) -> "_Probe":
        """The probe of one layer, where the layers before ``first`` are left out."""
        fitted, trained = (
            replace(job, layer=None if job.layer is None else job.layer - first)
            for job in (self.fitted, self.trained)
        )
        return _Probe(fitted, trained, self.test)


@dataclass(frozen=True)
class _Tested:
    """A tested probe: its predictions and probabilities ``(n_test, ...)``, shares of the layers."""

    prediction: npt.NDArray[Any]
    probability: npt.NDArray[np.float64]
    shares: npt.NDArray[np.float64]
    choice: Choice


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
    """For each fold its results; see :func:`paralbench.probes.train.train_folds`."""
    recipe = cast(Trained, recipe)
    layers = range(inputs.layers) if recipe.layers == "each" else [None]
    probes = [
        _probe(fold, number, seed, layer, chooses=fixed is None)
        for fold in folds
        for layer in layers
        for number, seed in enumerate(seeds)
    ]

    def cell(part: Inputs) -> _Cell:
        return _Cell(part, target, recipe, metric, fixed, settings)

    tested = iter(_train(inputs, probes, cell, settings.held // 2))
    results: list[list[ProbeResult]] = []
    for fold in folds:
        results.append([])
        for layer in layers:
            own = [next(tested) for _ in seeds]
            classes = target.kind == "classes"
            fitted = [len(rows) for rows, _ in fold.draws]
            again = recipe.refit or fixed is not None
            results[-1].append(
                ProbeResult(
                    layer=MIX if layer is None else str(layer),
                    selection="fixed" if fixed else "development",
                    seeds=tuple(seeds),
                    prediction=np.stack([one.prediction for one in own]),
                    probability=np.stack([one.probability for one in own]) if classes else None,
                    choices=tuple(one.choice for one in own),
                    layer_weights=np.stack([one.shares for one in own]),
                    n_train=len(fold.train) if again else round(float(np.mean(fitted))),
                )
            )
    return results


def _probe(fold: FoldRows, number: int, seed: int, layer: int | None, *, chooses: bool) -> _Probe:
    trained = Job(fold.train, seed, layer)
    if not chooses:
        return _Probe(trained, trained, fold.test)
    fitted, development = fold.draws[number]
    return _Probe(Job(fitted, seed, layer, development), trained, fold.test)


def _train(
    inputs: Inputs, probes: list[_Probe], cell: Callable[[Inputs], "_Cell"], held: int
) -> list[_Tested]:
    """What the probes predict, in their order; of means on the disk a few layers at a time.

    Args:
        inputs: statistics.
        probes: all of them of single layers, or none.
        cell: trains on statistics in memory or on the disk.
        held: bytes of the layers that are in memory together.
    """
    if not isinstance(inputs.mean, OnDisk) or probes[0].fitted.layer is None:
        return cell(inputs).run(probes)
    n, layers, dim = inputs.mean.shape
    some = max(1, held // (4 * n * dim))
    tested: dict[int, _Tested] = {}
    for first in range(0, layers, some):
        layer = slice(first, first + some)
        of_part = {
            number: one.shifted(first)
            for number, one in enumerate(probes)
            if one.fitted.layer in range(layers)[layer]
        }
        found = cell(Inputs(inputs.mean[:, layer])).run(list(of_part.values()))
        tested |= dict(zip(of_part, found, strict=True))
    return [tested[number] for number in range(len(probes))]


class _Cell:
    """Statistics, targets and recipe, and what the engine does with them."""

    def __init__(
        self,
        inputs: Inputs,
        target: Target,
        recipe: Trained,
        metric: str,
        fixed: Fixed | None,
        settings: Settings,
    ):
        def tensor(given: npt.NDArray[np.float32]) -> Tensor:
            # A copy where they are mapped from a file: torch wants arrays that it may write.
            data = torch.from_numpy(np.require(given, requirements=["C", "W"]))
            return data.to(settings.device, settings.dtype)

        moments = None
        if recipe.reads == "moments":
            if inputs.moments is None:
                raise ProbeError(f"recipe {recipe.name!r} reads second moments; none were given.")
            moments = tensor(inputs.moments)
        if isinstance(inputs.mean, OnDisk):
            mean = Streamed(inputs.mean, torch.device(settings.device), settings.dtype)
        else:
            mean = tensor(inputs.mean)
        self._data = Data(mean, moments)
        self._target, self._recipe, self._metric = target, recipe, metric
        self._loss, self._fixed = loss_name(recipe, target, metric), fixed
        layers = 1 if recipe.layers == "each" else inputs.layers
        self._head = make_head(recipe, target.n_outputs, layers)
        self._settings = settings
        self._standard: Standards | None = None

    def run(self, probes: list[_Probe]) -> list[_Tested]:
        """Train and test all probes, in chunks of them."""
        if self._recipe.standardised:
            jobs = [job for one in probes for job in (one.fitted, one.trained)]
            self._standard = standards(self._data.mean, (job.rows for job in jobs))
        size, points = self._chunk(probes)
        chunks = [probes[i : i + size] for i in range(0, len(probes), size)]
        found = in_threads(lambda chunk: self._run(chunk, points), chunks, self._settings)
        return [one for part in found for one in part]

    def _chunk(self, probes: list[_Probe]) -> tuple[int, int]:
        """Probes and points that are trained at once."""
        _, layers, dim = self._data.mean.shape
        layers = 1 if probes[0].fitted.layer is not None else layers
        batch = min(self._recipe.batch_size, max(len(one.trained.rows) for one in probes))
        width, hidden = self._settings.dtype.itemsize, self._recipe.hidden
        outputs, pairs = self._target.n_outputs, 0
        if self._data.moments is not None:
            pairs = self._data.moments.shape[1]
        scored = max((len(one.fitted.development) for one in probes), default=0)
        weights = (hidden * (2 * dim + outputs)) if hidden else dim * outputs
        shared = width * dim * (batch + 2) * (layers + pairs)
        each = width * (6 * weights + outputs * (3 * batch * layers + 2 * scored))
        each += width * batch * (3 * dim + 2 * hidden) * bool(hidden)
        grid = 1 if self._fixed else len(self._recipe.points)
        n_points = grid
        if self._recipe.refit:  # else what is best is kept of all points at once
            n_points = int(np.clip((self._settings.memory - shared) // each, 1, grid))
        room = self._settings.memory
        if self._data.mean.device.type == "cpu":
            room = min(room, CACHED)
        return int(max(1, room // (shared + n_points * each))), n_points

    def _run(self, probes: list[_Probe], n_points: int) -> list[_Tested]:
        """Choose, train again where the recipe does, predict."""
        if self._fixed is not None:
            choices = [
                fixed_choice(self._recipe, self._fixed, len(one.fitted.rows)) for one in probes
            ]
            return self._test(self._fit([one.trained for one in probes], choices), probes, choices)
        prepared = self._prepare([one.fitted for one in probes])
        points = self._recipe.points
        trainers = [
            self._trainer(prepared, points[i : i + n_points])
            for i in range(0, len(points), n_points)
        ]
        found = join([self._curves(trainer) for trainer in trainers])
        choices = pick(found, points, self._recipe.checkpoints, self._metric, self._recipe.tie)
        if found.best is None:
            trainer = self._fit([one.trained for one in probes], choices)
        else:
            (trainer,) = trainers
            trainer.use(found.best)
            chosen = [(one.learning_rate or 0.0, one.weight_decay or 0.0) for one in choices]
            trainer.choose([points.index(point) for point in chosen])
        return self._test(trainer, probes, choices)

    def _curves(self, trainer: Trainer) -> Curves:
        return development_curves(
            trainer, self._target, self._recipe, self._metric, self._recipe.batch_size
        )

    def _prepare(self, jobs: list[Job]) -> Prepared:
        return prepare(
            self._data,
            self._target,
            jobs,
            self._standard,
            length_one=self._head.length_one,
            balanced=self._recipe.balanced,
        )

    def _trainer(
        self, prepared: Prepared, points: Sequence[tuple[float, float]], *, each: bool = False
    ) -> Trainer:
        return Trainer(self._recipe, self._head, prepared, points, self._loss, each=each)

    def _fit(self, jobs: list[Job], choices: Sequence[Choice]) -> Trainer:
        """Train each job at its own choice, for its own steps, averaging the second half."""
        prepared = self._prepare(jobs)
        points = [(one.learning_rate or 0.0, one.weight_decay or 0.0) for one in choices]
        trainer = self._trainer(prepared, points, each=True)
        steps = torch.tensor([[one.steps or 0] for one in choices], device=prepared.device)
        while trainer.step < int(steps.max()):
            going = steps > trainer.step
            trainer.train(going, averaged=going & (steps // 2 <= trainer.step))
        return trainer

    def _test(
        self, trainer: Trainer, probes: list[_Probe], choices: Sequence[Choice]
    ) -> list[_Tested]:
        """Each probe's predictions of its test utterances."""
        prepared = trainer.prepared
        rows, _ = pad([one.test for one in probes])
        index = torch.from_numpy(rows).to(prepared.device)
        outputs = trainer.outputs(index, self._recipe.batch_size)
        predicted = to_predictions(outputs, self._target, prepared.centre, prepared.spread)
        probability = outputs[:, 0].double().softmax(2).cpu().numpy()
        shares = trainer.shares()
        tested = []
        for number, (probe, choice) in enumerate(zip(probes, choices, strict=True)):
            n = len(probe.test)
            mix = np.ones(1)
            if shares is not None:
                mix = shares[number, :, 0].double().cpu().numpy()
            found = predicted[number, 0, :n], probability[number, :n]
            tested.append(_Tested(*found, mix, choice))
        return tested


def loss_name(recipe: Trained, target: Target, metric: str) -> str:
    """The loss that a recipe trains where ``metric`` is what counts.

    Raises:
        ProbeError: the metric does not score this kind of target.
    """
    if METRICS[metric].kind != target.kind:
        raise ProbeError(f"metric: {metric!r} does not score a target {target.kind!r}.")
    if target.kind == "classes":
        return "cross-entropy"
    if recipe.squared:
        return "squared-error"
    return "absolute-error" if metric == "mae" else "ccc"
