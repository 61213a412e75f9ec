"""How good the probabilities of classes are: the Brier score and the calibration error.

They score what a probe gives beside its answer. No task chooses them as its metric: they are rows
beside it, wherever a probe gives probabilities.
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from paralbench.errors import UndefinedMetricError
from paralbench.metrics.base import Floats, Metric, Values, check_lengths
from paralbench.metrics.counting import ratio

N_BINS = 15
_SUM_TOLERANCE = 1e-3  # of an utterance's probabilities around 1; they may be single precision


class ProbabilityMetric(Metric):
    """A metric of probabilities; where other metrics take ``(..., n)`` it takes ``(..., n, K)``."""

    kind = "probabilities"
    higher_is_better = False

    def __call__(
        self, truth: Values, prediction: Values, classes: Sequence[Any] | None = None
    ) -> float:
        """The score.

        Args:
            truth: indices of the true classes, ``(n,)``.
            prediction: probabilities of the K classes, ``(n, K)``.
            classes: not looked at; the classes are the columns.

        Raises:
            UndefinedMetricError: there is no utterance, or a probability is missing.
            ValueError: shapes differ, an index has no column, or the numbers are no probabilities.
        """
        return self._defined(self.statistics(truth, prediction).sum(axis=-2))

    def statistics(
        self,
        truth: Values,
        prediction: Values,
        n_classes: int | None = None,
        *,
        offset: float | None = None,
    ) -> Floats:
        """Rows ``(..., n, k)`` that sum, from truth ``(n,)`` and probabilities ``(..., n, K)``.

        Raises:
            UndefinedMetricError: there is no utterance, or a probability is missing.
            ValueError: shapes differ, an index has no column, or the numbers are no probabilities.
        """
        true, probability = np.asarray(truth), np.asarray(prediction, dtype=np.float64)
        if probability.ndim < 2:
            raise ValueError(f"probabilities must be (..., n, classes), not {probability.shape}.")
        check_lengths(true, probability[..., 0])
        _check(true, probability)
        return self._rows(true, probability)

    def chance(self, truth: Values | int) -> float | None:
        """The score of a prediction that knows nothing; see :meth:`Metric.chance`."""
        return None

    def why_undefined(self, sums: Floats) -> str:
        """Why the score is undefined, for people to read."""
        return "there is no utterance to score"

    @abstractmethod
    def _rows(self, truth: npt.NDArray[np.int64], probability: Floats) -> Floats: ...


def _check(truth: npt.NDArray[Any], probability: Floats) -> None:
    size = probability.shape[-1]
    if not np.issubdtype(truth.dtype, np.integer) or truth.min() < 0 or truth.max() >= size:
        raise ValueError(f"class indices must be integers from 0 to {size - 1}, a column each.")
    missing = int(np.isnan(probability).any(axis=-1).sum())
    if missing:
        raise UndefinedMetricError(f"the probabilities of {missing} predictions are missing.")
    off = np.abs(probability.sum(axis=-1) - 1).max()
    if off > _SUM_TOLERANCE or probability.min() < 0:
        raise ValueError(
            "probabilities must be 0 or more and add up to 1 over the classes; the lowest is "
            f"{probability.min():g}, and sums are up to {off:g} off."
        )


class BrierScore(ProbabilityMetric):
    r"""Brier score: the squared distance of the probabilities from the truth.

    .. math::

        \frac{1}{n} \sum_{i=1}^{n} \sum_{k=1}^{K} (p_{ik} - [t_i = k])^2

    Lower is better. The sum is over all classes, as Brier has it, so that two classes score twice
    what is also called the Brier score of the positive one. Chance is the score of the classes'
    shares :math:`s_k` as probabilities of every utterance, the best constant:
    :math:`1 - \sum_k s_k^2`.

    Source: Brier, Verification of forecasts expressed in terms of probability, Monthly Weather
    Review 78 (1950).

    Range: 0 to 2. Raises: UndefinedMetricError if there is no utterance or a probability is
    missing.

    Examples:
        >>> BrierScore()([0, 1], [[1.0, 0.0], [0.5, 0.5]])
        0.25
        >>> BrierScore().chance([0, 1])
        0.5
    """

    name = "brier"
    title = "Brier score"
    range = (0.0, 2.0)

    def chance(self, truth: Values | int) -> float | None:
        """The score of the classes' shares, the best constant; see :meth:`Metric.chance`."""
        if isinstance(truth, int | np.integer):
            return None
        true = np.asarray(truth)
        check_lengths(true, true)
        share = np.unique(true, return_counts=True)[1] / len(true)
        return float(1 - (share**2).sum())

    def value(self, sums: Floats) -> Floats:
        """Scores from summed rows; NaN where there is no utterance."""
        return ratio(sums[..., 1], sums[..., 0])

    def _rows(self, truth: npt.NDArray[np.int64], probability: Floats) -> Floats:
        distance = ((probability - np.eye(probability.shape[-1])[truth]) ** 2).sum(axis=-1)
        return np.stack([np.ones_like(distance), distance], axis=-1)


class CalibrationError(ProbabilityMetric):
    r"""Expected calibration error (ECE): how far probabilities are from shares of right answers.

    .. math::

        \text{ECE} = \sum_{b=1}^{15} \frac{n_b}{n}
            \left| \text{accuracy}_b - \text{confidence}_b \right|

    over 15 bins of equal width, :math:`((b - 1) / 15, b / 15]`, of the probability of the predicted
    class, which is the most probable one. Lower is better. It grows as utterances get fewer, even
    where the probabilities are right, so compare it on the same utterances.

    Source: Guo et al., On calibration of modern neural networks, ICML 2017.

    Range: 0 to 1. Raises: UndefinedMetricError if there is no utterance or a probability is
    missing.

    Examples:
        >>> round(CalibrationError()([0, 1], [[0.9, 0.1], [0.9, 0.1]]), 4)
        0.4
    """

    name = "ece"
    title = "expected calibration error"
    range = (0.0, 1.0)

    def value(self, sums: Floats) -> Floats:
        """Scores from summed rows; NaN where there is no utterance."""
        count, confidence, hits = bins(sums)
        return ratio(np.abs(hits - confidence).sum(axis=-1), count.sum(axis=-1))

    def _rows(self, truth: npt.NDArray[np.int64], probability: Floats) -> Floats:
        confidence = probability.max(axis=-1)
        hits = probability.argmax(axis=-1) == truth
        inner = np.linspace(0, 1, N_BINS + 1)[1:-1]
        of = np.searchsorted(inner, confidence, side="left")  # a bin holds its upper edge
        inside = np.eye(N_BINS)[of]
        columns = [inside, inside * confidence[..., None], inside * hits[..., None]]
        return np.concatenate(columns, axis=-1)


def bins(sums: Floats) -> tuple[Floats, Floats, Floats]:
    """From rows of :class:`CalibrationError`: count, summed confidence, hits, ``(..., 15)``."""
    return sums[..., :N_BINS], sums[..., N_BINS : 2 * N_BINS], sums[..., 2 * N_BINS :]
