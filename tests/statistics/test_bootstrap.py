"""Intervals against scipy and brute force, and the reasons for which there is none."""

import numpy as np
import pandas as pd
import pytest
from confidence_intervals import evaluate_with_conf_int
from scipy import stats
from scipy.special import expit, logit
from sklearn.metrics import balanced_accuracy_score

from paralbench.metrics import METRICS
from paralbench.statistics.bootstrap import interval
from paralbench.statistics.resampling import tail_share
from paralbench.statistics.units import make_units

EMOTIONS = ["anger", "fear", "neutral"]


def acted(n_speakers: int, clips: int = 4, seed: int = 0):
    """Truth, prediction, speakers of a corpus whose speakers say everything in every emotion."""
    rng = np.random.default_rng(seed)
    speaker = np.repeat([f"s{one:02}" for one in range(n_speakers)], 3 * clips)
    truth = np.tile(np.repeat(EMOTIONS, clips), n_speakers)
    skill = np.repeat(rng.uniform(0.3, 0.95, n_speakers), 3 * clips)
    prediction = np.where(rng.random(len(truth)) < skill, truth, rng.choice(EMOTIONS, len(truth)))
    return truth, prediction, speaker


def gendered(n_female: int, n_male: int, clips: int = 6, seed: int = 0):
    rng = np.random.default_rng(seed)
    n = n_female + n_male
    speaker = np.repeat([f"s{one:02}" for one in range(n)], clips)
    truth = np.repeat(["female"] * n_female + ["male"] * n_male, clips)
    right = rng.random(len(truth)) < np.repeat(rng.uniform(0.4, 1.0, n), clips)
    other = np.where(truth == "male", "female", "male")
    return truth, np.where(right, truth, other), speaker


def in_log_odds(low, high):
    """Ends that are symmetric in log odds, from those that are symmetric in the score, 0 to 1."""
    score, half = (low + high) / 2, (high - low) / 2
    step = half / (score * (1 - score))
    return tuple(expit(logit(score) + np.array([-step, step])))


@pytest.mark.parametrize("n_speakers", [5, 9, 19])
def test_few_speakers_of_equal_weight_give_students_t_on_their_means(n_speakers):
    rng = np.random.default_rng(n_speakers)
    errors = rng.gamma(2, 1, (n_speakers, 1)) + rng.uniform(0, 1, (n_speakers, 10))
    speaker = np.repeat(np.arange(n_speakers), 10)
    found = interval(METRICS["mae"], np.zeros(errors.size), errors.ravel(), speaker, seed=0)
    low, high = stats.ttest_1samp(errors.mean(axis=1), 0).confidence_interval(0.95)
    assert found.method == "speaker-jackknife-t"
    assert found.n_units == n_speakers
    # An error has no upper limit: the interval is symmetric in its logarithm.
    mean = errors.mean()
    step = (high - low) / 2 / mean
    assert (found.low, found.high) == pytest.approx((mean * np.exp(-step), mean * np.exp(step)))
    assert found.low > 0


def test_few_speakers_within_the_range_are_symmetric_in_log_odds():
    truth, prediction, speaker = acted(9)
    found = interval(METRICS["wa"], truth, prediction, speaker, seed=0)
    right = pd.Series(truth == prediction).groupby(speaker).mean()
    expected = stats.ttest_1samp(right, 0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx(in_log_odds(*expected))
    score = (truth == prediction).mean()
    assert logit(found.low) + logit(found.high) == pytest.approx(2 * logit(score))


def test_few_speakers_within_class_give_welchs_t_on_their_recalls():
    truth, prediction, speaker = gendered(4, 5)
    found = interval(METRICS["uar"], truth, prediction, speaker, seed=0)
    recalls = pd.Series(truth == prediction).groupby(speaker).mean().to_numpy()
    # The sum of two means has the interval of the difference of one and the other's mirror image.
    welch = stats.ttest_ind(recalls[:4], -recalls[4:], equal_var=False).confidence_interval(0.95)
    assert found.method == "speaker-jackknife-t-within-class"
    assert (found.low, found.high) == pytest.approx(in_log_odds(welch.low / 2, welch.high / 2))


def test_many_speakers_give_the_percentiles_that_scipy_gives():
    n_speakers = 30
    rng = np.random.default_rng(1)
    errors = rng.gamma(2, 1, (n_speakers, 1)) + rng.uniform(0, 1, (n_speakers, 10))
    speaker = np.repeat(np.arange(n_speakers), 10)
    found = interval(
        METRICS["mae"], np.zeros(errors.size), errors.ravel(), speaker, seed=0, resamples=20_000
    )
    tail = tail_share(make_units(speaker), 0.95)
    assert 0.015 < tail < 0.025
    expected = stats.bootstrap(
        (errors.mean(axis=1),),
        np.mean,
        n_resamples=20_000,
        confidence_level=1 - 2 * tail,
        method="percentile",
        rng=np.random.default_rng(2),
    ).confidence_interval
    assert found.method == "speaker-bootstrap"
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), rel=0.02)


def test_many_speakers_give_the_percentiles_of_confidence_intervals():
    """Ferrer and Riera's package takes speakers as conditions, and resamples their clips as well.

    Where a speaker's clips are alike, that adds nothing.
    """
    n_speakers = 20
    speaker = np.repeat(np.arange(n_speakers), 2)
    error = np.random.default_rng(4).gamma(2, 1, n_speakers)[speaker]
    found = interval(METRICS["mae"], 0 * error, error, speaker, seed=0, resamples=20_000)
    score, expected = evaluate_with_conf_int(
        error,
        np.mean,
        conditions=speaker,
        num_bootstraps=250,
        alpha=200 * tail_share(make_units(speaker), 0.95),
    )
    assert score == pytest.approx(METRICS["mae"](0 * error, error))
    # An end of 250 resamples has a standard error of a tenth of the width at most.
    assert (found.low, found.high) == pytest.approx(expected, abs=(found.high - found.low) / 5)


def test_seeds_are_averaged_inside_each_resample():
    """Against brute force: frames put together from resampled speakers, scored by scikit-learn."""
    truth, first, speaker = acted(20)
    second = acted(20, seed=1)[1]
    # As indices, which scikit-learn scores sooner than names.
    truth, first, second = (np.searchsorted(EMOTIONS, one) for one in (truth, first, second))
    found = interval(
        METRICS["uar"], truth, np.stack([first, second]), speaker, seed=0, resamples=4000
    )
    rng = np.random.default_rng(3)
    rows = [np.flatnonzero(speaker == one) for one in np.unique(speaker)]
    scores = []
    for _ in range(300):
        taken = np.concatenate([rows[one] for one in rng.integers(20, size=20)])
        scores.append(
            np.mean([balanced_accuracy_score(truth[taken], p[taken]) for p in (first, second)])
        )
    tail = tail_share(make_units(speaker), 0.95)
    expected = np.quantile(scores, [tail, 1 - tail])
    assert (found.low, found.high) == pytest.approx(expected, abs=0.02)
    alone = interval(METRICS["uar"], truth, first, speaker, seed=0, resamples=4000)
    assert found.high - found.low < alone.high - alone.low


def test_within_class_keeps_the_number_of_speakers_of_each_class():
    """30 + 20 speakers: were they drawn together, WA of a constant would vary with the mix."""
    truth, _, speaker = gendered(30, 20)
    varied = np.where(np.arange(len(truth)) % 7 == 0, "male", "female")
    found = interval(METRICS["wa"], truth, varied, speaker, seed=0)
    assert found.method == "speaker-bootstrap-within-class"
    assert found.redrawn == 0
    constant = interval(METRICS["wa"], truth, ["female"] * len(truth), speaker, seed=0)
    assert "no resample of the 50 speakers scores differently" in constant.reason


def test_a_small_class_calls_for_the_jackknife():
    truth, prediction, speaker = gendered(40, 19)
    found = interval(METRICS["uar"], truth, prediction, speaker, seed=0)
    assert found.method == "speaker-jackknife-t-within-class"


def test_resamples_without_a_class_are_drawn_again_and_counted():
    truth, prediction, speaker = acted(20)
    # Two of twenty speakers say "fear": 12 % of the resamples hold neither.
    kept = (truth != "fear") | np.isin(speaker, ["s00", "s01"])
    given = (truth[kept], prediction[kept], speaker[kept])
    found = interval(METRICS["uar"], *given, seed=0, resamples=2000)
    assert found.reason is None
    assert found.redrawn / (2000 + found.redrawn) == pytest.approx(0.9**20, abs=0.02)
    assert interval(METRICS["wa"], *given, seed=0).redrawn == 0


def test_too_rare_complete_resamples_give_none():
    """30 emotions held by two speakers each: next to no resample holds them all."""
    speaker = np.repeat(np.arange(60), 6)
    held = np.arange(60) % 30
    truth = np.concatenate([[one] * 5 + [29] for one in held])
    prediction = np.where(np.arange(360) % 4 == 0, 0, truth)
    found = interval(METRICS["uar"], truth, prediction, speaker, seed=0, resamples=50)
    assert found.low is None
    assert "of 500 resamples of 60 speakers hold every class" in found.reason
    assert found.redrawn >= 450


def test_sessions_and_utterances_as_units():
    truth, prediction, _ = acted(10)
    session = np.repeat(np.arange(10), 12)
    found = interval(METRICS["uar"], truth, prediction, session, seed=0, unit="session")
    assert found.method == "session-jackknife-t"
    clips = interval(METRICS["uar"], truth, prediction, None, seed=0, unit="utterance")
    assert clips.method == "utterance-bootstrap"
    assert clips.n_units == len(truth)
    one = METRICS["uar"](truth, prediction)
    assert clips.low < one < clips.high


@pytest.mark.parametrize("n_speakers", [9, 25])
def test_the_same_seed_gives_the_same_interval_in_any_order_of_rows(n_speakers):
    truth, prediction, speaker = acted(n_speakers)
    first = interval(METRICS["uar"], truth, prediction, speaker, seed=5)
    order = np.random.default_rng(0).permutation(len(truth))
    again = interval(METRICS["uar"], truth[order], prediction[order], speaker[order], seed=5)
    assert first == again
    if n_speakers > 20:
        other = interval(METRICS["uar"], truth, prediction, speaker, seed=6)
        assert other != first


def test_names_and_indices_give_the_same():
    truth, prediction, speaker = acted(9)
    codes = {name: code for code, name in enumerate(EMOTIONS)}
    as_indices = (np.array([codes[one] for one in values]) for values in (truth, prediction))
    by_index = interval(METRICS["uar"], *as_indices, speaker, seed=0, n_classes=3)
    series = pd.Series(speaker, dtype="string")
    assert by_index == interval(METRICS["uar"], truth, prediction, series, seed=0, classes=EMOTIONS)


@pytest.mark.parametrize("name", METRICS)
def test_intervals_stay_in_the_range_and_hold_the_score(name):
    metric = METRICS[name]
    rng = np.random.default_rng(0)
    for n_speakers in (6, 25):
        speaker = np.repeat(np.arange(n_speakers), 12)
        if metric.kind == "classes":
            truth, prediction, _ = acted(n_speakers)
            prediction = np.where(rng.random(len(truth)) < 0.9, truth, "anger")
        else:
            truth = rng.normal(size=len(speaker))
            prediction = truth + 0.05 * rng.standard_exponential(len(truth))
        found = interval(metric, truth, prediction, speaker, seed=0)
        low, high = metric.range
        assert low <= found.low <= metric(truth, prediction) <= found.high <= high


@pytest.mark.parametrize(
    ("n_speakers", "reason"),
    [
        (4, "4 speakers; at least 5 are needed"),
        (1, "1 speaker; at least 5 are needed"),
    ],
)
def test_too_few_speakers(n_speakers, reason):
    truth, prediction, speaker = acted(n_speakers)
    found = interval(METRICS["wa"], truth, prediction, speaker, seed=0)
    assert (found.low, found.high) == (None, None)
    assert found.reason == reason
    assert found.method == f"none: {reason}"
    assert found.n_units == n_speakers


def test_one_speaker_per_class():
    speaker = np.repeat(list("abcdef"), 5)
    prediction = np.roll(speaker, 1)
    for name in ("uar", "wa"):
        found = interval(METRICS[name], speaker, prediction, speaker, seed=0)
        assert found.method == "none: one speaker per class"
    truth = np.where(speaker > "c", "other", speaker)
    found = interval(METRICS["uar"], truth, truth, speaker, seed=0, classes=[*"abc", "other"])
    assert found.reason == "one speaker of class a, b, c; at least 2 of each are needed"


def test_a_class_of_one_speaker_among_speakers_of_all():
    truth, prediction, speaker = acted(25)
    kept = (truth != "fear") | (speaker == "s03")
    given = (truth[kept], prediction[kept], speaker[kept])
    found = interval(METRICS["uar"], *given, seed=0)
    assert found.reason == "one speaker of class fear; at least 2 of each are needed"
    # Accuracy is no average over classes: one more speaker says all the same.
    assert interval(METRICS["wa"], *given, seed=0).method == "speaker-bootstrap"


def test_unknown_speakers():
    truth, prediction, speaker = acted(9)
    for unknown in (None, [None] * len(truth), pd.Series([pd.NA] * len(truth), dtype="string")):
        found = interval(METRICS["uar"], truth, prediction, unknown, seed=0)
        assert found.method == "none: speakers unknown"
    some = np.where(speaker == "s00", None, speaker)
    found = interval(METRICS["uar"], truth, prediction, some, seed=0)
    assert found.reason == "speaker of 12 of 108 utterances unknown"


def test_undefined_scores():
    speaker = np.repeat(np.arange(25), 4)
    varied, constant = np.arange(100.0), np.ones(100)
    found = interval(METRICS["pearson"], varied, constant, speaker, seed=0)
    assert found.reason == "the score is undefined (the prediction is constant)"
    one_class = ["a"] * 100
    found = interval(METRICS["uar"], one_class, one_class, speaker, seed=0)
    assert "the truth holds 1 class" in found.reason
    found = interval(METRICS["mae"], varied, np.where(varied > 3, varied, np.nan), speaker, seed=0)
    assert found.reason.startswith("the score is undefined (4 of 100 values of the prediction")


def test_no_variation_is_no_certainty():
    truth, _, speaker = acted(9)
    found = interval(METRICS["uar"], truth, truth, speaker, seed=0)
    assert found.low is None
    assert "width of zero would claim certainty" in found.reason


def test_the_jackknife_says_so_where_one_speaker_holds_all_the_variation():
    speaker = np.repeat(np.arange(6), 3)
    truth = np.where(speaker == 0, np.arange(18.0), 1.0)
    found = interval(METRICS["pearson"], truth, np.arange(18.0), speaker, seed=0)
    assert found.reason == "without one speaker the score is undefined or lacks a class"


def test_lengths_that_differ_are_refused():
    with pytest.raises(ValueError, match="truth and units differ in length: 3, 2"):
        interval(METRICS["wa"], [0, 1, 1], [0, 1, 0], [0, 1], seed=0)
    with pytest.raises(ValueError, match="differ in length"):
        interval(METRICS["wa"], [0, 1, 1], [0, 1], [0, 1, 2], seed=0)
