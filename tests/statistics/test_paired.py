"""Paired differences against hand calculations, scipy and brute force; false alarms."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import balanced_accuracy_score

from paralbench.metrics import METRICS
from paralbench.statistics.coverage import SCENARIOS, false_alarms
from paralbench.statistics.paired import difference
from paralbench.statistics.resampling import p_value, tail_share
from paralbench.statistics.units import make_units

EMOTIONS = ["anger", "fear", "neutral"]
UAR, MAE = METRICS["uar"], METRICS["mae"]


def errors(n_speakers, seed=0, clips=10):
    """Errors of two upstreams ``(2, speakers, clips)`` with much in common, and the speakers."""
    rng = np.random.default_rng(seed)
    shared = rng.gamma(2, 1, (1, n_speakers, 1))
    own = rng.gamma(2, 0.3, (2, n_speakers, 1)) + rng.uniform(0, 1, (2, n_speakers, clips))
    own[1] += 0.3
    return shared + own, np.repeat(np.arange(n_speakers), clips)


def acted(n_speakers, clips=4, seed=0, skills=(0.8, 0.6)):
    """Truth, predictions of two upstreams, speakers; everything is said in every emotion."""
    rng = np.random.default_rng(seed)
    speaker = np.repeat([f"s{one:02}" for one in range(n_speakers)], 3 * clips)
    truth = np.tile(np.repeat(EMOTIONS, clips), n_speakers)
    ease = np.repeat(rng.uniform(-0.15, 0.15, n_speakers), 3 * clips)
    made = [
        np.where(rng.random(len(truth)) < skill + ease, truth, rng.choice(EMOTIONS, len(truth)))
        for skill in skills
    ]
    return truth, *made, speaker


@pytest.mark.parametrize("n_speakers", [5, 9, 19])
def test_few_speakers_of_equal_weight_give_the_paired_t_test_on_their_means(n_speakers):
    found_errors, speaker = errors(n_speakers, seed=n_speakers)
    first, second = found_errors.reshape(2, -1)
    found = difference(MAE, np.zeros(len(speaker)), first, second, speaker, seed=0)
    paired = stats.ttest_rel(*found_errors.mean(axis=2))
    expected = paired.confidence_interval(0.95)
    assert found.method == "speaker-jackknife-t"
    assert found.value == pytest.approx(first.mean() - second.mean())
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.p_value == pytest.approx(paired.pvalue)


def test_few_speakers_by_hand():
    """Five speakers of two clips; differences of their mean errors 1, 2, 3, 4, 5 over 10."""
    second = np.full(10, 1.0)
    first = second + np.repeat([0.1, 0.2, 0.3, 0.4, 0.5], 2)
    found = difference(MAE, np.zeros(10), first, second, np.repeat(list("abcde"), 2), seed=0)
    # Mean 0.3, standard error sqrt(0.025 / 5), t of 4 degrees of freedom 2.776445.
    error = np.sqrt(0.025 / 5)
    assert found.value == pytest.approx(0.3)
    assert (found.low, found.high) == pytest.approx(
        (0.3 - 2.776445 * error, 0.3 + 2.776445 * error)
    )
    assert found.p_value == pytest.approx(0.013236, abs=1e-6)  # 2 P(t_4 > 4.2426)


def test_many_speakers_give_the_interval_that_scipy_gives_of_paired_data():
    found_errors, speaker = errors(30)
    first, second = found_errors.reshape(2, -1)
    found = difference(
        MAE, np.zeros(len(speaker)), first, second, speaker, seed=0, resamples=20_000
    )
    expected = stats.bootstrap(
        tuple(found_errors.mean(axis=2)),
        lambda one, two, axis: one.mean(axis=axis) - two.mean(axis=axis),
        paired=True,
        n_resamples=20_000,
        confidence_level=1 - 2 * tail_share(make_units(speaker), 0.95),
        method="percentile",
        rng=np.random.default_rng(1),
    ).confidence_interval
    assert found.method == "speaker-bootstrap"
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.02)
    # Speakers that are hard for both do not count: two intervals apart would be far wider.
    spread = found_errors.mean(axis=2).std(axis=1) / np.sqrt(30)
    assert found.high - found.low < 0.7 * 2 * 1.96 * np.hypot(*spread)


def test_the_p_value_is_close_to_that_of_the_t_test_where_means_are_compared():
    found_errors, speaker = errors(40, seed=2)
    found_errors[1] -= 0.25
    first, second = found_errors.reshape(2, -1)
    found = difference(MAE, np.zeros(len(speaker)), first, second, speaker, seed=0)
    expected = stats.ttest_rel(*found_errors.mean(axis=2)).pvalue
    assert 0.01 < expected < 0.9
    assert found.p_value == pytest.approx(expected, rel=0.15)


def test_seeds_are_averaged_inside_each_resample_whatever_their_number():
    """Against brute force: corpora put together of resampled speakers, scored by scikit-learn."""
    truth, first, second, speaker = acted(24)
    another = acted(24, seed=1, skills=(0.7, 0.6))[1]
    # As indices, which scikit-learn scores sooner than names.
    truth, first, second, another = (
        np.searchsorted(EMOTIONS, one) for one in (truth, first, second, another)
    )
    found = difference(
        UAR, truth, first, np.stack([second, another]), speaker, seed=0, resamples=4000
    )
    rows = [np.flatnonzero(speaker == one) for one in np.unique(speaker)]
    rng = np.random.default_rng(3)

    def minus(taken):
        one, *others = (
            balanced_accuracy_score(truth[taken], predicted[taken])
            for predicted in (first, second, another)
        )
        return one - np.mean(others)

    drawn = [
        minus(np.concatenate([rows[one] for one in rng.integers(24, size=24)])) for _ in range(250)
    ]
    tail = tail_share(make_units(speaker), 0.95)
    assert found.value == pytest.approx(minus(np.arange(len(truth))))
    assert (found.low, found.high) == pytest.approx(np.quantile(drawn, [tail, 1 - tail]), abs=0.02)


@pytest.mark.parametrize("n_speakers", [8, 25])
@pytest.mark.parametrize("name", ["uar", "ccc"])
def test_both_directions_say_the_same(name, n_speakers):
    if name == "uar":
        truth, first, second, speaker = acted(n_speakers)
    else:
        rng = np.random.default_rng(4)
        speaker = np.repeat(np.arange(n_speakers), 12)
        truth = rng.normal(size=len(speaker))
        first, second = (truth + s * rng.normal(size=(2, len(truth))) for s in (0.5, 0.6))
    one = difference(METRICS[name], truth, first, second, speaker, seed=7)
    two = difference(METRICS[name], truth, second, first, speaker, seed=7)
    assert one.value == -two.value
    assert (one.low, one.high) == pytest.approx((-two.high, -two.low), abs=1e-12)
    assert one.p_value == pytest.approx(two.p_value, abs=1e-12)
    again = difference(METRICS[name], truth, first, second, speaker, seed=7)
    assert again == one


@pytest.mark.parametrize("n_speakers", [12, 40])
def test_interval_and_p_value_agree_about_zero(n_speakers):
    outcomes = set()
    for seed in range(12):
        truth, first, second, speaker = acted(n_speakers, seed=seed, skills=(0.72, 0.66))
        found = difference(UAR, truth, first, second, speaker, seed=0, resamples=4000)
        if abs(found.p_value - 0.05) > 0.005:
            assert (found.p_value < 0.05) == (found.low > 0 or found.high < 0)
            outcomes.add(found.p_value < 0.05)
    assert outcomes == {True, False}


def test_the_p_value_of_resamples_is_where_the_interval_ends_at_zero():
    units = make_units(np.arange(25))
    scores = np.random.default_rng(0).normal(0.7, 0.4, 20_000)
    p = p_value(scores, units)
    assert np.quantile(scores, tail_share(units, 1 - p)) == pytest.approx(0, abs=0.01)
    assert p_value(-scores, units) == p
    assert 0 < p_value(scores + 10, units) < 1e-3
    assert p_value(scores - 0.7, units) > 0.9


def test_within_class_keeps_the_number_of_speakers_of_each_class():
    rng = np.random.default_rng(0)
    speaker = np.repeat(np.arange(9), 6)
    truth = np.where(speaker < 4, "female", "male")
    other = np.where(truth == "male", "female", "male")
    first, second = (np.where(rng.random(54) < s, truth, other) for s in (0.9, 0.6))
    found = difference(UAR, truth, first, second, speaker, seed=0)
    gained = pd.Series((truth == first) * 1.0 - (truth == second)).groupby(speaker).mean()
    # The sum of two means has the interval of the difference of one and the other's mirror image.
    welch = stats.ttest_ind(gained[:4], -gained[4:], equal_var=False)
    assert found.method == "speaker-jackknife-t-within-class"
    assert found.p_value == pytest.approx(welch.pvalue)
    assert found.low == pytest.approx(welch.confidence_interval().low / 2)


def test_resamples_without_a_class_are_drawn_again_and_counted():
    truth, first, second, speaker = acted(20)
    kept = (truth != "fear") | np.isin(speaker, ["s00", "s01"])
    given = (truth[kept], first[kept], second[kept], speaker[kept])
    found = difference(UAR, *given, seed=0, resamples=2000)
    assert found.redrawn / (2000 + found.redrawn) == pytest.approx(0.9**20, abs=0.02)


@pytest.mark.parametrize("n_speakers", [9, 25])
def test_upstreams_that_say_the_same_are_equal(n_speakers):
    truth, first, _, speaker = acted(n_speakers)
    found = difference(UAR, truth, first, np.stack([first, first]), speaker, seed=0)
    assert (found.value, found.p_value, found.low) == (0.0, 1.0, None)
    assert found.reason == f"the two score the same on every resample of the {n_speakers} speakers"


@pytest.mark.parametrize("n_speakers", [9, 25])
def test_a_constant_difference_is_no_certainty(n_speakers):
    speaker = np.repeat(np.arange(n_speakers), 4)
    ones = np.ones(len(speaker))
    found = difference(MAE, 0 * ones, 2 * ones, ones, speaker, seed=0)
    assert (found.value, found.p_value, found.low) == (1.0, None, None)
    assert "a width of zero would claim certainty" in found.reason


def test_without_units_there_is_a_difference_but_nothing_to_say_of_it():
    truth, first, second, speaker = acted(4)
    found = difference(UAR, truth, first, second, speaker, seed=0)
    assert found.value == pytest.approx(UAR(truth, first) - UAR(truth, second))
    assert (found.p_value, found.low) == (None, None)
    assert found.method == "none: 4 speakers; at least 5 are needed"
    unknown = difference(UAR, truth, first, second, None, seed=0)
    assert unknown.reason == "speakers unknown"
    constant = difference(
        METRICS["pearson"], [1.0, 1, 1], [1.0, 2, 3], [3.0, 2, 1], [0, 1, 2], seed=0
    )
    assert (constant.value, constant.p_value) == (None, None)
    assert "the truth is constant" in constant.reason


def test_predictions_of_other_lengths_are_refused():
    with pytest.raises(ValueError, match="the two predictions differ in length: 3, 2 utterances"):
        difference(UAR, [0, 1, 1], [0, 1, 1], [0, 1], [0, 1, 2], seed=0)


@pytest.mark.parametrize("n_speakers", [8, 40])
@pytest.mark.parametrize("name", ["every-class", "class-of-speaker", "numbers"])
def test_equally_good_upstreams_are_told_apart_one_time_in_twenty(name, n_speakers):
    n = 200
    share = false_alarms(SCENARIOS[name](), n_speakers, n, seed=1, resamples=600)
    low, high = stats.binom(n, 0.05).ppf([0.001, 0.999]) / n
    assert low <= share <= high
