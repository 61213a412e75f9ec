"""The drop from the ceiling: a case by hand, paired by speaker, and what lacks told."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import balanced_accuracy_score

from paralbench.probes.recipes import get_recipe
from paralbench.runner.transfer_drops import Ceiling, drop_rows, with_normalised
from paralbench.runner.transfer_predictions import Predicted, in_common, read_predictions
from paralbench.runner.transfer_priors import loss_prior
from paralbench.tables import TABLES, RunFolder

CLASSES = ("no", "yes")


def predicted(right, n=8):
    """Speakers with ``n`` utterances, half of each class; so many of each speaker's are right."""
    truth = np.tile([0, 1], n * len(right) // 2)
    position = np.tile(np.arange(n), len(right))
    said = np.where(position < np.repeat(right, n), truth, 1 - truth)
    speakers = np.repeat([f"c/s{one}" for one in range(len(right))], n)
    names = np.array([f"{speaker}-{at}" for speaker, at in zip(speakers, position, strict=True)])
    return Predicted(names, "speaker", speakers, truth, said[None], None)


def scores(**values):
    shared = {"layer": "mix", "n_train": 100, "n_utterances": 48, "n_speakers": 6}
    return pd.DataFrame([{**shared, "metric": name, "value": v} for name, v in values.items()])


def rows_of(setting, ceiling, metrics=("wa",), **values):
    top = Ceiling("top", {"mix": ceiling}, {"mix": 80})
    table = scores(**(values or dict.fromkeys(metrics, 0.5)))
    return drop_rows("cell", metrics, CLASSES, {"mix": setting}, table, top, "cross", seed=0)


def test_the_interval_is_that_of_a_paired_t_test_over_speakers():
    """Of accuracy and speakers of equal size the jackknife is the t-test of their differences."""
    here, top = np.array([4, 5, 6, 3, 4, 7]), np.array([6, 8, 6, 5, 7, 8])
    (row,) = rows_of(predicted(here), predicted(top))
    gaps = (top - here) / 8
    test = stats.ttest_rel(top / 8, here / 8).confidence_interval(0.95)
    assert row["drop"] == pytest.approx(gaps.mean())
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((test.low, test.high))
    assert row["interval_method"] == "speaker-jackknife-t"
    assert (row["value"], row["ceiling"]) == pytest.approx((here.mean() / 8, top.mean() / 8))
    # What makes a speaker hard for both does not count: the two by themselves are less sure.
    alone = stats.t.ppf(0.975, 5) * stats.sem(here / 8)
    assert row["ci_high"] - row["ci_low"] < 2 * alone


def test_with_many_speakers_it_is_the_bootstrap_of_the_difference():
    rng = np.random.default_rng(0)
    here, top = rng.integers(2, 7, 40), rng.integers(4, 9, 40)
    (row,) = rows_of(predicted(here), predicted(top))
    gaps = (top - here) / 8
    draws = gaps[rng.integers(40, size=(20_000, 40))].mean(axis=1)
    assert row["interval_method"] == "speaker-bootstrap"
    assert row["ci_low"] == pytest.approx(np.quantile(draws, 0.022), abs=0.006)
    assert row["ci_high"] == pytest.approx(np.quantile(draws, 0.978), abs=0.006)


def test_an_error_drops_upwards():
    truth = np.linspace(0, 1, 12)
    speakers = np.repeat([f"c/{one}" for one in "abcdef"], 2)
    names = np.array([f"c/{at:02d}" for at in range(12)])
    wobble = np.tile([0.1, -0.1, 0.05, -0.05], 3)
    here = Predicted(names, "speaker", speakers, truth, (truth + 3 * wobble)[None], None)
    top = Predicted(names, "speaker", speakers, truth, (truth + wobble)[None], None)
    ceiling = Ceiling("top", {"mix": top}, {"mix": 10})
    table = scores(mae=0.2, ccc=0.4)
    rows = drop_rows("cell", ("mae", "ccc"), (), {"mix": here}, table, ceiling, None, seed=0)
    by_metric = {row["metric"]: row for row in rows}
    assert by_metric["mae"]["drop"] == pytest.approx(2 * np.abs(wobble).mean())
    assert by_metric["mae"]["ci_low"] <= by_metric["mae"]["drop"] <= by_metric["mae"]["ci_high"]
    assert by_metric["ccc"]["drop"] > 0


def test_only_what_both_predict_is_compared():
    setting = predicted([4, 5, 6, 3, 4, 7])
    ceiling = predicted([8, 8, 8, 8, 8, 8]).take(np.arange(16, 48)[::-1])
    uar, normalised = rows_of(setting, ceiling, ("uar",))
    here = setting.take(np.arange(16, 48))
    expected = balanced_accuracy_score(here.truth, here.prediction[0])
    assert uar["value"] == pytest.approx(expected)
    assert uar["ceiling"] == 1.0
    assert (uar["n_utterances"], uar["n_speakers"]) == (32, 4)
    assert uar["interval_method"] == "none: 4 speakers; at least 5 are needed"
    assert normalised["metric"] == "uar-normalised"
    assert normalised["drop"] == pytest.approx(2 * uar["drop"])
    one, other = in_common(setting, ceiling)
    assert one.names.tolist() == other.names.tolist()
    assert (one.truth == other.truth).all()


def test_nothing_in_common_is_a_reason():
    setting = predicted([4, 5, 6, 3, 4, 7])
    (row,) = rows_of(setting.take(np.arange(8)), setting.take(np.arange(8, 16)))
    assert row["reason"] == "no utterance is predicted by both"
    assert row["drop"] is None
    assert row["value"] == 0.5  # as it is in scores


def test_without_a_ceiling_the_score_and_the_reason_are_left():
    setting = predicted([4, 5, 6, 3, 4, 7])
    lacks = Ceiling(None, {}, {}, "one speaker of each class")
    table = scores(uar=0.75)
    rows = drop_rows("cell", ("uar",), CLASSES, {"mix": setting}, table, lacks, None, seed=0)
    assert [row["value"] for row in rows] == [0.75, 0.5]
    assert {row["reason"] for row in rows} == {"one speaker of each class"}
    assert {row["drop"] for row in rows} == {None}


def test_unknown_speakers_leave_a_drop_without_an_interval():
    here, top = predicted([4, 5, 6, 3, 4, 7]), predicted([6, 8, 6, 5, 7, 8])
    unknown = Predicted(here.names, "speaker", None, here.truth, here.prediction, None)
    (row,) = rows_of(unknown, top)
    assert row["drop"] is not None
    assert row["ci_low"] is None
    assert row["interval_method"] == "none: speakers unknown"
    assert row["n_speakers"] is None


def test_where_no_speaker_is_known_sessions_are_resampled_else_utterances(tmp_path):
    run = RunFolder(tmp_path)
    names = TABLES["predictions"].names
    for cell, session in (("sessions", [f"s{one // 4}" for one in range(48)]), ("none", None)):
        frame = pd.DataFrame({name: [None] * 48 for name in names})
        frame = frame.assign(
            cell=cell, seed="0", layer="mix", fold="0", corpus="c", session=session,
            utterance=[f"u{one:02}" for one in range(48)], truth="a",
            prediction=["a", "b"] * 24,
        )  # fmt: skip
        run.write(cell, {"predictions": frame})
    sessions = read_predictions(run, "sessions", CLASSES)["mix"]
    assert sessions.unit == "session"
    assert sorted(set(sessions.units)) == sorted(f"c/s{one}" for one in range(12))
    utterances = read_predictions(run, "none", CLASSES)["mix"]
    assert (utterances.unit, utterances.units) == ("utterance", None)


def test_normalised_rows_are_beside_those_of_uar():
    shared = {"group": None, "class": None, "interval_method": "speaker-bootstrap"}
    table = pd.DataFrame(
        [
            {"metric": "uar", "value": 0.5, "ci_low": 0.25, "ci_high": 0.75, "chance": 0.25},
            {"metric": "wa", "value": 0.6, "ci_low": 0.5, "ci_high": 0.7, "chance": 0.4},
            {"metric": "uar", "value": 0.5, "ci_low": None, "ci_high": None, "chance": 0.5},
        ]
    ).assign(**shared)
    found = with_normalised(table)
    assert found["metric"].tolist() == ["uar", "wa", "uar", "uar-normalised", "uar-normalised"]
    four, two = found.iloc[3], found.iloc[4]
    assert (four["value"], four["ci_low"], four["ci_high"]) == pytest.approx((1 / 3, 0, 2 / 3))
    assert four["chance"] == 0
    assert two["value"] == 0
    assert pd.isna(two["ci_low"])
    assert with_normalised(table.iloc[1:2]).equals(table.iloc[1:2])


def test_the_prior_that_a_loss_implies():
    counts = np.array([30.0, 10.0])
    for balanced in ("paralbench", "ridge", "lda", "logistic", "knn"):
        assert loss_prior(get_recipe(balanced), counts, 2).tolist() == [0.5, 0.5]
    assert loss_prior(get_recipe("superb"), counts, 2).tolist() == [0.75, 0.25]
    assert loss_prior(get_recipe("superb"), np.array([30.0, 0.0]), 2) is None
    assert loss_prior(get_recipe("superb"), None, 2) is None
