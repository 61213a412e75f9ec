"""The metrics of classes against scikit-learn and audmetric."""

import warnings

import audmetric
import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.dummy import DummyClassifier
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, recall_score

from paralbench.errors import UndefinedMetricError
from paralbench.metrics import METRICS, NormalisedAverageRecall, Recall, chance_normalised
from paralbench.metrics.counting import encode


def sklearn_uar(truth, prediction) -> float:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="y_pred contains classes not in y_true")
        warnings.filterwarnings("ignore", message="A single label was found")
        return float(balanced_accuracy_score(truth, prediction))


REFERENCES = {
    "uar": sklearn_uar,
    "wa": accuracy_score,
    "weighted-f1": lambda t, p: f1_score(t, p, average="weighted", zero_division=0),
    "macro-f1": lambda t, p: f1_score(t, p, average="macro", zero_division=0),
    "positive-f1": lambda t, p: f1_score(
        t, p, labels=[max({*t, *p})], average="macro", zero_division=0
    ),
}
CLASSES = ["angry", "happy", "neutral", "sad", "surprised"]
pairs = st.lists(
    st.tuples(st.sampled_from(CLASSES), st.sampled_from(CLASSES)), min_size=1, max_size=40
)


@pytest.mark.parametrize("name", REFERENCES)
@given(pairs=pairs)
def test_agrees_with_scikit_learn(name, pairs):
    truth, prediction = map(list, zip(*pairs, strict=True))
    assume(name != "uar" or len(set(truth)) > 1)
    assume(name != "positive-f1" or max({*truth, *prediction}) in truth)
    expected = REFERENCES[name](truth, prediction)
    assert METRICS[name](truth, prediction) == pytest.approx(expected)
    # Declared classes that do not occur change nothing, but for which one is the last.
    if name == "positive-f1":
        return
    assert METRICS[name](truth, prediction, CLASSES) == pytest.approx(expected)


def test_agrees_with_audmetric_where_every_class_occurs():
    rng = np.random.default_rng(0)
    truth = rng.choice(CLASSES, 200)
    prediction = np.where(rng.random(200) < 0.6, truth, rng.choice(CLASSES, 200))
    assert METRICS["uar"](truth, prediction) == pytest.approx(
        audmetric.unweighted_average_recall(truth, prediction)
    )
    assert METRICS["wa"](truth, prediction) == pytest.approx(audmetric.accuracy(truth, prediction))
    assert METRICS["macro-f1"](truth, prediction) == pytest.approx(
        audmetric.unweighted_average_fscore(truth, prediction)
    )


@pytest.mark.parametrize("name", REFERENCES)
@given(data=st.data())
def test_summed_statistics_of_any_parts_give_the_score_of_the_union(name, data):
    """Rows of several seeds and of repeated utterances, as a resample takes them."""
    n = data.draw(st.integers(1, 30))
    labels = st.lists(st.integers(0, 3), min_size=n, max_size=n)
    truth = np.array(data.draw(labels))
    prediction = np.array(data.draw(st.lists(labels, min_size=1, max_size=3)))
    taken = np.array(data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)))
    metric = METRICS[name]
    sums = np.einsum("n,snk->sk", taken, metric.statistics(truth, prediction, 4))
    scores = metric.value(sums)
    assert scores.shape == (len(prediction),)
    for row, score in zip(prediction, scores, strict=True):
        try:
            expected = metric(np.repeat(truth, taken), np.repeat(row, taken), range(4))
        except UndefinedMetricError:
            assert np.isnan(score)
        else:
            assert score == pytest.approx(expected)
            assert metric.range[0] <= score <= metric.range[1]


@pytest.mark.parametrize("name", ["wa", "weighted-f1", "macro-f1"])
def test_chance_is_the_score_of_the_majority(name):
    truth = ["sad"] * 7 + ["angry"] * 4 + ["happy"] * 2
    majority = DummyClassifier(strategy="most_frequent").fit(truth, truth).predict(truth)
    assert METRICS[name].chance(truth) == pytest.approx(REFERENCES[name](truth, majority))
    assert METRICS[name].chance(3) is None


def test_chance_of_uar_is_the_same_for_every_constant():
    truth = ["sad"] * 7 + ["angry"] * 4 + ["happy"] * 2
    for constant in set(truth):
        score = METRICS["uar"](truth, [constant] * len(truth))
        assert score == pytest.approx(METRICS["uar"].chance(truth))
    assert METRICS["uar"].chance(3) == pytest.approx(1 / 3)


def test_chance_normalised_uar_is_scikit_learns_adjusted_balanced_accuracy():
    rng = np.random.default_rng(0)
    metric = NormalisedAverageRecall()
    for n_classes in (2, 3, 5):
        truth = np.concatenate([np.arange(n_classes), rng.integers(n_classes, size=40)])
        for prediction in (rng.permutation(truth), truth, (truth + 1) % n_classes):
            score = metric(truth, prediction, range(n_classes))
            expected = balanced_accuracy_score(truth, prediction, adjusted=True)
            assert score == pytest.approx(expected, abs=1e-12)
            assert metric.range[0] <= score <= metric.range[1]
    assert metric.chance(["sad", "sad", "angry"]) == 0
    with pytest.raises(UndefinedMetricError, match=r"truth holds 1 class, .* at least 2"):
        metric(["sad", "sad"], ["sad", "angry"])


def test_f1_of_the_positive_class():
    truth, prediction = ["no", "yes", "yes", "no"], ["yes", "yes", "no", "no"]
    metric = METRICS["positive-f1"]
    assert metric(truth, prediction, ["no", "yes"]) == 0.5
    always = metric(truth, ["yes"] * 4, ["no", "yes"])
    assert metric.chance(truth) == pytest.approx(always)
    with pytest.raises(UndefinedMetricError, match="no utterance of the positive class"):
        metric(["no", "no"], ["yes", "no"], ["no", "yes"])


def test_uar_of_one_class_is_undefined():
    with pytest.raises(UndefinedMetricError, match=r"truth holds 1 class, .* at least 2"):
        METRICS["uar"](["sad", "sad"], ["sad", "angry"])
    assert METRICS["wa"](["sad", "sad"], ["sad", "angry"]) == 0.5


@pytest.mark.parametrize("name", REFERENCES)
def test_bad_input(name):
    metric = METRICS[name]
    with pytest.raises(UndefinedMetricError, match="no utterance"):
        metric([], [])
    with pytest.raises(ValueError, match="differ in length"):
        metric(["a", "b"], ["a"])
    with pytest.raises(UndefinedMetricError, match="1 of 3 true labels are missing"):
        metric(["a", None, "b"], ["a", "b", "b"])
    with pytest.raises(UndefinedMetricError, match="1 of 2 predicted labels are missing"):
        metric(["a", "b"], pd.Series(["a", pd.NA], dtype="string"))
    with pytest.raises(ValueError, match="true labels: c not among the classes a, b"):
        metric(["a", "c"], ["a", "b"], ["a", "b"])
    with pytest.raises(ValueError, match="from 0 to 1"):
        metric.statistics(np.array([0, 2]), np.array([0, 1]), 2)
    with pytest.raises(ValueError, match="must be integers"):
        metric.statistics(np.array([0.0, 1.0]), np.array([0, 1]), 2)


def test_pandas_columns_and_indices_are_labels_too():
    truth = pd.Series(["a", "b", "b", "a"], dtype="string")
    prediction = pd.Categorical(["a", "b", "a", "a"])
    assert METRICS["uar"](truth, prediction) == 0.75
    assert METRICS["uar"](np.array([0, 1, 1, 0]), [0, 1, 0, 0]) == 0.75


def test_comparable_needs_every_class_only_for_averages_over_classes():
    truth, prediction = np.array([0, 0, 1, 2]), np.array([0, 1, 1, 2])
    for name, expected in {"uar": False, "macro-f1": False, "wa": True}.items():
        rows = METRICS[name].statistics(truth, prediction, 3)
        without_last = rows[:3].sum(axis=0)
        assert METRICS[name].comparable(without_last, rows.sum(axis=0)) == expected
        assert METRICS[name].comparable(rows.sum(axis=0), rows.sum(axis=0))


def test_encode_keeps_the_shape():
    codes = encode(np.array([["b", "a"], ["a", "a"]]), ["a", "b"])
    assert codes.tolist() == [[1, 0], [0, 0]]


def test_chance_normalised_agrees_with_scikit_learn():
    truth, prediction = [0, 0, 1, 2, 2, 2], [0, 1, 1, 2, 2, 0]
    assert chance_normalised(METRICS["uar"](truth, prediction), 3) == pytest.approx(
        balanced_accuracy_score(truth, prediction, adjusted=True)
    )
    with pytest.raises(UndefinedMetricError, match="2 classes"):
        chance_normalised(1.0, 1)


def test_recall_of_each_class_equals_scikit_learn():
    rng = np.random.default_rng(1)
    truth, prediction = rng.integers(0, 4, (2, 100))
    expected = recall_score(truth, prediction, average=None)
    found = [Recall(one)(truth, prediction, range(4)) for one in range(4)]
    assert found == pytest.approx(expected)
    assert np.mean(found) == pytest.approx(METRICS["uar"](truth, prediction))


def test_recall_of_a_class_that_does_not_occur_is_undefined():
    with pytest.raises(UndefinedMetricError, match="no utterance of the class"):
        Recall(1)(["a", "a"], ["a", "b"], ["a", "b"])
    assert Recall(0).chance(["a", "b"]) is None
