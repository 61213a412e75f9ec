"""Training probes on one fold: choose on development speakers, refit on all of train, test once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from paralbench.cards import Fixed
from paralbench.errors import ProbeError
from paralbench.metrics import METRICS
from paralbench.probes.engine import Trainer
from paralbench.probes.jobs import Index, Job, Prepared, prepare
from paralbench.probes.recipes import Recipe
from paralbench.probes.result import ProbeResult
from paralbench.probes.selection import (
    Choice,
    development_curves,
    join,
    pick,
    to_predictions,
)
from paralbench.probes.target import Target

MEMORY = 1 << 30  # bytes of one chunk's tensors beside the features

Draw = Callable[[int], tuple[Index, Index]]


@dataclass(frozen=True)
class Settings:
    """How the engine runs; results do not depend on it beyond rounding.

    Attributes:
        device: where the probes train.
        dtype: type of the arithmetic.
        memory: bytes that one chunk of probes may take beside the features; at least one job at
            one point is trained at a time.
    """

    device: str = "cpu"
    dtype: torch.dtype = torch.float32
    memory: int = MEMORY


def train_probes(
    recipe: Recipe,
    features: npt.NDArray[np.float32],
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
    """Train the probes of one fold and predict its test utterances.

    For each seed, every point of the recipe's grid is trained on the fitting utterances and scored
    on the development utterances after each checkpoint; the best point and checkpoint are then
    trained again, standardised anew, on all of ``train``, and predict ``test``.

    Args:
        recipe: ``paralbench``, ``layers`` or ``duration``.
        features: of all utterances, ``(n, layers, dim)``.
        target: labels of all utterances; those of ``test`` are never read.
        train: positions in ``features``.
        test: the same.
        metric: the metric that chooses; the loss of a regression follows it: 1 - CCC for ``ccc``
            and ``pearson``, the absolute error for ``mae``, so that what is trained is what is
            scored. Classes have class-weighted cross entropy.
        draw: given a seed, the positions to fit on and to choose on; see
            :func:`paralbench.splits.develop.development`.
        fixed: hyper-parameters, instead of choosing any.
        seeds: instead of 0 to ``recipe.n_seeds - 1``.
        settings: device, precision and memory.

    Returns:
        one result; from the recipe ``layers`` one for each layer.

    Raises:
        ProbeError: features are not finite, or the training utterances cannot teach anything.
        SplitError: no development utterances can be drawn.
    """
    seeds = tuple(range(recipe.n_seeds)) if seeds is None else tuple(seeds)
    train, test = np.asarray(train, dtype=np.int64), np.asarray(test, dtype=np.int64)
    if (draw is None) == (fixed is None):
        raise ProbeError("give development utterances to choose on, or fixed hyper-parameters.")
    target.check(train)
    drawn = [] if draw is None else [draw(seed) for seed in seeds]
    for fitted, _ in drawn:
        target.check(fitted)
    development = tuple(chosen for _, chosen in drawn)
    _check(features, target, np.concatenate([train, test, *development]))
    cell = _Cell(features, target, recipe, metric, settings or Settings())
    layers = range(features.shape[1]) if recipe.input == "layers" else [None]
    if fixed is not None:
        steps = ceil(fixed.epochs * len(train) / min(recipe.batch_size, len(train)))
        one = Choice(fixed.learning_rate, fixed.weight_decay, steps, None)
        choices = [one] * (len(layers) * len(seeds))
    else:
        choices = cell.choose(
            [
                Job(fitted, seed, layer, chosen)
                for layer in layers
                for seed, (fitted, chosen) in zip(seeds, drawn, strict=True)
            ]
        )
    results = []
    for number, layer in enumerate(layers):
        own = choices[number * len(seeds) : (number + 1) * len(seeds)]
        jobs = [Job(train, seed, layer) for seed in seeds]
        outputs, weights, prediction = cell.test(jobs, own, test)
        classes = target.kind == "classes"
        results.append(
            ProbeResult(
                layer="mix" if layer is None else str(layer),
                selection="development" if fixed is None else "fixed",
                seeds=seeds,
                prediction=prediction,
                probability=outputs.softmax(2).cpu().numpy() if classes else None,
                choices=tuple(own),
                layer_weights=weights,
                development=development,
                n_train=len(train),
            )
        )
    return results


class _Cell:
    """Features, targets and recipe, and what the engine does with them."""

    def __init__(
        self,
        features: npt.NDArray[np.float32],
        target: Target,
        recipe: Recipe,
        metric: str,
        settings: Settings,
    ):
        # A copy where the features are mapped from a file: torch wants arrays that it may write.
        data = torch.from_numpy(np.require(features, requirements=["C", "W"]))
        self.data = data.to(settings.device, settings.dtype)
        self.target, self.recipe, self.metric = target, recipe, metric
        self.loss, self.memory = loss_name(target, metric), settings.memory

    def choose(self, jobs: list[Job]) -> list[Choice]:
        """The choice of each job, in chunks of jobs, and of points where one job is large."""
        points, checkpoints = self.recipe.points, self.recipe.checkpoints
        n_jobs, n_points, batch = self._chunk(jobs)
        choices: list[Choice] = []
        for first in range(0, len(jobs), n_jobs):
            prepared = prepare(self.data, self.target, jobs[first : first + n_jobs])
            parts = [
                development_curves(
                    prepared,
                    self.target,
                    self.recipe,
                    points[i : i + n_points],
                    self.metric,
                    self.loss,
                    batch,
                )
                for i in range(0, len(points), n_points)
            ]
            choices += pick(join(parts), points, checkpoints, self.metric)
        return choices

    def _chunk(self, jobs: list[Job]) -> tuple[int, int, int]:
        """Jobs and points that are trained at once, and utterances whose outputs are."""
        layers, dim = 1 if jobs[0].layer is not None else self.data.shape[1], self.data.shape[2]
        batch = min(self.recipe.batch_size, max(len(job.rows) for job in jobs))
        width = self.data.element_size()
        shared = width * layers * dim * (batch + 2)
        each = width * self.target.n_outputs * (7 * dim + 3 * batch * layers)
        n_points = int(np.clip((self.memory - shared) // each, 1, len(self.recipe.points)))
        return int(max(1, self.memory // (shared + n_points * each))), n_points, batch

    def test(
        self, jobs: list[Job], choices: Sequence[Choice], test: Index
    ) -> tuple[torch.Tensor, npt.NDArray[np.float64], npt.NDArray[Any]]:
        """Train each job at its choice and predict.

        Returns:
            outputs ``(jobs, n_test, outputs)`` in double precision, weights of the layers
            ``(jobs, layers)``, predictions ``(jobs, n_test)``.
        """
        prepared = prepare(self.data, self.target, jobs)
        trainer = self.fit(prepared, choices)
        rows = torch.from_numpy(test).to(self.data.device).expand(len(jobs), -1)
        outputs = trainer.outputs(rows, self.recipe.batch_size)
        prediction = to_predictions(outputs, self.target, prepared.centre, prepared.spread)[:, 0]
        mix = trainer.average().mix
        weights = np.ones((len(jobs), 1))
        if mix is not None:
            weights = mix[:, :, 0].double().softmax(1).cpu().numpy()
        return outputs[:, 0].double(), weights, prediction

    def fit(self, prepared: Prepared, choices: Sequence[Choice]) -> Trainer:
        """Train each job at its own choice, for its own steps, averaging the second half."""
        trainer = Trainer(
            prepared,
            [(one.learning_rate, one.weight_decay) for one in choices],
            each=True,
            batch_size=self.recipe.batch_size,
            mix_rate=self.recipe.mix_rate,
            loss=self.loss,
            n_outputs=self.target.n_outputs,
        )
        steps = torch.tensor([[one.steps] for one in choices], device=prepared.device)
        while trainer.step < int(steps.max()):
            going = steps > trainer.step
            trainer.train(going, averaged=going & (steps // 2 <= trainer.step))
        return trainer


def loss_name(target: Target, metric: str) -> str:
    """The loss that is trained where ``metric`` is what counts.

    Raises:
        ProbeError: the metric does not score this kind of target.
    """
    if METRICS[metric].kind != target.kind:
        raise ProbeError(f"metric: {metric!r} does not score a target {target.kind!r}.")
    if target.kind == "classes":
        return "cross-entropy"
    return "absolute-error" if metric == "mae" else "ccc"


def _check(features: npt.NDArray[np.float32], target: Target, used: Index) -> None:
    if features.ndim != 3 or len(features) != len(target.values):
        raise ProbeError(
            f"features of shape {features.shape} for {len(target.values)} targets: "
            "(utterances, layers, dim) is expected."
        )
    used = np.unique(used)
    bad = used[~np.isfinite(features[used]).all(axis=(1, 2))]
    if len(bad):
        raise ProbeError(
            f"the features of {len(bad)} of {len(used)} utterances are not finite (the first at "
            f"position {bad[0]}); look at their audio, and at the upstream's precision."
        )
