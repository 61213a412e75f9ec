"""What the metrics of classes share: class indices, and counts as additive statistics."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from paralbench.errors import UndefinedMetricError
from paralbench.metrics.base import Floats, Metric, Values, check_lengths


def encode(values: Values, classes: Sequence[Any], what: str = "values") -> npt.NDArray[np.int64]:
    """Class names as indices into ``classes``, in any shape.

    Raises:
        UndefinedMetricError: a value is missing.
        ValueError: a value is none of ``classes``.
    """
    array = np.asarray(values, dtype=object)
    missing = sum(_missing(value) for value in array.flat)
    if missing:
        raise UndefinedMetricError(f"{missing} of {array.size} {what} are missing.")
    index = {name: position for position, name in enumerate(classes)}
    unknown = sorted({str(value) for value in array.flat if value not in index})
    if unknown:
        raise ValueError(
            f"{what}: {', '.join(unknown)} not among the classes {', '.join(map(str, classes))}."
        )
    return np.array([index[value] for value in array.flat], dtype=np.int64).reshape(array.shape)


def found_classes(*values: Values) -> list[Any]:
    """The distinct values, sorted; missing ones left out."""
    found = {one for some in values for one in np.asarray(some, dtype=object).flat}
    return sorted(value for value in found if not _missing(value))


def _missing(value: object) -> bool:
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float | np.floating) and bool(value != value)


class ClassMetric(Metric):
    """A metric of classes, from three counts per class.

    A row is ``[is truth 1..K | is prediction 1..K | is hit 1..K]``: the margins and the diagonal of
    the confusion matrix, 3 K numbers where the whole matrix has K squared.
    """

    kind = "classes"
    range = (0.0, 1.0)

    def __call__(
        self, truth: Values, prediction: Values, classes: Sequence[Any] | None = None
    ) -> float:
        """The score; see :meth:`Metric.__call__`."""
        check_lengths(np.asarray(truth, dtype=object), np.asarray(prediction, dtype=object))
        if classes is None:
            classes = found_classes(truth, prediction)
        true = encode(truth, classes, "true labels")
        predicted = encode(prediction, classes, "predicted labels")
        return self._defined(self.statistics(true, predicted, len(classes)).sum(axis=-2))

    def chance(self, truth: Values | int) -> float | None:
        """The score of the best prediction that ignores the audio; see :meth:`Metric.chance`."""
        if isinstance(truth, int | np.integer):
            return self._chance_among(int(truth))
        true = np.asarray(truth)
        check_lengths(true, true)
        if np.issubdtype(true.dtype, np.integer):
            counts = np.unique(true, return_counts=True)[1]
        else:
            classes = found_classes(true)
            counts = np.bincount(encode(true, classes, "true labels"), minlength=len(classes))
        return self._chance_given(counts / counts.sum())

    def statistics(
        self,
        truth: Values,
        prediction: Values,
        n_classes: int | None = None,
        *,
        offset: float | None = None,
    ) -> Floats:
        """Rows ``(..., n, 3 * n_classes)`` that sum; see :meth:`Metric.statistics`.

        Raises:
            ValueError: a class index is below 0 or not below ``n_classes``.
        """
        true, predicted = np.asarray(truth), np.asarray(prediction)
        check_lengths(true, predicted)
        low = min(true.min(), predicted.min())
        high = max(true.max(), predicted.max())
        size = int(high) + 1 if n_classes is None else n_classes
        if (
            not np.issubdtype(np.result_type(true, predicted), np.integer)
            or low < 0
            or high >= size
        ):
            raise ValueError(
                f"class indices must be integers from 0 to {size - 1}; got {low!r} to {high!r}."
            )
        is_truth = np.eye(size)[true]
        is_prediction = np.eye(size)[predicted]
        rows = [
            np.broadcast_to(is_truth, is_prediction.shape),
            is_prediction,
            is_truth * is_prediction,
        ]
        return np.concatenate(rows, axis=-1)

    def comparable(self, sums: Floats, whole: Floats) -> npt.NDArray[np.bool_]:
        """Whether sums measure what ``whole`` measures; see :meth:`Metric.comparable`."""
        same = super().comparable(sums, whole)
        if self.averages_over_classes:
            same &= ((counts(sums)[0] > 0) == (counts(whole)[0] > 0)).all(axis=-1)
        return same

    def why_undefined(self, sums: Floats) -> str:
        """Why the score is undefined, for people to read."""
        return "there is no utterance to score"

    def _chance_among(self, n_classes: int) -> float | None:
        return None

    @abstractmethod
    def _chance_given(self, share: Floats) -> float | None:
        """Chance from the shares ``(n_classes,)`` of the classes that occur."""


def counts(sums: Floats) -> tuple[Floats, Floats, Floats]:
    """Utterances of each class, predictions of it, and hits, each ``(..., K)``."""
    size = sums.shape[-1] // 3
    return sums[..., :size], sums[..., size : 2 * size], sums[..., 2 * size :]


def ratio(numerator: Floats, denominator: Floats, otherwise: float = np.nan) -> Floats:
    """The quotient, and ``otherwise`` where the denominator is 0."""
    shape = np.broadcast_shapes(np.shape(numerator), np.shape(denominator))
    quotient = np.full(shape, otherwise)
    return np.divide(numerator, denominator, out=quotient, where=denominator > 0)
