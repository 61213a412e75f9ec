"""Inverse power laws."""

import numpy as np
import pytest
from scipy.optimize import curve_fit

from paralbench.statistics.learning_curve import fit_learning_curve

SIZES = np.array([100, 250, 500, 1000, 2000])


def fit(score, n=SIZES, higher_is_better=True, limits=(0.0, 1.0)):
    return fit_learning_curve(n, score, higher_is_better=higher_is_better, limits=limits)


@pytest.mark.parametrize("abc", [(0.8, 2, 0.5), (0.7, 0.9, 0.2), (0.95, 30, 1.2)])
def test_a_curve_without_noise_is_found_again(abc):
    a, b, c = abc
    found = fit(a - b * SIZES.astype(float) ** -c)
    assert (found.a, found.b, found.c) == pytest.approx(abc, rel=1e-4)
    assert found.rmse < 1e-8
    assert found(8000) == pytest.approx(a - b * 8000.0**-c)


def test_noisy_scores_are_fitted_as_well_as_scipy_does_from_a_good_start():
    rng = np.random.default_rng(0)
    for _ in range(5):
        score = 0.8 - 2 * SIZES.astype(float) ** -0.5 + rng.normal(0, 0.005, 5)
        found = fit(score)
        (a, b, c), _ = curve_fit(
            lambda n, a, b, c: a - b * n**-c,
            SIZES.astype(float),
            score,
            p0=(0.8, 2, 0.5),
            bounds=([0, 0, 0.02], [1, np.inf, 3]),
        )
        reference = np.sqrt(np.mean((a - b * SIZES.astype(float) ** -c - score) ** 2))
        assert found.rmse <= reference * (1 + 1e-6)
        assert found(8000) == pytest.approx(a - b * 8000.0**-c, abs=2e-3)


def test_the_limit_stays_in_the_range_of_the_metric():
    found = fit([0.5, 0.65, 0.8, 0.95, 0.99])
    assert 0 <= found.a <= 1
    assert found(1e9) <= 1
    found = fit([9, 5, 2, 0.5, 0.1], higher_is_better=False, limits=(0.0, np.inf))
    assert found.a >= 0
    assert found.form == "a + b n^-c"
    assert found(4000) < found(2000)


@pytest.mark.parametrize("score", [[0.6, 0.55, 0.5, 0.45, 0.4], [0.5] * 5])
def test_scores_that_do_not_get_better_have_no_curve(score):
    assert fit(score) == "the score does not get better with more training data"


def test_sizes_that_are_equal_are_one_point():
    assert "not 2" in fit([0.5, 0.6, 0.7], n=[100, 100, 200])
    assert fit([0.5, 0.6, 0.65, 0.66], n=[100, 200, 400, 400]).form == "a - b n^-0.5"


def test_numbers_that_are_no_points_are_refused():
    with pytest.raises(ValueError, match="finite"):
        fit([0.5, np.nan, 0.6, 0.7, 0.8])
    with pytest.raises(ValueError, match="above 0"):
        fit([0.5, 0.6, 0.7], n=[0, 1, 2])
    with pytest.raises(ValueError, match="differ in length"):
        fit([0.5, 0.6])
