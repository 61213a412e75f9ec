"""Scores on development utterances, and which of the candidates they choose."""

import numpy as np
import numpy.typing as npt

from paralbench.errors import ProbeError
from paralbench.metrics import Metric
from paralbench.probes.inputs import Index
from paralbench.probes.target import Target

Floats = npt.NDArray[np.float64]

# Scores of one development part that differ by less than this many standard errors count as equal.
# Chosen on simulated corpora and BAVED; see `best`.
TIE = 2.0


def scores(
    metric: Metric,
    target: Target,
    development: Index,
    prediction: npt.NDArray[np.int64] | npt.NDArray[np.float64],
) -> tuple[Floats, Floats]:
    """Score and standard error of several predictions ``(points, n)`` of the same utterances.

    Returns:
        two arrays ``(points,)``: the score, higher is better (an error is negated), minus infinity
        where it is undefined; and its standard error, by the jackknife over utterances.
    """
    truth = target.values[development]
    score, error = with_error(
        metric, metric.statistics(truth, prediction, target.n_classes or None)
    )
    if not metric.higher_is_better:
        score = -score
    return np.where(np.isnan(score), -np.inf, score), error


def with_error(metric: Metric, statistics: Floats) -> tuple[Floats, Floats]:
    """Scores and their jackknife errors from rows ``(points, n, k)``, each ``(points,)``."""
    total = statistics.sum(axis=1)
    without = metric.value(total[:, None] - statistics)  # each utterance left out in turn
    defined = ~np.isnan(without)
    n = np.maximum(defined.sum(axis=1), 1)
    mean = np.where(defined, without, 0.0).sum(axis=1) / n
    squares = np.where(defined, (without - mean[:, None]) ** 2, 0.0).sum(axis=1)
    return metric.value(total), np.sqrt(squares * (n - 1) / n)


def best(
    score: Floats, error: Floats, loss: Floats, metric: Metric, tie: float = TIE
) -> tuple[int, ...]:
    """The candidate with the best score; of scores that are equal to it, the lowest loss.

    A development part is small: of a hundred candidates the one with the highest score is mostly
    the luckiest. So scores that the part cannot tell from the highest count as equal to it. The
    larger the part, the more the score alone decides.

    Args:
        score: of each candidate, higher is better, minus infinity where undefined; any shape.
        error: its standard error, the same shape.
        loss: its loss, the same shape.
        metric: the metric of the scores, for the message.
        tie: standard errors of the best score within which another is equal to it.

    Returns:
        the candidate's position, one index for each axis.

    Raises:
        ProbeError: the metric is undefined for all candidates.
    """
    top = np.unravel_index(score.argmax(), score.shape)
    if not np.isfinite(score[top]):
        raise ProbeError(
            f"{metric.name} is undefined on development utterances; choose another metric, or "
            "declare `selection: fixed` on the task card."
        )
    equal = score >= score[top] - tie * error[top]
    chosen = np.unravel_index(np.where(equal, loss, np.inf).argmin(), loss.shape)
    return tuple(int(one) for one in chosen)
