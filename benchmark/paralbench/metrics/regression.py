"""Metrics of numbers: CCC, Pearson's correlation, mean absolute error."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np

from paralbench.errors import UndefinedMetricError
from paralbench.metrics.base import Floats, Metric, Values, check_lengths
from paralbench.metrics.counting import ratio

# A variance below this share of the mean square is rounding: the values are constant.
_ROUNDING = 1e-12


class NumberMetric(Metric):
    """A metric of numbers, from sums over utterances."""

    kind = "regression"

    def __call__(
        self, truth: Values, prediction: Values, classes: Sequence[Any] | None = None
    ) -> float:
        """The score; see :meth:`Metric.__call__`."""
        return self._defined(self.statistics(truth, prediction).sum(axis=-2))

    def statistics(
        self,
        truth: Values,
        prediction: Values,
        n_classes: int | None = None,
        *,
        offset: float | None = None,
    ) -> Floats:
        """Rows ``(..., n, k)`` that sum; see :meth:`Metric.statistics`.

        Raises:
            UndefinedMetricError: a value is missing or not finite.
        """
        true, predicted = _finite(truth, "truth"), _finite(prediction, "prediction")
        check_lengths(true, predicted)
        return self._rows(np.broadcast_to(true, predicted.shape), predicted, offset)

    @abstractmethod
    def _rows(self, truth: Floats, prediction: Floats, offset: float | None) -> Floats: ...


class _Moments(NumberMetric):
    """From n, sums, sums of squares and of products, and the sum of differences."""

    range = (-1.0, 1.0)

    def chance(self, truth: Values | int) -> float:
        """0: what a prediction that is independent of the truth expects."""
        return 0.0

    def _rows(self, truth: Floats, prediction: Floats, offset: float | None) -> Floats:
        # Variances and covariance do not change with the offsets; the difference of the means
        # does, so it has a column of its own.
        t = truth - (truth.mean(axis=-1, keepdims=True) if offset is None else offset)
        p = prediction - (prediction.mean(axis=-1, keepdims=True) if offset is None else offset)
        columns = [np.ones_like(t), t, p, t * t, p * p, t * p, truth - prediction]
        return np.stack(columns, axis=-1)


def _moments(sums: Floats) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Number, variance of truth, of prediction, covariance, difference of the means."""
    n, t, p, tt, pp, tp, d = np.moveaxis(sums, -1, 0)
    true = _variance(n, t, tt)
    predicted = _variance(n, p, pp)
    product = ratio(t * p, n * n)
    covariance = np.where((true > 0) & (predicted > 0), ratio(tp, n) - product, 0.0)
    return n, true, predicted, covariance, ratio(d, n)


def _variance(n: Floats, total: Floats, squares: Floats) -> Floats:
    mean_square = ratio(squares, n)
    variance = mean_square - ratio(total, n) ** 2
    return np.where(variance > _ROUNDING * mean_square, variance, 0.0)


def _finite(values: Values, what: str) -> Floats:
    array = np.asarray(values)
    if array.dtype == object:
        array = np.array([np.nan if _absent(one) else one for one in array.flat]).reshape(
            array.shape
        )
    numbers = array.astype(np.float64)
    bad = int((~np.isfinite(numbers)).sum())
    if bad:
        raise UndefinedMetricError(
            f"{bad} of {numbers.size} values of the {what} are missing or not finite."
        )
    return numbers


def _absent(value: object) -> bool:
    return value is None or type(value).__name__ == "NAType"


class ConcordanceCorrelation(_Moments):
    r"""Concordance correlation coefficient (CCC).

    .. math::

        \rho_c = \frac{2\,\sigma_{tp}}{\sigma_t^2 + \sigma_p^2 + (\mu_t - \mu_p)^2}

    with the population covariance of truth t and prediction p, their variances and means. Unlike
    Pearson's coefficient it falls when predictions are shifted or scaled. A constant prediction
    scores 0. Chance is 0.

    Source: Lin, A concordance correlation coefficient to evaluate reproducibility, Biometrics 45
    (1989).

    Range: -1 to 1. Raises: UndefinedMetricError if there are fewer than two utterances, or if truth
    and prediction are one and the same constant (0 / 0).

    Examples:
        >>> round(ConcordanceCorrelation()([0, 1, 2], [0, 1, 1]), 4)
        0.6667
        >>> ConcordanceCorrelation()([0, 1, 2], [1, 1, 1])
        0.0
    """

    name = "ccc"
    title = "concordance correlation coefficient"

    def value(self, sums: Floats) -> Floats:
        """Scores from summed rows; NaN where undefined."""
        n, true, predicted, covariance, difference = _moments(sums)
        spread = true + predicted + difference**2
        return np.clip(ratio(2 * covariance, np.where(n < 2, 0.0, spread)), -1.0, 1.0)

    def why_undefined(self, sums: Floats) -> str:
        """Why the score is undefined, for people to read."""
        if sums[0] < 2:
            return "it needs at least 2 utterances"
        return "truth and prediction are one and the same constant"


class PearsonCorrelation(_Moments):
    r"""Pearson's correlation coefficient.

    .. math::

        \rho = \frac{\sigma_{tp}}{\sigma_t \sigma_p}

    It is blind to the shift and scale of predictions; read it beside CCC. Chance is 0.

    Source: Pearson, Note on regression and inheritance in the case of two parents, Proceedings of
    the Royal Society 58 (1895).

    Range: -1 to 1. Raises: UndefinedMetricError if there are fewer than two utterances, or truth
    or prediction is constant.

    Examples:
        >>> round(PearsonCorrelation()([0, 1, 2], [0, 1, 1]), 4)
        0.866
        >>> PearsonCorrelation()([0, 1, 2], [1, 1, 1])
        Traceback (most recent call last):
            ...
        paralbench.errors.UndefinedMetricError: pearson is undefined: the prediction is constant.
    """

    name = "pearson"
    title = "Pearson's correlation coefficient"

    def value(self, sums: Floats) -> Floats:
        """Scores from summed rows; NaN where undefined."""
        n, true, predicted, covariance, _ = _moments(sums)
        # The product of roots, because a product of tiny variances vanishes.
        spread = np.sqrt(true) * np.sqrt(predicted)
        return np.clip(ratio(covariance, np.where(n < 2, 0.0, spread)), -1.0, 1.0)

    def why_undefined(self, sums: Floats) -> str:
        """Why the score is undefined, for people to read."""
        if sums[0] < 2:
            return "it needs at least 2 utterances"
        _, true, predicted, _, _ = _moments(sums)
        constant = [name for name, one in (("truth", true), ("prediction", predicted)) if one == 0]
        return f"the {' and the '.join(constant)} {'is' if len(constant) == 1 else 'are'} constant"


class MeanAbsoluteError(NumberMetric):
    r"""Mean absolute error, in the unit of the label.

    .. math::

        \text{MAE} = \frac{1}{n} \sum_{i=1}^{n} |t_i - p_i|

    Lower is better. Chance is the error of the best constant, the median of the truth.

    Source: Willmott and Matsuura, Advantages of the mean absolute error over the root mean square
    error, Climate Research 30 (2005).

    Range: 0 to infinity. Raises: UndefinedMetricError if there is no utterance.

    Examples:
        >>> MeanAbsoluteError()([0, 1, 2, 5], [0, 1, 1, 2])
        1.0
        >>> MeanAbsoluteError().chance([0, 1, 2, 5])
        1.5
    """

    name = "mae"
    title = "mean absolute error"
    higher_is_better = False
    range = (0.0, float("inf"))

    def chance(self, truth: Values | int) -> float | None:
        """The error of the median of the truth, the best constant; see :meth:`Metric.chance`."""
        if isinstance(truth, int | np.integer):
            return None
        true = _finite(truth, "truth")
        check_lengths(true, true)
        return float(np.abs(true - np.median(true)).mean())

    def value(self, sums: Floats) -> Floats:
        """Scores from summed rows; NaN where there is no utterance."""
        return ratio(sums[..., 1], sums[..., 0])

    def why_undefined(self, sums: Floats) -> str:
        """Why the score is undefined, for people to read."""
        return "there is no utterance to score"

    def _rows(self, truth: Floats, prediction: Floats, offset: float | None) -> Floats:
        return np.stack([np.ones_like(prediction), np.abs(truth - prediction)], axis=-1)
