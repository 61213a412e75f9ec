"""Second moments between layers, per dimension: what the deviation of a layer mix follows from.

For an utterance with frames ``x[l, t, d]`` and means ``m[l, d]`` the second moments ``C[k, l, d]``
are population covariances: the mean over t of ``(x[k, t, d] - m[k, d]) (x[l, t, d] - m[l, d])``.
The mix ``sum over l of w[l] x[l]`` has the mean ``sum of w[l] m[l]`` and the variance
``sum over k, l of w[k] w[l] C[k, l]``. They are symmetric, so only the pairs ``k <= l`` are kept
("packed"): ``layers * (layers + 1) / 2`` rows of ``dim``.
"""

from math import isqrt

import numpy as np


def pairs(layers: int) -> tuple[np.ndarray, np.ndarray]:
    """The layers ``(k, l)``, ``k <= l``, of each packed row: two arrays ``(pairs,)``, int64."""
    first, second = np.triu_indices(layers)
    return first, second


def unpack(packed: np.ndarray) -> np.ndarray:
    """The full moments ``(..., layers, layers, dim)`` of packed ones ``(..., pairs, dim)``."""
    layers = (isqrt(8 * packed.shape[-2] + 1) - 1) // 2
    first, second = pairs(layers)
    full = np.empty((*packed.shape[:-2], layers, layers, packed.shape[-1]), packed.dtype)
    full[..., first, second, :] = packed
    full[..., second, first, :] = packed
    return full


def mix_variance(weights: np.ndarray, packed: np.ndarray) -> np.ndarray:
    """The variance over frames ``(..., dim)`` of a layer mix.

    Where a mix cancels (weights of both signs on layers that move together), the moments' own
    rounding in float32 is what is left; it is never returned below zero.

    Args:
        weights: ``(layers,)``; they need not sum to one.
        packed: second moments ``(..., pairs, dim)``.
    """
    weights = np.asarray(weights, dtype=np.float64)
    first, second = pairs(len(weights))
    products = weights[first] * weights[second] * np.where(first == second, 1.0, 2.0)
    return np.maximum(np.einsum("p,...pd->...d", products, packed), 0.0)
