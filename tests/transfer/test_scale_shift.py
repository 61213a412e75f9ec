"""Lin's decomposition: by hand, and as a product of the metrics that the tables hold."""

import numpy as np
import pytest

from paralbench.metrics import METRICS
from paralbench.transfer.scale_shift import scale_shift


def test_a_shift_by_hand():
    """Twice the spread and one deviation off: v = 2, u = 1 / sqrt(2), C_b = 2 / (2 + .5 + .5)."""
    truth = np.array([-1.0, 1.0, -1.0, 1.0])  # mean 0, deviation 1
    found = scale_shift(truth, 2 * truth + 1)
    assert found.scale == pytest.approx(2)
    assert found.location == pytest.approx(1 / np.sqrt(2))
    assert found.pearson == pytest.approx(1)
    assert found.bias_correction == pytest.approx(2 / 3)
    assert found.ccc == pytest.approx(2 / 3)


def test_the_product_is_the_metric():
    rng = np.random.default_rng(0)
    truth = rng.normal(3, 2, 50)
    seeds = np.stack([a * truth + b + rng.normal(0, c, 50) for a, b, c in ((1, 0, 1), (-2, 5, 3))])
    found = scale_shift(truth, seeds)
    for seed, prediction in enumerate(seeds):
        assert found.ccc[seed] == pytest.approx(METRICS["ccc"](truth, prediction))
        assert found.pearson[seed] == pytest.approx(METRICS["pearson"](truth, prediction))
        product = found.pearson[seed] * found.bias_correction[seed]
        assert found.ccc[seed] == pytest.approx(product)


def test_a_constant_prediction_has_no_correlation_and_agrees_with_nothing():
    found = scale_shift(np.array([0.0, 1.0, 2.0]), np.array([[0.1, 0.1, 0.1], [0.0, 1.0, 2.0]]))
    assert found.ccc.tolist() == [0.0, 1.0]
    assert np.isnan(found.pearson[0])
    assert np.isnan(found.bias_correction[0])
    assert found.pearson[1] == 1.0
