import numpy as np
import pytest
from scipy.stats import pearsonr
from sklearn.metrics import accuracy_score, balanced_accuracy_score

from paralbench.errors import UndefinedMetricError
from paralbench.runner.scoring import Outcome, confusion_frame, score_rows

CLASSES = ("angry", "happy", "sad")


def outcome(n_speakers=24, per_speaker=12, seeds=3, units=True):
    rng = np.random.default_rng(7)
    n = n_speakers * per_speaker
    truth = np.tile(np.arange(3), n // 3)
    right = rng.random((seeds, n)) < 0.7
    prediction = np.where(right, truth, rng.integers(0, 3, (seeds, n)))
    speakers = np.repeat([f"s{i:02d}" for i in range(n_speakers)], per_speaker).astype(object)
    return Outcome(
        layer="mix",
        truth=truth,
        prediction=prediction,
        fold=np.repeat(["one", "two"], n // 2).astype(object),
        units=speakers if units else None,
        unit="speaker",
        classes=CLASSES,
        n_train={"one": 100, "two": 200},
    )


def pick(rows, **conditions):
    found = [row for row in rows if all(row[key] == value for key, value in conditions.items())]
    assert len(found) == 1, found
    return found[0]


def test_pooled_scores_equal_scikit_learn_for_each_seed_and_on_average():
    given = outcome()
    rows = score_rows(given, ["uar", "wa"], {}, seed=0)
    uar = [balanced_accuracy_score(given.truth, one) for one in given.prediction]
    for seed, expected in enumerate(uar):
        row = pick(rows, metric="uar", fold="all", seed=str(seed))
        assert row["value"] == pytest.approx(expected)
    mean = pick(rows, metric="uar", fold="all", seed="mean")
    assert mean["value"] == pytest.approx(np.mean(uar))
    accuracy = np.mean([accuracy_score(given.truth, one) for one in given.prediction])
    assert pick(rows, metric="wa", fold="all", seed="mean")["value"] == pytest.approx(accuracy)


def test_the_interval_stands_on_the_row_that_averages_the_seeds_and_holds_the_score():
    rows = score_rows(outcome(), ["uar"], {}, seed=0)
    mean = pick(rows, metric="uar", fold="all", seed="mean")
    assert mean["ci_low"] < mean["value"] < mean["ci_high"]
    assert mean["interval_method"] == "speaker-bootstrap"
    assert (mean["n_speakers"], mean["n_utterances"]) == (24, 288)
    assert pick(rows, metric="uar", fold="all", seed="0")["ci_low"] is None


def test_chance_of_uar_is_one_over_the_classes():
    rows = score_rows(outcome(), ["uar"], {}, seed=0)
    assert {row["chance"] for row in rows} == {1 / 3}


def test_folds_are_scored_by_themselves_and_their_mean_is_a_row_of_its_own():
    given = outcome()
    rows = score_rows(given, ["wa"], {}, seed=0)
    values = []
    for fold, size in (("one", 100), ("two", 200)):
        chosen = given.fold == fold
        expected = np.mean(
            [accuracy_score(given.truth[chosen], one[chosen]) for one in given.prediction]
        )
        row = pick(rows, metric="wa", fold=fold, seed="mean")
        assert row["value"] == pytest.approx(expected)
        assert row["n_train"] == size
        values.append(expected)
    mean = pick(rows, metric="wa", fold="mean", seed="mean")
    assert mean["value"] == pytest.approx(np.mean(values))
    assert mean["n_train"] == 150


def test_without_speakers_there_is_no_interval_and_the_reason_is_said():
    rows = score_rows(outcome(units=False), ["uar"], {}, seed=0)
    mean = pick(rows, metric="uar", fold="all", seed="mean")
    assert mean["ci_low"] is None
    assert mean["interval_method"] == "none: speakers unknown"
    assert mean["n_speakers"] is None


def test_a_fold_of_one_class_is_no_row_for_a_metric_over_classes():
    given = outcome()
    one_class = Outcome(
        **{
            **given.__dict__,
            "fold": np.where(given.truth == 0, "angry only", "rest").astype(object),
        }
        | {"n_train": {"angry only": 10, "rest": 10}}
    )
    rows = score_rows(one_class, ["uar", "wa"], {}, seed=0)
    assert not [row for row in rows if row["metric"] == "uar" and row["fold"] == "angry only"]
    assert not [row for row in rows if row["metric"] == "uar" and row["fold"] == "mean"]
    assert pick(rows, metric="wa", fold="angry only", seed="mean")


def test_regression_is_scored_in_the_labels_unit():
    rng = np.random.default_rng(0)
    truth = rng.uniform(1, 7, 200)
    prediction = truth[None] + rng.normal(0, 1, (2, 200))
    given = Outcome(
        layer="mix",
        truth=truth,
        prediction=prediction,
        fold=np.full(200, "official", dtype=object),
        units=np.repeat([f"s{i}" for i in range(40)], 5).astype(object),
        unit="speaker",
        classes=(),
        n_train={"official": 50},
    )
    rows = score_rows(given, ["pearson", "mae"], {}, seed=0)
    expected = np.mean([pearsonr(truth, one).statistic for one in prediction])
    assert pick(rows, metric="pearson", fold="all", seed="mean")["value"] == pytest.approx(expected)
    error = np.abs(prediction - truth).mean()
    assert pick(rows, metric="mae", fold="all", seed="mean")["value"] == pytest.approx(error)
    assert {row["fold"] for row in rows} == {"all"}  # one fold needs no rows of its own


def test_an_undefined_primary_metric_is_an_error_and_another_one_a_missing_row():
    n = 40
    given = Outcome(
        layer="mix",
        truth=np.linspace(1, 2, n),
        prediction=np.full((1, n), 1.5),
        fold=np.full(n, "f", dtype=object),
        units=None,
        unit="speaker",
        classes=(),
        n_train={"f": 5},
    )
    with pytest.raises(UndefinedMetricError):
        score_rows(given, ["pearson"], {}, seed=0)
    rows = score_rows(given, ["mae", "pearson"], {}, seed=0)
    assert {row["metric"] for row in rows} == {"mae"}


def test_the_confusion_counts_every_utterance_once_per_seed():
    given = outcome(seeds=2)
    frame = confusion_frame(given, "c")
    assert frame["count"].sum() == 2 * len(given.truth)
    right = frame[frame["truth"] == frame["prediction"]]["count"].sum()
    assert right == (given.prediction == given.truth).sum()
