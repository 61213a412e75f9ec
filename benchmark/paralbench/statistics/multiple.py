"""Correction of p-values for the number of comparisons."""

from collections.abc import Sequence

import numpy as np

from paralbench.metrics.base import Floats


def holm(p_values: Sequence[float] | Floats) -> Floats:
    r"""p-values that may be held against one level however many there are.

    The i-th smallest of m is multiplied by m - i + 1, and none is left below a smaller one's: the
    chance of any false alarm stays below the level, whatever the comparisons share.

    Source: Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of
    Statistics 6 (1979).

    Args:
        p_values: of the comparisons, ``(m,)``.

    Returns:
        the corrected ones in the same order, at most 1.

    Examples:
        >>> holm([0.01, 0.04, 0.03]).round(4).tolist()
        [0.03, 0.06, 0.06]
    """
    given = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(given, kind="stable")
    factors = len(given) - np.arange(len(given))
    corrected = np.empty_like(given)
    corrected[order] = np.minimum(np.maximum.accumulate(given[order] * factors), 1.0)
    return corrected
