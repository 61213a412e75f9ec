"""Rows of the scores, predictions and confusion tables."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import pearsonr
from sklearn.metrics import accuracy_score, balanced_accuracy_score, recall_score

from paralbench.errors import UndefinedMetricError
from paralbench.metrics import METRICS, BrierScore
from paralbench.runner.outcome import Outcome
from paralbench.runner.scoring import join_tables
from paralbench.statistics.bootstrap import interval
from paralbench.tables import TABLES

WHOLE = {"fold": "all", "group": None, "class": None}


def numbers(n=200, seeds=2, n_speakers=40, **changes):
    rng = np.random.default_rng(0)
    truth = rng.uniform(1, 7, n)
    names = np.repeat([f"s{i:02d}" for i in range(n_speakers)], n // n_speakers).astype(object)
    frame = pd.DataFrame({"corpus": "v", "utterance": [f"u{i}" for i in range(n)]})
    frame = frame.assign(speaker=names, session=None, gender=None, language=None)
    given = {
        "layer": "mix",
        "truth": truth,
        "prediction": truth[None] + rng.normal(0, 1, (seeds, n)),
        "fold": np.full(n, "official", dtype=object),
        "units": names,
        "unit": "speaker",
        "classes": (),
        "n_train": {"official": 50},
        **changes,
    }
    return Outcome(**given), frame


def test_pooled_scores_equal_scikit_learn_for_each_seed_and_on_average(acted, tables, pick):
    given, frame = acted()
    scores = tables(given, frame)["scores"]
    uar = [balanced_accuracy_score(given.truth, one) for one in given.prediction]
    for seed, expected in enumerate(uar):
        row = pick(scores, metric="uar", seed=str(seed), **WHOLE)
        assert row["value"] == pytest.approx(expected)
    mean = pick(scores, metric="uar", seed="mean", **WHOLE)
    assert mean["value"] == pytest.approx(np.mean(uar))
    accuracy = np.mean([accuracy_score(given.truth, one) for one in given.prediction])
    assert pick(scores, metric="wa", seed="mean", **WHOLE)["value"] == pytest.approx(accuracy)


def test_the_interval_is_on_the_row_that_averages_the_seeds_and_is_that_of_the_utterances(
    acted, tables, pick
):
    given, frame = acted()
    scores = tables(given, frame)["scores"]
    for name in ("uar", "wa"):
        mean = pick(scores, metric=name, seed="mean", **WHOLE)
        found = interval(METRICS[name], given.truth, given.prediction, given.units, seed=0)
        assert (mean["ci_low"], mean["ci_high"]) == pytest.approx((found.low, found.high))
        assert mean["interval_method"] == found.method == "speaker-bootstrap"
        assert (mean["n_speakers"], mean["n_utterances"]) == (24, 288)
    assert np.isnan(pick(scores, metric="uar", seed="0", **WHOLE)["ci_low"])


@pytest.mark.parametrize("unit", ["speaker", "session", "utterance"])
def test_the_interval_resamples_what_the_outcome_names(acted, tables, pick, unit):
    given, frame = acted()
    given = replace(given, unit=unit, units=None if unit == "utterance" else given.units)
    mean = pick(tables(given, frame)["scores"], metric="uar", seed="mean", **WHOLE)
    found = interval(METRICS["uar"], given.truth, given.prediction, given.units, seed=0, unit=unit)
    assert (mean["ci_low"], mean["ci_high"]) == pytest.approx((found.low, found.high))
    assert mean["interval_method"] == f"{unit}-bootstrap"


def test_where_class_is_an_attribute_of_the_speaker_resamples_keep_it(acted, tables, pick):
    given, frame = acted(n_speakers=48)
    truth = np.array([int(name[1:]) % 2 for name in given.units])
    given = replace(given, truth=truth, classes=("no", "yes", "never"))
    scores = tables(given, frame.assign(gender="female"), ["wa"])["scores"]
    mean = pick(scores, metric="wa", seed="mean", **WHOLE)
    found = interval(METRICS["wa"], truth, given.prediction, given.units, seed=0, n_classes=3)
    assert mean["interval_method"] == found.method == "speaker-bootstrap-within-class"
    assert mean["ci_low"] == pytest.approx(found.low)
    assert set(scores["class"].dropna()) == {"no", "yes"}  # a class that does not occur has no row


def test_chance_of_uar_is_one_over_the_classes(acted, tables):
    scores = tables(*acted(), metrics=["uar"])["scores"]
    assert set(scores.loc[scores["metric"] == "uar", "chance"]) == {1 / 3}


def test_folds_are_scored_by_themselves_and_their_mean_is_a_row_of_its_own(acted, tables, pick):
    given, frame = acted()
    scores = tables(given, frame, ["wa"])["scores"]
    values = []
    for fold, size in (("one", 100), ("two", 200)):
        chosen = given.fold == fold
        expected = np.mean(
            [accuracy_score(given.truth[chosen], one[chosen]) for one in given.prediction]
        )
        row = pick(scores, metric="wa", fold=fold, seed="mean")
        assert row["value"] == pytest.approx(expected)
        assert (row["n_train"], row["n_speakers"], row["n_utterances"]) == (size, 12, 144)
        values.append(expected)
    mean = pick(scores, metric="wa", fold="mean", seed="mean")
    assert mean["value"] == pytest.approx(np.mean(values))
    assert mean["n_train"] == 150


def test_the_recall_of_each_class_has_an_interval_over_the_speakers_who_say_it(acted, tables, pick):
    given, frame = acted()
    kept = (given.truth != 2) | (given.units > "s03")  # four speakers are never sad
    given = replace(
        given,
        truth=given.truth[kept],
        prediction=given.prediction[:, kept],
        fold=given.fold[kept],
        units=given.units[kept],
    )
    scores = tables(given, frame[kept])["scores"]
    recalls = [recall_score(given.truth, one, average=None) for one in given.prediction]
    for code, name in enumerate(given.classes):
        row = pick(scores, metric="recall", class_=name)
        said = given.truth == code
        assert row["value"] == pytest.approx(np.mean(recalls, axis=0)[code])
        assert row["n_utterances"] == said.sum()
        assert row["n_speakers"] == (20 if name == "sad" else 24)
        # Recall is accuracy on the utterances of the class.
        right = (given.prediction[:, said] == code).astype(int)
        found = interval(METRICS["mae"], np.ones(said.sum()), right, given.units[said], seed=0)
        assert (row["ci_low"], row["ci_high"]) == pytest.approx((1 - found.high, 1 - found.low))
        assert np.isnan(row["chance"])
        assert (row["fold"], row["seed"], row["interval_method"]) == (
            "all",
            "mean",
            "speaker-bootstrap",
        )


def test_without_speakers_there_is_no_interval_and_the_reason_is_said(acted, tables, pick):
    given, frame = acted()
    scores = tables(replace(given, units=None), frame)["scores"]
    mean = pick(scores, metric="uar", seed="mean", **WHOLE)
    assert pd.isna(mean["ci_low"])
    assert mean["interval_method"] == "none: speakers unknown"
    assert pd.isna(mean["n_speakers"])
    some = np.where(given.units == "s00", None, given.units)
    scores = tables(replace(given, units=some), frame)["scores"]
    mean = pick(scores, metric="uar", seed="mean", **WHOLE)
    assert mean["interval_method"] == "none: speaker of 12 of 288 utterances unknown"


def test_a_fold_of_one_class_is_no_row_for_a_metric_over_classes(acted, tables, pick):
    given, frame = acted()
    given = replace(
        given,
        fold=np.where(given.truth == 0, "angry only", "rest").astype(object),
        n_train={"angry only": 10, "rest": 10},
    )
    scores = tables(given, frame)["scores"]
    uar = scores[scores["metric"] == "uar"]
    assert not set(uar["fold"]) & {"angry only", "rest", "mean"}
    assert pick(scores, metric="wa", fold="angry only", seed="mean")["n_train"] == 10


def test_regression_is_scored_in_the_labels_unit(tables, pick):
    given, frame = numbers()
    found = tables(given, frame, ["ccc", "pearson", "mae"])
    scores = found["scores"]
    expected = np.mean([pearsonr(given.truth, one).statistic for one in given.prediction])
    row = pick(scores, metric="pearson", seed="mean", **WHOLE)
    assert row["value"] == pytest.approx(expected)
    error = np.abs(given.prediction - given.truth).mean()
    row = pick(scores, metric="mae", seed="mean", **WHOLE)
    assert row["value"] == pytest.approx(error)
    by_utterance = interval(METRICS["mae"], given.truth, given.prediction, given.units, seed=0)
    assert row["ci_low"] == pytest.approx(by_utterance.low)
    assert row["chance"] == pytest.approx(METRICS["mae"].chance(given.truth))
    assert set(scores["fold"]) == {"all"}  # one fold needs no rows of its own
    assert scores["class"].isna().all()
    assert found["predictions"]["prediction"].astype(float).to_numpy() == pytest.approx(
        given.prediction.ravel()
    )
    assert found["confusion"].empty
    assert found["calibration"].empty


def test_an_undefined_primary_metric_is_an_error_and_another_one_a_missing_row(tables):
    given, frame = numbers(seeds=1)
    given = replace(given, prediction=np.full((1, 200), 1.5))
    with pytest.raises(UndefinedMetricError, match="pearson is undefined: the prediction is const"):
        tables(given, frame, ["pearson"])
    assert set(tables(given, frame, ["mae", "pearson"])["scores"]["metric"]) == {"mae"}


def test_a_prediction_that_is_missing_is_an_error_and_never_another_value(tables):
    given, frame = numbers()
    given.prediction[1, 3] = np.nan
    with pytest.raises(UndefinedMetricError, match="1 of 200 values of the prediction"):
        tables(given, frame, ["mae"])


def test_a_constant_answer_is_scored_at_chance_without_an_interval_for_certainty(
    acted, tables, pick
):
    given, frame = acted()
    given = replace(given, prediction=np.zeros_like(given.prediction))
    scores = tables(given, frame)["scores"]
    row = pick(scores, metric="uar", seed="mean", **WHOLE)
    assert row["value"] == pytest.approx(row["chance"])
    assert "width of zero would claim certainty" in row["interval_method"]
    assert pick(scores, metric="recall", class_="angry")["value"] == 1
    assert pick(scores, metric="recall", class_="sad")["value"] == 0


def test_probabilities_are_scored_per_seed_and_on_average(acted, tables, pick):
    given, frame = acted()
    probability = np.random.default_rng(1).dirichlet(np.ones(3), size=given.prediction.shape)
    found = tables(given, frame, probabilities=probability)
    scores = found["scores"]
    expected = [BrierScore()(given.truth, one) for one in probability]
    for seed, value in enumerate(expected):
        assert pick(scores, metric="brier", seed=str(seed))["value"] == pytest.approx(value)
    mean = pick(scores, metric="brier", seed="mean")
    assert mean["value"] == pytest.approx(np.mean(expected))
    assert mean["ci_low"] < mean["value"] < mean["ci_high"]
    assert mean["chance"] == pytest.approx(2 / 3)
    error = pick(scores, metric="ece", seed="mean")
    assert error["interval_method"].startswith("none: ")
    assert np.isnan(error["ci_low"])
    assert "probability sad" in found["predictions"].columns


def test_without_probabilities_there_is_no_calibration(acted, tables):
    found = tables(*acted())
    assert not {"brier", "ece"} & set(found["scores"]["metric"])
    assert found["calibration"].empty


def test_without_detail_classes_groups_and_calibration_are_left_out(acted, tables):
    given, frame = acted()
    probability = np.full((*given.prediction.shape, 3), 1 / 3)
    found = tables(given, frame, probabilities=probability, detail=False)
    assert set(found["scores"]["metric"]) == {"uar", "wa"}
    assert found["gaps"].empty
    assert found["calibration"].empty
    assert len(found["predictions"]) == given.prediction.size
    assert found["confusion"]["count"].sum() == given.prediction.size


def test_a_probe_on_a_share_of_the_speakers_has_pooled_scores_and_nothing_else(acted, tables):
    given, frame = acted()
    found = tables(given, frame, train_share=0.25)
    scores = found["scores"]
    assert scores[["metric", "fold", "seed"]].to_numpy().tolist() == [
        ["uar", "all", "mean"],
        ["wa", "all", "mean"],
    ]
    assert (scores["train_share"] == 0.25).all()
    assert scores["ci_low"].notna().all()
    assert all(found[name].empty for name in ("predictions", "confusion", "calibration", "gaps"))


@pytest.mark.parametrize("kind", ["classes", "numbers"])
def test_the_order_of_the_utterances_changes_nothing(acted, tables, kind):
    given, frame = acted() if kind == "classes" else numbers()
    frame = frame.assign(gender=np.where(frame["speaker"].str[-1] < "4", "female", "male"))
    metrics = ("uar", "wa") if kind == "classes" else ("ccc", "mae")
    order = np.random.default_rng(3).permutation(len(given.truth))
    other = replace(
        given,
        truth=given.truth[order],
        prediction=given.prediction[:, order],
        fold=given.fold[order],
        units=given.units[order],
    )
    first = tables(given, frame, metrics)
    again = tables(other, frame.iloc[order].reset_index(drop=True), metrics)
    assert len(first["gaps"]) == 2
    for name in ("scores", "gaps", "confusion"):
        pd.testing.assert_frame_equal(first[name], again[name], rtol=1e-9)


def test_the_confusion_counts_every_utterance_once_per_seed(acted, tables):
    given, frame = acted(seeds=2)
    counts = tables(given, frame)["confusion"]
    assert counts["count"].sum() == 2 * len(given.truth)
    right = counts[counts["truth"] == counts["prediction"]]["count"].sum()
    assert right == (given.prediction == given.truth).sum()


def test_all_tables_fit_their_declaration_alone_and_joined(acted, tables):
    given, frame = acted()
    probability = np.random.default_rng(1).dirichlet(np.ones(3), size=given.prediction.shape)
    whole = tables(given, frame, probabilities=probability)
    joined = join_tables([whole, tables(given, frame, train_share=0.5)])
    for name, found in joined.items():
        if name == "scores":
            assert len(found) == len(whole["scores"]) + 2
            found = found.assign(**_of_a_cell(found))
        assert TABLES[name].to_arrow(found).num_rows == len(found)
    without = join_tables([tables(given, frame, detail=False)])["gaps"]
    assert TABLES["gaps"].to_arrow(without).num_rows == 0


def _of_a_cell(scores):
    """The columns that a cell says of all its rows."""
    columns = {one.name: one for one in TABLES["scores"].columns}
    missing = [name for name in columns if scores[name].isna().all() and not columns[name].optional]
    return {name: False if columns[name].type == "bool" else "x" for name in missing}
