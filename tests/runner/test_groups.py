"""Scores by group of speakers, and gaps against groups permuted among speakers."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score

from paralbench.metrics import METRICS
from paralbench.runner.groups import PERMUTATIONS, group_columns
from paralbench.runner.outcome import Outcome
from paralbench.statistics.bootstrap import interval


def unfair(given, frame, column, group, share, seed=5):
    """The outcome with a share of one group's utterances made wrong."""
    rng = np.random.default_rng(seed)
    hit = (frame[column] == group).to_numpy() & (rng.random(given.prediction.shape) < share)
    return replace(given, prediction=np.where(hit, (given.truth + 1) % 3, given.prediction))


def by_hand(truth, prediction, speaker, group_of, metric, n=400, seed=11):
    """Gaps of groups permuted among speakers, one loop at a time."""
    rng = np.random.default_rng(seed)
    names = sorted(group_of)
    gaps = []
    for _ in range(n):
        groups = dict(zip(names, rng.permutation([group_of[name] for name in names]), strict=True))
        of = np.array([groups[name] for name in speaker])
        scores = [
            np.mean([metric(truth[of == one], row[of == one], range(3)) for row in prediction])
            for one in set(of)
        ]
        gaps.append(max(scores) - min(scores))
    return np.array(gaps)


def test_group_rows_score_the_group_and_resample_its_speakers(acted, tables, pick):
    given, frame = acted()
    scores = tables(given, frame)["scores"]
    for group in ("female", "male"):
        chosen = (frame["gender"] == group).to_numpy()
        row = pick(scores, metric="uar", group=f"gender={group}")
        expected = np.mean(
            [balanced_accuracy_score(given.truth[chosen], p[chosen]) for p in given.prediction]
        )
        assert row["value"] == pytest.approx(expected)
        part = (given.truth[chosen], given.prediction[:, chosen], given.units[chosen])
        found = interval(METRICS["uar"], *part, seed=0, classes=given.classes)
        assert (row["ci_low"], row["ci_high"]) == pytest.approx((found.low, found.high))
        assert (row["fold"], row["seed"]) == ("all", "mean")
        assert (row["n_speakers"], row["n_utterances"]) == (12, 144)
        assert row["interval_method"] == found.method
        assert pick(scores, metric="wa", group=f"gender={group}")["chance"] == pytest.approx(1 / 3)


def test_the_null_distribution_is_that_of_a_loop_over_permutations(acted, tables, pick):
    given, frame = acted(n_speakers=12, seeds=2)
    group_of = dict(zip(frame["speaker"], frame["gender"], strict=True))
    row = pick(tables(given, frame)["gaps"], metric="uar")
    null = by_hand(given.truth, given.prediction, given.units, group_of, METRICS["uar"])
    assert row["permutations"] == PERMUTATIONS
    assert row["null_mean"] == pytest.approx(null.mean(), rel=0.15)
    assert row["null_high"] == pytest.approx(np.quantile(null, 0.95), rel=0.2)
    assert row["p_value"] == pytest.approx((null >= row["gap"]).mean(), abs=0.1)


def test_a_gap_is_found_and_its_direction_said(acted, tables, pick):
    given, frame = acted()
    given = unfair(given, frame, "gender", "male", 0.4)
    found = tables(given, frame)
    row = pick(found["gaps"], metric="uar")
    assert (row["best"], row["worst"], row["groups"]) == ("female", "male", "female | male")
    values = {
        group: pick(found["scores"], metric="uar", group=f"gender={group}")["value"]
        for group in ("female", "male")
    }
    assert row["gap"] == pytest.approx(values["female"] - values["male"])
    assert row["p_value"] == pytest.approx(1 / (PERMUTATIONS + 1))
    assert row["gap"] > row["null_high"] > row["null_mean"] > 0
    assert row["n_speakers"] == 24
    assert pd.isna(row["reason"])


def test_where_groups_are_alike_small_p_values_are_as_rare_as_they_should_be(acted, tables, pick):
    p = [
        pick(tables(*acted(n_speakers=10, seeds=1, seed=seed), ["wa"])["gaps"])["p_value"]
        for seed in range(60)
    ]
    assert 0.3 < np.mean(p) < 0.7
    assert np.mean(np.array(p) < 0.1) < 0.25


def numbers(frame, error_of):
    rng = np.random.default_rng(2)
    n = len(frame)
    truth = rng.uniform(1, 7, n)
    spread = np.array([error_of[name] for name in frame["gender"]])
    return Outcome(
        layer="mix",
        truth=truth,
        prediction=truth + rng.normal(0, 1, (2, n)) * spread,
        fold=np.full(n, "one", dtype=object),
        units=frame["speaker"].to_numpy(dtype=object),
        unit="speaker",
        classes=(),
        n_train={"one": 10},
    )


def test_of_errors_the_lowest_is_the_best(acted, tables, pick):
    _, frame = acted()
    given = numbers(frame, {"female": 0.5, "male": 1.0})
    found = tables(given, frame, ["mae", "ccc"])
    row = pick(found["gaps"], metric="mae")
    assert (row["best"], row["worst"]) == ("female", "male")
    female, male = (
        np.abs(given.prediction - given.truth)[:, (frame["gender"] == one).to_numpy()].mean()
        for one in ("female", "male")
    )
    assert row["gap"] == pytest.approx(male - female)
    assert row["p_value"] < 0.01
    assert pick(found["gaps"], metric="ccc")["best"] == "female"


def test_a_score_that_is_undefined_in_a_group_leaves_it_out(acted, tables, pick):
    _, frame = acted()
    given = numbers(frame, {"female": 0.5, "male": 1.0})
    constant = np.where(frame["gender"] == "male", 4.0, given.prediction)
    found = tables(replace(given, prediction=constant), frame, ["mae", "pearson"])
    assert pick(found["gaps"], metric="pearson")["reason"] == (
        "pearson is defined in fewer than 2 groups"
    )
    assert pd.isna(pick(found["gaps"], metric="mae")["reason"])


def test_ages_are_compared_by_decade_and_a_decade_of_one_speaker_is_left_out(acted, tables, pick):
    given, frame = acted()
    ages = {f"s{i:02d}": 20.5 + i if i < 20 else 31.0 for i in range(24)}
    ages |= {"s05": 67.0, "s06": np.nan}
    frame = frame.assign(age=frame["speaker"].map(ages).astype(float), gender="female")
    found = tables(given, frame)
    row = pick(found["gaps"], metric="uar", column="age")
    assert row["groups"] == "20-29 | 30-39"
    assert row["n_speakers"] == 8 + 14
    assert row["permutations"] == PERMUTATIONS
    groups = set(found["scores"]["group"].dropna())
    assert groups == {"age=20-29", "age=30-39"}


def test_a_column_with_one_group_is_no_comparison(acted, tables):
    given, frame = acted()
    frame = frame.assign(gender="female", language=None)
    assert group_columns(frame) == {}
    assert tables(given, frame)["gaps"].empty


def reason_of(pick, found, column="gender"):
    row = pick(found["gaps"], metric="uar", column=column)
    assert pd.isna(row["gap"])
    assert pd.isna(row["p_value"])
    assert row["permutations"] == 0
    assert found["scores"]["group"].isna().all()
    return row["reason"]


def test_the_label_is_not_compared_with_itself(acted, tables, pick):
    given, frame = acted()
    gender = (frame["gender"] == "male").to_numpy().astype(int)
    given = replace(given, truth=gender, classes=("female", "male", "other"))
    assert reason_of(pick, tables(given, frame, label="gender")) == "gender is the label"


def test_groups_that_lack_a_class_are_not_compared(acted, tables, pick):
    given, frame = acted()
    frame = frame.assign(gender=np.where(given.truth == 0, "female", "male"))
    assert reason_of(pick, tables(given, frame)) == "fewer than 2 groups hold every class"


def test_a_group_of_one_speaker_is_not_compared(acted, tables, pick):
    given, frame = acted()
    frame = frame.assign(gender=np.where(frame["speaker"] == "s00", "female", "male"))
    assert reason_of(pick, tables(given, frame)) == "fewer than 2 groups have 2 speakers"


def test_unknown_speakers_cannot_be_compared(acted, tables, pick):
    given, frame = acted()
    row = tables(replace(given, units=None), frame)
    assert reason_of(pick, row) == "speakers unknown"
    assert pd.isna(row["gaps"].iloc[0]["n_speakers"])


def test_speakers_are_permuted_where_sessions_are_resampled(acted, tables, pick):
    given, frame = acted()
    sessions = np.array([f"{name}-{i % 2}" for i, name in enumerate(given.units)], dtype=object)
    by_session = replace(given, units=sessions, unit="session", speaker=given.units)
    row = pick(tables(by_session, frame)["gaps"], metric="uar")
    expected = pick(tables(given, frame)["gaps"], metric="uar")
    assert row["p_value"] == expected["p_value"]
    assert row["n_speakers"] == 24
    unknown = tables(replace(by_session, speaker=None), frame)
    assert reason_of(pick, unknown) == "speakers unknown"


def test_where_speakers_change_their_group_there_is_a_gap_and_no_permutation(acted, tables, pick):
    """Bilingual speakers: both languages by each."""
    given, frame = acted()
    second = np.arange(len(frame)) // 3 % 2 == 1
    frame = frame.assign(language=np.where(second, "de", "fr"), gender="female")
    found = tables(given, frame)
    row = pick(found["gaps"], metric="uar", column="language")
    assert row["reason"] == "a speaker is in several groups"
    assert row["gap"] > 0
    assert row["n_speakers"] == 24
    assert pd.isna(row["p_value"])
    assert set(found["scores"]["group"].dropna()) == {"language=de", "language=fr"}


def test_where_class_is_an_attribute_of_the_speaker_groups_keep_their_shares_of_it(
    acted, tables, pick
):
    """Accuracy differs by class alone, and one group has more of the hard class: no news."""
    given, frame = acted(n_speakers=40, seeds=1)
    of = np.array([int(name[1:]) for name in given.units])
    truth = (of % 4 == 0).astype(int)  # a quarter of the speakers is of the hard class
    male = np.where(of % 4 == 0, of % 8 == 0, of % 8 == 1)
    frame = frame.assign(gender=np.where(male, "male", "female"))
    rng = np.random.default_rng(0)
    right = rng.random(len(of)) < np.where(truth == 1, 0.4, 0.95)
    prediction = np.where(right, truth, 1 - truth)[None]
    given = replace(given, truth=truth, prediction=prediction, classes=("easy", "hard"))
    row = pick(tables(given, frame, ["wa"])["gaps"], metric="wa")
    assert row["gap"] > 0.15
    assert row["null_mean"] > 0.12
    assert row["p_value"] > 0.05


def test_equal_groups_have_no_gap_and_no_small_p_value(acted, tables, pick):
    given, frame = acted(seeds=1)
    given = replace(given, prediction=np.zeros_like(given.prediction))
    row = pick(tables(given, frame)["gaps"], metric="uar")
    assert row["gap"] == 0
    assert row["p_value"] == 1
