"""What a metric is: a score that owns its direction, range, chance level and undefined cases."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from paralbench.errors import UndefinedMetricError

Values = Sequence[Any] | npt.NDArray[Any]
Floats = npt.NDArray[np.float64]


class Metric(ABC):
    """A score of predictions against the truth.

    A metric is computed from additive statistics: every utterance gives a row, the rows of any set
    of utterances are summed, and :meth:`value` turns sums into scores over any leading axes. So
    the scores of thousands of resamples of speakers cost one matrix product.

    Attributes:
        name: the id in cards, tables and commands.
        title: the noun phrase for headings.
        kind: what it scores: ``classes``, ``regression``, or ``probabilities`` of classes.
        higher_is_better: the direction.
        range: lowest and highest value, both included.
        averages_over_classes: whether classes that are absent from the truth leave the average, so
            that a resample without a class measures something else than the whole.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    kind: ClassVar[Literal["classes", "regression", "probabilities"]]
    higher_is_better: ClassVar[bool] = True
    range: ClassVar[tuple[float, float]]
    averages_over_classes: ClassVar[bool] = False

    def __repr__(self) -> str:
        return f"<metric {self.name}>"

    @abstractmethod
    def __call__(
        self, truth: Values, prediction: Values, classes: Sequence[Any] | None = None
    ) -> float:
        """The score.

        Args:
            truth: true values, ``(n,)``.
            prediction: predicted values, ``(n,)``.
            classes: the class names; by default those that occur. Regression has none.

        Returns:
            the score, within :attr:`range`.

        Raises:
            UndefinedMetricError: the score is not defined on this data; the message says why.
            ValueError: lengths differ, or a value is none of ``classes``.
        """

    @abstractmethod
    def chance(self, truth: Values | int) -> float | None:
        """The score of a prediction that does not listen.

        Args:
            truth: true values, ``(n,)``; or the number of classes, where that is enough.

        Returns:
            the score, or None where it depends on truth and only a number of classes is given.

        Raises:
            UndefinedMetricError: there is no truth, or some of it is missing.
        """

    @abstractmethod
    def statistics(
        self,
        truth: Values,
        prediction: Values,
        n_classes: int | None = None,
        *,
        offset: float | None = None,
    ) -> Floats:
        """Rows whose sums determine the score.

        Args:
            truth: true values, ``(n,)``; classes as their indices.
            prediction: predicted values, ``(..., n)``, such as ``(seeds, n)``.
            n_classes: number of classes; regression has none.
            offset: what regression subtracts from truth and prediction, so that sums of squares
                keep their digits. By default each has its own mean, which is the most exact; rows
                of several calls may be added only if all calls were given the same offset.

        Returns:
            rows ``(..., n, k)``.
        """

    @abstractmethod
    def value(self, sums: Floats) -> Floats:
        """Scores from summed rows ``(..., k)``, shape ``(...)``; NaN where undefined."""

    @abstractmethod
    def why_undefined(self, sums: Floats) -> str:
        """Why the score of summed rows ``(k,)`` is undefined, for people to read."""

    def comparable(self, sums: Floats, whole: Floats) -> npt.NDArray[np.bool_]:
        """Whether sums ``(..., k)`` measure what ``whole`` measures, shape ``(...)``.

        ``whole`` is ``(k,)``, or ``(seeds, k)`` beside sums ``(..., seeds, k)``.

        False where the score is undefined, and where a class has left an average over classes.
        """
        return ~np.isnan(self.value(sums))

    def _defined(self, sums: Floats) -> float:
        score = float(self.value(sums))
        if np.isnan(score):
            raise UndefinedMetricError(f"{self.name} is undefined: {self.why_undefined(sums)}.")
        return score


def check_lengths(truth: npt.NDArray[Any], prediction: npt.NDArray[Any]) -> None:
    """Check that there is one prediction per true value, and at least one.

    Raises:
        ValueError: truth is not ``(n,)`` or prediction not ``(..., n)``.
        UndefinedMetricError: n is 0.
    """
    if truth.ndim != 1 or prediction.ndim < 1 or prediction.shape[-1] != len(truth):
        raise ValueError(
            f"truth and prediction differ in length: shapes {truth.shape}, {prediction.shape}."
        )
    if not len(truth):
        raise UndefinedMetricError("no utterance to score.")
