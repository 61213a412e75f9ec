"""How much of a low concordance is a shift of scale, which Pearson's correlation does not see."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ScaleShift:
    """Lin's decomposition of predictions, each array ``(...)``; NaN where undefined.

    Attributes:
        ccc: concordance correlation coefficient.
        pearson: Pearson's correlation coefficient.
        bias_correction: their ratio C_b, 1 where nothing is shifted.
        scale: deviation of the predictions over that of the truth.
        location: mean of the predictions minus that of the truth, over the geometric mean of the
            deviations.
    """

    ccc: Floats
    pearson: Floats
    bias_correction: Floats
    scale: Floats
    location: Floats


def scale_shift(truth: Floats, prediction: Floats) -> ScaleShift:
    r"""Take CCC apart into correlation and bias.

    .. math::

        \rho_c = \rho \, C_b, \qquad C_b = \frac{2}{v + 1/v + u^2}, \qquad
        v = \frac{\sigma_p}{\sigma_t}, \qquad u = \frac{\mu_p - \mu_t}{\sqrt{\sigma_p \sigma_t}}

    Source: Lin, A concordance correlation coefficient to evaluate reproducibility, Biometrics 45
    (1989).

    Args:
        truth: ``(n,)``.
        prediction: ``(..., n)``.
    """
    t, p = truth.astype(np.float64), prediction.astype(np.float64)
    t_spread, p_spread = _deviation(t), _deviation(p)
    centred = t - t.mean()
    covariance = (p * centred).mean(axis=-1)
    both = t_spread * p_spread
    varies = both > 0

    def ratio(numerator: Floats, denominator: Floats) -> Floats:
        out = np.full(np.shape(numerator), np.nan)
        return np.divide(numerator, denominator, out=out, where=varies)

    scale = ratio(p_spread, np.broadcast_to(t_spread, p_spread.shape))
    location = ratio(p.mean(axis=-1) - t.mean(), np.sqrt(both))
    pearson = np.clip(ratio(covariance, both), -1.0, 1.0)
    bias = 2 / (scale + 1 / scale + location**2)
    constant = np.where(t_spread > 0, 0.0, np.nan)  # a constant prediction agrees with nothing
    return ScaleShift(np.where(varies, pearson * bias, constant), pearson, bias, scale, location)


def _deviation(values: Floats) -> Floats:
    """Standard deviation over the last axis; 0 where rounding is all that varies."""
    found = values.std(axis=-1)
    return np.where(found > 1e-6 * np.abs(values).max(axis=-1), found, 0.0)
