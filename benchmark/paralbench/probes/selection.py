"""Choosing learning rate, weight decay and length of training on development utterances."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from paralbench.cards import Fixed
from paralbench.metrics import METRICS, Metric
from paralbench.probes.engine import Trainer
from paralbench.probes.heads import Weights
from paralbench.probes.jobs import pad
from paralbench.probes.recipes import Trained
from paralbench.probes.result import Choice
from paralbench.probes.scores_on_development import (
    TIE,
    Floats,
    best,
    scores,
)
from paralbench.probes.target import Target


@dataclass(frozen=True)
class Curves:
    """Development scores on the way, arrays ``(jobs, points, checkpoints)``.

    Attributes:
        score: the metric, higher is better (an error is negated); minus infinity where it is
            undefined or the probe had stopped.
        error: the score's standard error, by the jackknife over utterances.
        loss: the loss; infinity where the probe had stopped.
        best: the weights at each probe's best score, where the recipe does not refit.
    """

    score: Floats
    error: Floats
    loss: Floats
    best: Weights | None = None


def join(parts: Sequence[Curves]) -> Curves:
    """Curves of different points of the same jobs, in one."""
    if len(parts) == 1:
        return parts[0]
    return Curves(
        np.concatenate([part.score for part in parts], axis=1),
        np.concatenate([part.error for part in parts], axis=1),
        np.concatenate([part.loss for part in parts], axis=1),
    )


def development_curves(
    trainer: Trainer,
    target: Target,
    recipe: Trained,
    metric: str,
    block: int,
) -> Curves:
    """Train every probe, scoring its development utterances at each checkpoint.

    A probe stops when neither score nor loss has improved for ``recipe.patience`` checkpoints,
    whatever the others beside it do.

    Args:
        trainer: at its first step, of jobs with development utterances.
        target: the labels.
        recipe: checkpoints, patience.
        metric: name of the metric that chooses.
        block: development utterances whose outputs are computed at once.
    """
    patience = recipe.patience or len(recipe.checkpoints) + 1
    n_jobs, n_points = trainer.shape
    every = (n_jobs, n_points, len(recipe.checkpoints))
    curves = Curves(np.full(every, -np.inf), np.zeros(every), np.full(every, np.inf))
    best_score, best_loss = np.full(every[:2], -np.inf), np.full(every[:2], np.inf)
    waited = np.zeros(every[:2], dtype=np.int64)
    jobs, columns = np.arange(n_jobs), np.arange(n_points)
    kept: Weights | None = None
    kept_loss = np.full(every[:2], np.inf)
    for number, checkpoint in enumerate(recipe.checkpoints):
        while trainer.step < checkpoint:
            if trainer.step == checkpoint // 2:
                trainer.forget_average()
            trainer.train()
        found = _on_development(trainer, target, jobs, METRICS[metric], block)
        row, column = np.nonzero(waited[np.ix_(jobs, columns)] < patience)
        at = (jobs[row], columns[column])
        score, error, lost = (one[row, column] for one in found)
        curves.score[*at, number] = score
        curves.error[*at, number] = error
        curves.loss[*at, number] = lost
        if not recipe.refit:
            # No patience, so no probe has left: positions are those of the curves.
            # Of equal scores the one with the lowest loss, as `pick` decides.
            level = (found[0] == best_score) & (found[2] < kept_loss)
            best_now = (found[0] > best_score) | level
            kept_loss = np.where(best_now, found[2], kept_loss)
            kept = trainer.snapshot(kept, torch.from_numpy(best_now))
        better = (score > best_score[at]) | (lost < best_loss[at])
        waited[at] = np.where(better, 0, waited[at] + 1)
        best_score[at] = np.maximum(score, best_score[at])
        best_loss[at] = np.minimum(lost, best_loss[at])
        going = waited[np.ix_(jobs, columns)] < patience
        if not going.any():
            break
        some_jobs, some_points = going.any(1), going.any(0)
        if not (some_jobs.all() and some_points.all()):
            trainer.keep(*(torch.from_numpy(np.flatnonzero(s)) for s in (some_jobs, some_points)))
            jobs, columns = jobs[some_jobs], columns[some_points]
    return Curves(curves.score, curves.error, curves.loss, kept)


def pick(
    curves: Curves,
    points: Sequence[tuple[float, float]],
    checkpoints: Sequence[int],
    metric: str,
    tie: float = TIE,
) -> list[Choice]:
    """The choice of each job: of the best scores on development the one with the lowest loss.

    See :func:`~paralbench.probes.scores_on_development.best`.

    Raises:
        ProbeError: the metric is undefined on all of a job's development scores.
    """
    sign = 1.0 if METRICS[metric].higher_is_better else -1.0
    choices = []
    for score, error, loss in zip(curves.score, curves.error, curves.loss, strict=True):
        point, number = best(score, error, loss, METRICS[metric], tie)
        rate, decay = points[point]
        value = float(sign * score[point, number])
        choices.append(Choice(rate, decay, checkpoints[number], value))
    return choices


def fixed_choice(recipe: Trained, fixed: Fixed, n_train: int) -> Choice:
    """What is trained where nothing is selected, on so many utterances.

    The card's hyper-parameters are those of the linear head; other recipes have their own.
    """
    if recipe.fixed_steps is not None:
        return Choice(*recipe.points[0], recipe.fixed_steps)
    steps = ceil(fixed.epochs * n_train / min(recipe.batch_size, n_train))
    return Choice(fixed.learning_rate, fixed.weight_decay, steps)


def _on_development(
    trainer: Trainer,
    target: Target,
    jobs: npt.NDArray[np.int64],
    metric: Metric,
    block: int,
) -> tuple[Floats, Floats, Floats]:
    """Score, its standard error, and loss, each ``(jobs, points)``."""
    prepared = trainer.prepared
    parts = [prepared.jobs[job].development for job in jobs]
    rows, valid = pad(parts)
    index = torch.as_tensor(rows, device=prepared.device)
    outputs = trainer.outputs(index, block)
    weights = None
    if target.kind == "classes":
        # Balanced by the development utterances' own classes, as the metrics of this field are.
        weights = torch.tensor(np.stack([target.class_weights(part) for part in parts]))
        weights = weights.to(outputs)
    loss = trainer.losses(outputs, index, torch.as_tensor(valid).to(outputs), weights)
    predicted = to_predictions(outputs, target, prepared.centre[jobs], prepared.spread[jobs])
    score, error = np.zeros(loss.shape), np.zeros(loss.shape)
    for number, part in enumerate(parts):
        found = predicted[number, :, : len(part)]
        score[number], error[number] = scores(metric, target, part, found)
    return score, error, loss.double().cpu().numpy()


def to_predictions(
    outputs: Tensor, target: Target, centre: Floats, spread: Floats
) -> npt.NDArray[np.int64] | Floats:
    """Class indices, or numbers in the label's unit, ``(jobs, points, n)``."""
    if target.kind == "classes":
        return outputs.argmax(3).cpu().numpy()
    numbers = outputs.squeeze(3).double().cpu().numpy()
    return numbers * spread[:, None, None] + centre[:, None, None]
