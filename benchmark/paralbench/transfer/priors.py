"""What the classes' priors do to a score: reweighted recalls, and EM on unlabelled test data.

Where only the priors of the classes differ between training and test (label shift), the recalls of
a fixed classifier stay, and so does their mean, UAR; accuracy does not.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_SMALLEST = 1e-45  # what single precision rounds to 0 is not impossible
_TEMPERATURES = (0.05, 20.0)


@dataclass(frozen=True)
class Corrected:
    """What EM found.

    Attributes:
        prior: of the classes in the test data, ``(..., K)``.
        probability: of the classes, corrected, ``(..., n, K)``.
        steps: how many were taken.
    """

    prior: Floats
    probability: Floats
    steps: int


def em_priors(
    probability: Floats, prior: Floats, *, tolerance: float = 1e-7, most: int = 10_000
) -> Corrected:
    r"""Estimate the priors of test data from a classifier's probabilities, without labels.

    .. math::

        p_{ik} \propto \frac{\pi_k}{\pi^0_k} p^0_{ik}, \qquad
        \pi_k = \frac{1}{n} \sum_i p_{ik}

    in turn, from :math:`\pi = \pi^0`: the EM algorithm of the priors' likelihood. It trusts the
    probabilities, so these should be calibrated, and reads test data, which makes it transductive.

    Source: Saerens, Latinne and Decaestecker, Adjusting the outputs of a classifier to new a priori
    probabilities, Neural Computation 14 (2002).

    Args:
        probability: of the classes, ``(..., n, K)``; each leading one is estimated by itself.
        prior: the priors that the probabilities assume, ``(K,)``: those of the training data, or
            equal ones where the loss was balanced.
        tolerance: no prior changes by more than this in the last step.
        most: steps.

    Raises:
        ValueError: a prior is 0, or shapes differ.
    """
    given = np.maximum(probability, _SMALLEST)
    if prior.shape != given.shape[-1:] or (prior <= 0).any():
        raise ValueError(f"prior: {prior} must be above 0 for each of {given.shape[-1]} classes.")
    assumed = prior / prior.sum()
    likelihood = given / assumed
    # The product of both lines of the formula, for which no probability has to be written down.
    across = np.ascontiguousarray(np.swapaxes(likelihood, -1, -2)) / likelihood.shape[-2]
    found = np.broadcast_to(assumed, (*given.shape[:-2], len(assumed))).copy()
    steps = 0
    while steps < most:
        steps += 1
        total = likelihood @ found[..., None]
        new = found * (across @ (1.0 / total))[..., 0]
        moved = np.abs(new - found).max(initial=0.0)
        found = new
        if moved <= tolerance:
            break
    joint = likelihood * found[..., None, :]
    return Corrected(found, joint / joint.sum(axis=-1, keepdims=True), steps)


def temperature(probability: Floats, truth: npt.NDArray[np.int64]) -> float:
    r"""The temperature T that makes probabilities fit held-out labels best, :math:`p^{1/T}`.

    Best is the mean negative log-likelihood with each class having the same say, as in a balanced
    loss. Above 1 the probabilities were too sure.

    Source: Guo, Pleiss, Sun and Weinberger, On calibration of modern neural networks, ICML (2017).

    Args:
        probability: of the classes, ``(n, K)``, of utterances that were not trained on.
        truth: class indices ``(n,)``.

    Returns:
        a number from 0.05 to 20.
    """
    from scipy.optimize import minimize_scalar

    log = np.log(np.maximum(probability, _SMALLEST))
    counts = np.bincount(truth, minlength=log.shape[-1])
    weight = 1.0 / counts[truth]
    rows = np.arange(len(truth))

    def loss(log_temperature: float) -> float:
        scaled = log / np.exp(log_temperature)
        top = scaled.max(axis=-1, keepdims=True)
        total = top[:, 0] + np.log(np.exp(scaled - top).sum(axis=-1))
        return float(weight @ (total - scaled[rows, truth]))

    bounds = tuple(np.log(_TEMPERATURES))
    found = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-6})
    return float(np.exp(found.x))  # type: ignore[attr-defined]


def at_temperature(probability: Floats, value: npt.ArrayLike) -> Floats:
    """Probabilities ``(..., K)`` at a temperature that broadcasts to ``(...)``."""
    log = np.log(np.maximum(probability, _SMALLEST))
    scaled = log / np.asarray(value, dtype=np.float64)[..., None]
    raised = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    return raised / raised.sum(axis=-1, keepdims=True)


def recalls(
    truth: npt.NDArray[np.int64], prediction: npt.NDArray[np.int64], n_classes: int
) -> Floats:
    """Recall of each class, ``(..., K)``, of predictions ``(..., n)``; NaN where there is none."""
    hits = (prediction == truth).astype(np.float64)
    counts = np.bincount(truth, minlength=n_classes)
    found = hits @ np.eye(n_classes)[truth]
    return np.divide(found, counts, out=np.full(found.shape, np.nan), where=counts > 0)


def reweighted(recall: Floats, prior: Floats) -> Floats:
    """The accuracy that recalls ``(..., K)`` give under priors ``(K,)``."""
    return recall @ prior
