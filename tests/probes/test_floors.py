"""The floors: what is reached without listening."""

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.metrics import balanced_accuracy_score

from paralbench.errors import ProbeError
from paralbench.probes.floors import duration_features, majority
from paralbench.probes.inputs import FoldRows, Inputs
from paralbench.probes.recipes import RECIPES
from paralbench.probes.target import Target
from paralbench.probes.train import train_folds, train_probes


def test_the_most_frequent_training_class_as_scikit_learn_has_it():
    labels = np.array([2, 2, 0, 1, 2, 0, 1, 1, 1, 1])
    train, test = np.arange(6), np.arange(6, 10)
    result = majority(Target.of_classes(labels, 4), train, test)
    dummy = DummyClassifier(strategy="prior").fit(np.zeros((6, 1)), labels[train])
    assert result.prediction.tolist() == [dummy.predict(np.zeros((4, 1))).tolist()]
    np.testing.assert_allclose(result.probability[0][:, :3], dummy.predict_proba(np.zeros((4, 1))))
    assert result.probability[0][:, 3].tolist() == [0] * 4  # a class that training lacks
    assert (result.selection, result.seeds, result.n_train) == ("none", (0,), 6)


def test_the_first_of_equally_frequent_classes():
    result = majority(Target.of_classes([2, 1, 1, 2, 0], 3), np.arange(4), np.array([4]))
    assert result.prediction.tolist() == [[1]]


def test_the_training_mean():
    values = np.array([1.0, 2.0, 6.0, 50.0])
    result = majority(Target.of_numbers(values, 0, 100), np.arange(3), np.array([3]))
    dummy = DummyRegressor().fit(np.zeros((3, 1)), values[:3])
    assert result.prediction.tolist() == [dummy.predict(np.zeros((1, 1))).tolist()]
    assert result.probability is None


def test_one_constant_for_all_folds():
    # The majority of fold b's own training part is class 0, which its test part lacks.
    labels = np.array([0, 1, 0, 1, 1])
    folds = [
        FoldRows("a", np.array([1, 3, 4, 0]), np.array([2])),
        FoldRows("b", np.array([0, 2, 1]), np.array([3, 4])),
    ]
    results = train_folds(
        RECIPES["majority"],
        Inputs(np.zeros((5, 1, 1), np.float32)),
        Target.of_classes(labels, 2),
        folds,
        metric="uar",
        seeds=(4, 7),
    )
    assert [one.prediction.tolist() for (one,) in results] == [[[1]] * 2, [[1, 1]] * 2]
    for (one,), n in zip(results, (4, 3), strict=True):
        np.testing.assert_allclose(
            one.probability, np.broadcast_to([0.4, 0.6], one.probability.shape)
        )
        assert (one.n_train, one.seeds, one.choices) == (n, (4, 7), ())
        assert (one.layer, one.selection) == ("mix", "none")
        assert one.layer_weights.shape == (2, 1)


def test_one_mean_for_all_folds():
    values = np.array([1.0, 2.0, 6.0, 7.0])
    folds = [
        FoldRows("a", np.array([0, 1]), np.array([2, 3])),
        FoldRows("b", np.array([1, 2]), np.array([0])),
    ]
    results = train_folds(
        RECIPES["majority"],
        Inputs(np.zeros((4, 1, 1), np.float32)),
        Target.of_numbers(values, 0, 10),
        folds,
        metric="ccc",
    )
    assert [one.prediction.tolist() for (one,) in results] == [[[3.0, 3.0]], [[3.0]]]
    assert [one.probability for (one,) in results] == [None, None]


def test_one_training_class_is_refused():
    with pytest.raises(ProbeError, match="hold one class"):
        majority(Target.of_classes([0, 0, 1], 2), np.arange(2), np.array([2]))


def test_length_alone_tells_classes_that_differ_in_length(corpus):
    one = corpus(speakers=8, n_classes=2)
    rng = np.random.default_rng(0)
    seconds = np.exp(rng.normal(one.labels, 0.5))
    features = duration_features(seconds)
    assert features.shape == (240, 1, 1)
    np.testing.assert_allclose(features[:, 0, 0], np.log(seconds), rtol=1e-6)
    (result,) = train_probes(
        RECIPES["duration"],
        features,
        one.target,
        one.train,
        one.test,
        metric="uar",
        draw=one.draw,
    )
    # Two normal distributions two deviations apart: the best boundary is right in 84 % of cases.
    for prediction in result.prediction:
        assert balanced_accuracy_score(one.labels[one.test], prediction) > 0.75


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan])
def test_a_length_that_is_none_is_refused(bad):
    with pytest.raises(ProbeError, match="length"):
        duration_features([1.0, bad])
