"""Training probes on one fold: choose on development speakers, refit on all of train, test once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil

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
    Curves,
    development_curves,
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
        train, test: positions in ``features``.
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
    settings = settings or Settings()
    seeds = tuple(range(recipe.n_seeds)) if seeds is None else tuple(seeds)
    train, test = np.asarray(train, dtype=np.int64), np.asarray(test, dtype=np.int64)
    if (draw is None) == (fixed is None):
        raise ProbeError("give development utterances to choose on, or fixed hyper-parameters.")
    _check(features, target, np.concatenate([train, test]))
    target.check(train)
    data = torch.from_numpy(np.ascontiguousarray(features)).to(settings.device, settings.dtype)
    layers: list[int | None] = [None]
    if recipe.input == "layers":
        layers = list(range(features.shape[1]))
    loss = loss_name(target, metric)
    if fixed is not None:
        steps = ceil(fixed.epochs * len(train) / min(recipe.batch_size, len(train)))
        one = Choice(fixed.learning_rate, fixed.weight_decay, steps, None)
        choices = [[one] * len(seeds) for _ in layers]
        development: tuple[Index, ...] = ()
    else:
        assert draw is not None
        drawn = [draw(seed) for seed in seeds]
        development = tuple(chosen for _, chosen in drawn)
        for fit, _ in drawn:
            target.check(fit)
        jobs = [
            Job(fit, seed, layer, chosen)
            for layer in layers
            for seed, (fit, chosen) in zip(seeds, drawn, strict=True)
        ]
        flat = _choose(data, target, jobs, recipe, metric, loss, settings)
        choices = [flat[i : i + len(seeds)] for i in range(0, len(flat), len(seeds))]
    return [
        _refit(data, target, train, test, recipe, loss, settings, seeds, layer, chosen, development)
        for layer, chosen in zip(layers, choices, strict=True)
    ]


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
    bad = used[~np.isfinite(features[used]).all(axis=(1, 2))]
    if len(bad):
        raise ProbeError(
            f"the features of {len(bad)} of {len(used)} utterances are not finite (the first at "
            f"position {bad[0]}); look at their audio, and at the upstream's precision."
        )


def _choose(
    data: torch.Tensor,
    target: Target,
    jobs: list[Job],
    recipe: Recipe,
    metric: str,
    loss: str,
    settings: Settings,
) -> list[Choice]:
    """The choice of each job, computed in chunks of jobs, and of points where one job is large."""
    layers, dim = data.shape[1] if jobs[0].layer is None else 1, data.shape[2]
    batch = min(recipe.batch_size, max(len(job.rows) for job in jobs))
    shared = data.element_size() * layers * dim * (batch + 2)
    each = data.element_size() * target.n_outputs * (6 * dim + 3 * batch * layers)
    n_points = int(np.clip((settings.memory - shared) // each, 1, len(recipe.points)))
    n_jobs = int(max(1, settings.memory // (shared + n_points * each)))
    choices: list[Choice] = []
    for first in range(0, len(jobs), n_jobs):
        prepared = prepare(data, target, jobs[first : first + n_jobs])
        parts = [
            development_curves(
                prepared, target, recipe, recipe.points[i : i + n_points], metric, loss, batch
            )
            for i in range(0, len(recipe.points), n_points)
        ]
        curves = Curves(
            np.concatenate([part.score for part in parts], axis=1),
            np.concatenate([part.error for part in parts], axis=1),
            np.concatenate([part.loss for part in parts], axis=1),
        )
        choices += pick(curves, recipe.points, recipe.checkpoints, metric)
    return choices


def _refit(
    data: torch.Tensor,
    target: Target,
    train: Index,
    test: Index,
    recipe: Recipe,
    loss: str,
    settings: Settings,
    seeds: tuple[int, ...],
    layer: int | None,
    choices: Sequence[Choice],
    development: tuple[Index, ...],
) -> ProbeResult:
    """Train the chosen probes of all seeds on all of ``train`` and predict ``test``."""
    prepared = prepare(data, target, [Job(train, seed, layer) for seed in seeds])
    trainer = fit(prepared, target, choices, recipe, loss)
    rows = torch.from_numpy(test).to(data.device).expand(len(seeds), -1)
    outputs = trainer.outputs(rows, recipe.batch_size)
    prediction = to_predictions(outputs, target, prepared.centre, prepared.spread)[:, 0]
    probability = None
    if target.kind == "classes":
        probability = outputs[:, 0].double().softmax(2).cpu().numpy()
    mix = trainer.average().mix
    weights = (
        np.ones((len(seeds), 1)) if mix is None else mix[:, :, 0].double().softmax(1).cpu().numpy()
    )
    return ProbeResult(
        layer="mix" if layer is None else str(layer),
        selection="development" if development else "fixed",
        seeds=seeds,
        prediction=prediction,
        probability=probability,
        choices=tuple(choices),
        layer_weights=weights,
        development=development,
        n_train=len(train),
    )


def fit(
    prepared: Prepared, target: Target, choices: Sequence[Choice], recipe: Recipe, loss: str
) -> Trainer:
    """Train each job at its own choice and for its own number of steps, averaging the second half."""
    trainer = Trainer(
        prepared,
        [(one.learning_rate, one.weight_decay) for one in choices],
        each=True,
        batch_size=recipe.batch_size,
        mix_rate=recipe.mix_rate,
        loss=loss,
        n_outputs=target.n_outputs,
    )
    steps = torch.tensor([[one.steps] for one in choices], device=prepared.device)
    while trainer.step < int(steps.max()):
        going = steps > trainer.step
        trainer.train(going, averaged=going & (steps // 2 <= trainer.step))
    return trainer
