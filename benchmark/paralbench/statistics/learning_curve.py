"""How a score grows with the training data: an inverse power law."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from paralbench.metrics.base import Floats

FEWEST_POINTS = 3
FEWEST_FOR_EXPONENT = 4  # three points determine three numbers, whatever they are
FIXED_EXPONENT = 0.5  # how a standard error falls

_EXPONENTS = (0.02, 3.0)  # lowest and highest
_STARTS = (0.1, 0.25, 0.5, 1.0, 2.0)


@dataclass(frozen=True)
class LearningCurve:
    r"""A fitted curve :math:`a \mp b\, n^{-c}` of n training utterances.

    Attributes:
        form: ``a - b n^-c``, or with plus for errors; ``0.5`` in the place of c where three points
            leave it unfitted.
        a: the score that it tends to.
        b: its factor, above 0.
        c: its exponent.
        rmse: root mean squared residual of the points.
    """

    form: str
    a: float
    b: float
    c: float
    rmse: float

    def __call__(self, n: npt.ArrayLike) -> Floats:
        """The score at n training utterances, any shape."""
        sign = -1 if self.form.startswith("a -") else 1
        return self.a + sign * self.b * np.asarray(n, dtype=np.float64) ** -self.c


def fit_learning_curve(
    n: npt.ArrayLike,
    score: npt.ArrayLike,
    *,
    higher_is_better: bool,
    limits: tuple[float, float],
) -> LearningCurve | str:
    r"""Fit a curve by least squares.

    Source: Cortes et al., Learning curves: asymptotic values and rate of convergence, NIPS 1993;
    Figueroa et al., Predicting sample size required for classification performance, BMC Medical
    Informatics and Decision Making 12:8 (2012).

    Args:
        n: training utterances of each point, above 0.
        score: the scores.
        higher_is_better: the metric's direction.
        limits: the metric's range, which a is kept in.

    Returns:
        the curve, or why there is none: fewer than three points differ in n, or the score does not
        get better with n.

    Raises:
        ValueError: lengths differ, or a number is not finite.
    """
    x, y = np.asarray(n, dtype=np.float64), np.asarray(score, dtype=np.float64)
    if x.shape != y.shape or x.ndim != 1:
        raise ValueError(f"n and score differ in length: {x.shape}, {y.shape}.")
    if not (np.isfinite(x).all() and np.isfinite(y).all() and (x > 0).all()):
        raise ValueError("n must be above 0, and n and score finite.")
    points = len(np.unique(x))
    if points < FEWEST_POINTS:
        return f"points at {FEWEST_POINTS} sizes of the training part are needed, not {points}"
    sign = -1.0 if higher_is_better else 1.0
    largest = x.max()
    relative = x / largest  # so that b is the distance from the limit with all the data
    if points < FEWEST_FOR_EXPONENT:
        exponents, form = [FIXED_EXPONENT], "0.5"
    else:
        exponents, form = _STARTS, "c"
    fits = [_fit(relative, sign, y, c, limits, free=form == "c") for c in exponents]
    a, b, c = min(fits, key=lambda fit: _squares(fit, relative, sign, y))
    if b <= 1e-9 * max(1.0, float(np.abs(y).max())):
        return "the score does not get better with more training data"
    rmse = float(np.sqrt(_squares((a, b, c), relative, sign, y) / len(y)))
    return LearningCurve(
        f"a {'-' if sign < 0 else '+'} b n^-{form}", a, b * float(largest) ** c, c, rmse
    )


def _fit(
    n: Floats, sign: float, score: Floats, c: float, limits: tuple[float, float], *, free: bool
) -> tuple[float, float, float]:
    """The best a, b and c from a start of c; exact where c is not free."""
    # Imported here because scipy's optimisers are slow to load.
    from scipy.optimize import least_squares, lsq_linear

    columns = np.stack([np.ones_like(n), sign * n**-c], axis=-1)
    start = lsq_linear(columns, score, bounds=([limits[0], 0.0], [limits[1], np.inf])).x
    a, b = (float(one) for one in np.clip(start, [limits[0], 0.0], [limits[1], np.inf]))
    if not free:
        return a, b, c
    found = least_squares(
        lambda p: p[0] + sign * p[1] * n ** -p[2] - score,
        [a, b, c],
        bounds=([limits[0], 0.0, _EXPONENTS[0]], [limits[1], np.inf, _EXPONENTS[1]]),
        ftol=1e-12,
        xtol=1e-12,
        gtol=1e-12,
    )
    return float(found.x[0]), float(found.x[1]), float(found.x[2])


def _squares(fit: tuple[float, float, float], n: Floats, sign: float, score: Floats) -> float:
    a, b, c = fit
    return float(((a + sign * b * n**-c - score) ** 2).sum())
