"""The metrics of numbers against scipy, scikit-learn and audmetric."""

import audmetric
import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import pearsonr
from sklearn.dummy import DummyRegressor
from sklearn.metrics import mean_absolute_error

from paralbench.errors import UndefinedMetricError
from paralbench.metrics import METRICS

REFERENCES = {
    "ccc": audmetric.concordance_cc,
    "pearson": lambda t, p: pearsonr(t, p).statistic,
    "mae": mean_absolute_error,
}
# On a grid, so that no spread is so small that references and we round apart.
numbers = st.integers(-1000, 1000).map(lambda n: n / 8)
pairs = st.lists(st.tuples(numbers, numbers), min_size=2, max_size=40)


@pytest.mark.parametrize("name", REFERENCES)
@given(pairs=pairs, shift=st.sampled_from([0.0, 1e4]))
def test_agrees_with_the_references(name, pairs, shift):
    truth, prediction = np.array(pairs).T + shift
    constant = np.ptp(truth) == 0 or np.ptp(prediction) == 0
    assume(name != "pearson" or not constant)
    assume(name != "ccc" or not np.isnan(audmetric.concordance_cc(truth, prediction)))
    expected = REFERENCES[name](truth, prediction)
    assert METRICS[name](truth, prediction) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("offset", [None, 0.5])
@pytest.mark.parametrize("name", REFERENCES)
@given(data=st.data())
def test_summed_statistics_of_any_parts_give_the_score_of_the_union(name, offset, data):
    """Rows of several seeds and of repeated utterances, as a resample takes them."""
    n = data.draw(st.integers(1, 30))
    values = st.lists(numbers, min_size=n, max_size=n)
    truth = np.array(data.draw(values))
    prediction = np.array(data.draw(st.lists(values, min_size=1, max_size=3)))
    taken = np.array(data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)))
    metric = METRICS[name]
    rows = metric.statistics(truth, prediction, offset=offset)
    scores = metric.value(np.einsum("n,snk->sk", taken, rows))
    assert scores.shape == (len(prediction),)
    for row, score in zip(prediction, scores, strict=True):
        try:
            expected = metric(np.repeat(truth, taken), np.repeat(row, taken))
        except UndefinedMetricError:
            assert np.isnan(score)
        else:
            assert score == pytest.approx(expected, abs=1e-9)
            assert metric.range[0] <= score <= metric.range[1]


@pytest.mark.parametrize("name", REFERENCES)
def test_rows_with_one_offset_may_be_added_across_calls(name):
    rng = np.random.default_rng(0)
    truth = rng.normal(4, 1, 60)
    prediction = truth + rng.normal(0.3, 0.5, 60)
    metric = METRICS[name]
    parts = [slice(0, 10), slice(10, 25), slice(25, 60)]
    sums = sum(
        metric.statistics(truth[part], prediction[part], offset=4.0).sum(axis=0) for part in parts
    )
    assert metric.value(np.asarray(sums)) == pytest.approx(REFERENCES[name](truth, prediction))


def test_no_digits_are_lost_far_from_zero():
    """Years of birth, or a prediction stuck far off with a tiny spread."""
    rng = np.random.default_rng(0)
    truth = 2e6 + rng.normal(0, 1e-3, 500)
    prediction = truth + rng.normal(0, 1e-3, 500)
    assert METRICS["pearson"](truth, prediction) == pytest.approx(
        pearsonr(truth, prediction).statistic, rel=1e-6
    )
    assert METRICS["ccc"](truth, prediction) == pytest.approx(
        audmetric.concordance_cc(truth, prediction), rel=1e-6
    )


def test_mae_chance_is_the_best_constant():
    truth = np.array([21.0, 22.0, 22.0, 30.0, 61.0])
    best = DummyRegressor(strategy="median").fit(truth, truth).predict(truth)
    chance = METRICS["mae"].chance(truth)
    assert chance == pytest.approx(mean_absolute_error(truth, best))
    assert all(METRICS["mae"](truth, [c] * 5) >= chance for c in np.linspace(15, 65, 200))
    assert METRICS["mae"].chance(5) is None
    assert METRICS["ccc"].chance(truth) == METRICS["pearson"].chance(truth) == 0


def test_undefined_correlations():
    pearson, ccc = METRICS["pearson"], METRICS["ccc"]
    constant = [0.1, 0.1, 0.1]
    with pytest.raises(UndefinedMetricError, match="pearson is undefined: the truth is constant"):
        pearson(constant, [1, 2, 3])
    with pytest.raises(UndefinedMetricError, match="the prediction is constant"):
        pearson([1, 2, 3], constant)
    with pytest.raises(UndefinedMetricError, match="the truth and the prediction are constant"):
        pearson(constant, constant)
    with pytest.raises(UndefinedMetricError, match="at least 2 utterances"):
        pearson([1], [2])
    with pytest.raises(UndefinedMetricError, match="at least 2 utterances"):
        ccc([1], [2])
    with pytest.raises(UndefinedMetricError, match="one and the same constant"):
        ccc(constant, constant)
    assert ccc(constant, [1, 2, 3]) == ccc([1, 2, 3], constant) == ccc(constant, [0.3] * 3) == 0


@pytest.mark.parametrize("name", REFERENCES)
def test_bad_input(name):
    metric = METRICS[name]
    with pytest.raises(UndefinedMetricError, match="no utterance"):
        metric([], [])
    with pytest.raises(ValueError, match="differ in length"):
        metric([1, 2], [1])
    with pytest.raises(UndefinedMetricError, match="1 of 2 values of the prediction are missing"):
        metric([1, 2], [1, np.nan])
    with pytest.raises(UndefinedMetricError, match="2 of 3 values of the truth are missing"):
        metric([1, None, np.inf], [1, 2, 3])
    with pytest.raises(UndefinedMetricError, match="1 of 2 values of the truth"):
        metric(pd.Series([1.5, pd.NA], dtype="Float64"), [1, 2])
