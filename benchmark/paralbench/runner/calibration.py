"""Calibration: the scores of probabilities, and the bins that a reliability diagram draws."""

from typing import Any

import numpy as np

from paralbench.metrics.base import Floats
from paralbench.metrics.calibration import N_BINS, bins


def bin_rows(sums: Floats) -> list[dict[str, Any]]:
    """Rows of the ``calibration`` table, pooled over the seeds.

    Args:
        sums: statistics of the calibration error, ``(bundles, seeds, k)``.
    """
    count, confidence, hits = bins(sums.sum(axis=(0, 1)))
    edges = np.linspace(0, 1, N_BINS + 1)
    return [
        {
            "bin": one,
            "low": float(edges[one]),
            "high": float(edges[one + 1]),
            "count": round(count[one]),
            "confidence": float(confidence[one] / count[one]) if count[one] else None,
            "accuracy": float(hits[one] / count[one]) if count[one] else None,
        }
        for one in range(N_BINS)
    ]
