"""Nearest neighbours against scikit-learn's, and by hand."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.preprocessing import StandardScaler

from paralbench.cards import Fixed
from paralbench.probes.recipes import RECIPES
from paralbench.probes.settings import Settings
from paralbench.probes.target import Target
from paralbench.probes.train import train_probes

RECIPE = RECIPES["knn"]
FIXED = Fixed(learning_rate=1.0, weight_decay=0.0, epochs=1)


def run(features, target, train, test, count=15, metric="uar", **options):
    recipe = replace(RECIPE, fixed_count=count)
    options = {"seeds": (0,), "fixed": FIXED, **options}
    (result,) = train_probes(recipe, features, target, train, test, metric=metric, **options)
    return result


def in_the_plane(degrees):
    """Utterances ``(n, 1, 2)`` in these directions, and their opposites, of mean 0."""
    angle = np.deg2rad(np.asarray(degrees, dtype=np.float64))
    x = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return np.concatenate([x, -x])[:, None].astype(np.float32)


@pytest.mark.parametrize("count", [1, 5, 15])
def test_balanced_classes_are_scikit_learns(corpus, count):
    one = corpus(signal=0.4)
    smallest = np.bincount(one.labels[one.train]).min()
    train = np.concatenate([one.train[one.labels[one.train] == k][:smallest] for k in range(3)])
    result = run(one.features, one.target, train, one.test, count)
    x = one.features[:, 0].astype(np.float64)
    scaler = StandardScaler().fit(x[train])
    model = KNeighborsClassifier(count, metric="cosine")
    model.fit(scaler.transform(x[train]), one.labels[train])
    expected = model.predict_proba(scaler.transform(x[one.test]))
    np.testing.assert_allclose(result.probability[0], expected, atol=1e-12)
    clear = (expected == expected.max(axis=1, keepdims=True)).sum(axis=1) == 1
    assert clear.mean() > 0.8
    np.testing.assert_array_equal(result.prediction[0][clear], expected.argmax(axis=1)[clear])
    assert result.choices[0].setting == f"neighbours {count}"


def test_numbers_are_scikit_learns(corpus):
    one = corpus(signal=0)
    values = one.features[:, 0, :3].mean(axis=1).astype(np.float64)
    target = Target.of_numbers(values, -100, 100)
    result = run(one.features, target, one.train, one.test, metric="ccc")
    x = one.features[:, 0].astype(np.float64)
    scaler = StandardScaler().fit(x[one.train])
    model = KNeighborsRegressor(15, metric="cosine")
    model.fit(scaler.transform(x[one.train]), values[one.train])
    expected = model.predict(scaler.transform(x[one.test]))
    np.testing.assert_allclose(result.prediction[0], expected, rtol=1e-9)
    assert result.probability is None


def test_a_vote_of_a_rare_class_weighs_more():
    # Around 0 degrees: two of class 0 of four, one of class 1 of two, and of class 2 none of four.
    features = in_the_plane([10, 20, 30, 89, 88, 0])
    labels = np.array([0, 0, 1, 2, 2, 0, 0, 0, 1, 2, 2, 0])
    target = Target.of_classes(labels, 3)
    train, test = np.array([0, 1, 2, 3, 4, 6, 7, 8, 9, 10]), np.array([5])
    result = run(features, target, train, test, 3)
    # 2 / 4 and 1 / 2: equal votes. The cosines of class 0, weighted as the votes, are larger.
    np.testing.assert_allclose(result.probability[0], [[0.5, 0.5, 0.0]])
    assert result.prediction.tolist() == [[0]]
    # Turned around, class 1 is the nearer one.
    labels = np.array([0, 0, 1, 2, 2, 0, 0, 0, 1, 2, 2, 0])
    turned = in_the_plane([20, 30, 10, 89, 88, 0])
    assert run(turned, Target.of_classes(labels, 3), train, test, 3).prediction.tolist() == [[1]]
    # With the nearest two, one of each: the rare class has twice the vote.
    result = run(in_the_plane([10, 30, 20, 89, 88, 0]), target, train, test, 2)
    np.testing.assert_allclose(result.probability[0], [[1 / 3, 2 / 3, 0.0]])
    assert result.prediction.tolist() == [[1]]


def test_of_all_equal_the_first_class():
    features = in_the_plane([45, -45, 0])
    target = Target.of_classes([1, 0, 0, 1, 0, 0], 2)
    train, test = np.array([0, 1, 3, 4]), np.array([2])
    result = run(features, target, train, test, 2)
    assert result.prediction.tolist() == [[0]]


def test_more_neighbours_than_utterances_are_all_of_them(corpus):
    one = corpus()
    result = run(one.features, one.target, one.train[:12], one.test, 45)
    np.testing.assert_allclose(result.probability, 1 / 3)  # every class has all its votes
    assert result.choices[0].setting == "neighbours 45, all 12 utterances"


def test_results_do_not_depend_on_the_memory(corpus):
    one = corpus(layers=2)
    plain = run(one.features, one.target, one.train, one.test)
    small = run(one.features, one.target, one.train, one.test, settings=Settings(memory=20_000))
    np.testing.assert_array_equal(plain.prediction, small.prediction)
    np.testing.assert_allclose(plain.probability, small.probability)


def test_constant_and_wild_dimensions_do_no_harm(corpus):
    one = corpus()
    before = run(one.features, one.target, one.train, one.test)
    extra = np.full((len(one.labels), 1, 2), 1e6, dtype=np.float32)
    extra[one.test, 0, 0] = -1e9  # constant in training, anything at test
    wild = np.concatenate([one.features, extra], axis=2)
    after = run(wild, one.target, one.train, one.test)
    np.testing.assert_array_equal(after.prediction, before.prediction)


def test_an_utterance_like_the_mean_has_no_direction_and_an_answer():
    features = np.array([[1.0, 2.0], [3.0, 5.0], [2.0, 3.5]], dtype=np.float32)[:, None]
    result = run(features, Target.of_classes([0, 1, 0], 2), np.arange(2), np.array([2]), 1)
    assert result.prediction.shape == (1, 1)
    assert np.isfinite(result.probability).all()
