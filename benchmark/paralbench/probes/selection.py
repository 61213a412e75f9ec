"""Choosing learning rate, weight decay and length of training on development utterances."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from paralbench.errors import ProbeError
from paralbench.metrics import METRICS, Metric
from paralbench.probes.engine import Trainer
from paralbench.probes.jobs import Prepared, pad
from paralbench.probes.recipes import Recipe
from paralbench.probes.target import Target

Floats = npt.NDArray[np.float64]

# Scores of one development part that differ by less than this many standard errors count as equal.
# Chosen on simulated corpora and BAVED; see `pick`.
TIE = 2.0


@dataclass(frozen=True)
class Choice:
    """What one job's development utterances chose."""

    learning_rate: float
    weight_decay: float
    steps: int
    score: float | None  # the primary metric on development; None where nothing was chosen


@dataclass(frozen=True)
class Curves:
    """Development scores on the way, arrays ``(jobs, points, checkpoints)``.

    Attributes:
        score: the metric, higher is better (an error is negated); minus infinity where it is
            undefined or the probe had stopped.
        error: the score's standard error, by the jackknife over utterances.
        loss: the loss; infinity where the probe had stopped.
    """

    score: Floats
    error: Floats
    loss: Floats


def join(parts: Sequence[Curves]) -> Curves:
    """Curves of different points of the same jobs, in one."""
    return Curves(
        np.concatenate([part.score for part in parts], axis=1),
        np.concatenate([part.error for part in parts], axis=1),
        np.concatenate([part.loss for part in parts], axis=1),
    )


def development_curves(
    prepared: Prepared,
    target: Target,
    recipe: Recipe,
    points: Sequence[tuple[float, float]],
    metric: str,
    loss: str,
    block: int,
) -> Curves:
    """Train every job at every point, scoring its development utterances at each checkpoint.

    A probe stops when neither score nor loss has improved for ``recipe.patience`` checkpoints,
    whatever the others beside it do.

    Args:
        prepared: jobs with development utterances.
        target: the labels.
        recipe: checkpoints, patience, batch size.
        points: (learning rate, weight decay).
        metric: name of the metric that chooses.
        loss: name of the loss.
        block: development utterances whose outputs are computed at once.
    """
    shape = (len(prepared.jobs), len(points))
    trainer = Trainer(
        prepared,
        points,
        batch_size=recipe.batch_size,
        mix_rate=recipe.mix_rate,
        loss=loss,
        n_outputs=target.n_outputs,
    )
    every = (*shape, len(recipe.checkpoints))
    curves = Curves(np.full(every, -np.inf), np.zeros(every), np.full(every, np.inf))
    best_score, best_loss = np.full(shape, -np.inf), np.full(shape, np.inf)
    waited = np.zeros(shape, dtype=np.int64)
    jobs, columns = np.arange(shape[0]), np.arange(shape[1])
    for number, checkpoint in enumerate(recipe.checkpoints):
        while trainer.step < checkpoint:
            if trainer.step == checkpoint // 2:
                trainer.forget_average()
            trainer.train()
        found = _on_development(trainer, prepared, target, jobs, METRICS[metric], block)
        row, column = np.nonzero(waited[np.ix_(jobs, columns)] < recipe.patience)
        at = (jobs[row], columns[column])
        score, error, lost = (one[row, column] for one in found)
        curves.score[*at, number] = score
        curves.error[*at, number] = error
        curves.loss[*at, number] = lost
        better = (score > best_score[at]) | (lost < best_loss[at])
        waited[at] = np.where(better, 0, waited[at] + 1)
        best_score[at] = np.maximum(score, best_score[at])
        best_loss[at] = np.minimum(lost, best_loss[at])
        going = waited[np.ix_(jobs, columns)] < recipe.patience
        if not going.any():
            break
        some_jobs, some_points = going.any(1), going.any(0)
        if not (some_jobs.all() and some_points.all()):
            trainer.keep(*(torch.from_numpy(np.flatnonzero(s)) for s in (some_jobs, some_points)))
            jobs, columns = jobs[some_jobs], columns[some_points]
    return curves


def pick(
    curves: Curves, points: Sequence[tuple[float, float]], checkpoints: Sequence[int], metric: str
) -> list[Choice]:
    """The choice of each job: the best score on development, and of equal scores the lowest loss.

    A development part is small: of a hundred candidates the one with the highest score is mostly
    the luckiest. So scores that the part cannot tell from the highest (see :data:`TIE`) count as
    equal to it. The larger the part, the more the score alone decides.

    Raises:
        ProbeError: the metric is undefined on all of a job's development scores.
    """
    sign = 1.0 if METRICS[metric].higher_is_better else -1.0
    choices = []
    for score, error, loss in zip(curves.score, curves.error, curves.loss, strict=True):
        best = np.unravel_index(score.argmax(), score.shape)
        if not np.isfinite(score[best]):
            raise ProbeError(
                f"{metric} is undefined on development utterances; choose another metric, or "
                "declare `selection: fixed` on the task card."
            )
        equal = score >= score[best] - TIE * error[best]
        point, number = np.unravel_index(np.where(equal, loss, np.inf).argmin(), loss.shape)
        rate, decay = points[int(point)]
        value = float(sign * score[point, number])
        choices.append(Choice(rate, decay, checkpoints[int(number)], value))
    return choices


def _on_development(
    trainer: Trainer,
    prepared: Prepared,
    target: Target,
    jobs: npt.NDArray[np.int64],
    metric: Metric,
    block: int,
) -> tuple[Floats, Floats, Floats]:
    """Score, its standard error, and loss, each ``(jobs, points)``."""
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
        statistics = metric.statistics(
            target.values[part], predicted[number, :, : len(part)], target.n_classes or None
        )
        score[number], error[number] = _with_error(metric, statistics)
    if not metric.higher_is_better:
        score = -score
    return np.where(np.isnan(score), -np.inf, score), error, loss.double().cpu().numpy()


def _with_error(metric: Metric, statistics: Floats) -> tuple[Floats, Floats]:
    """Scores and their jackknife errors from rows ``(points, n, k)``, each ``(points,)``."""
    total = statistics.sum(axis=1)
    without = metric.value(total[:, None] - statistics)  # each utterance left out in turn
    defined = ~np.isnan(without)
    n = np.maximum(defined.sum(axis=1), 1)
    mean = np.where(defined, without, 0.0).sum(axis=1) / n
    squares = np.where(defined, (without - mean[:, None]) ** 2, 0.0).sum(axis=1)
    return metric.value(total), np.sqrt(squares * (n - 1) / n)


def to_predictions(
    outputs: Tensor, target: Target, centre: Floats, spread: Floats
) -> npt.NDArray[np.int64] | Floats:
    """Class indices, or numbers in the label's unit, ``(jobs, points, n)``."""
    if target.kind == "classes":
        return outputs.argmax(3).cpu().numpy()
    numbers = outputs.squeeze(3).double().cpu().numpy()
    return numbers * spread[:, None, None] + centre[:, None, None]
