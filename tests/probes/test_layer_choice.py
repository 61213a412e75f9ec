"""What all recipes that are not trained by gradient descent have in common."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from paralbench.probes.inputs import FoldRows, Inputs
from paralbench.probes.recipes import RECIPES
from paralbench.probes.settings import Settings
from paralbench.probes.target import Target
from paralbench.probes.train import train_folds, train_probes

GRIDS = {
    "ridge": "penalties",
    "lda": "penalties",
    "svm": "costs",
    "logistic": "costs",
    "knn": "counts",
}
every = pytest.mark.parametrize("name", [*GRIDS, "few-shot-4"])
choosing = pytest.mark.parametrize("name", GRIDS)


def run(recipe, one, target=None, seeds=(0, 1), draw=None, **options):
    recipe = RECIPES[recipe] if isinstance(recipe, str) else recipe
    draw = (draw or one.draw) if recipe.selects else None
    target = target or one.target
    (result,) = train_probes(
        recipe,
        one.features,
        target,
        one.train,
        one.test,
        metric="uar",
        draw=draw,
        seeds=seeds,
        **options,
    )
    return result


def uar(one, result):
    return np.mean([balanced_accuracy_score(one.labels[one.test], p) for p in result.prediction])


def same(one, other):
    np.testing.assert_array_equal(one.prediction, other.prediction)
    if one.probability is not None:
        np.testing.assert_allclose(one.probability, other.probability, atol=1e-9)
    assert [c.setting for c in one.choices] == [c.setting for c in other.choices]
    assert [c.layer for c in one.choices] == [c.layer for c in other.choices]


@choosing
def test_a_planted_layer_is_chosen(corpus, name):
    one = corpus(layers=4, layer=2, signal=0.7)
    result = run(name, one)
    assert [choice.layer for choice in result.choices] == [2, 2]
    assert uar(one, result) > 0.8
    assert result.layer == "chosen"
    assert result.selection == "development"
    assert result.layer_weights.tolist() == [[1.0], [1.0]]
    for choice in result.choices:
        assert 0.6 < choice.score <= 1
        assert (choice.learning_rate, choice.weight_decay, choice.steps) == (None, None, None)


@every
def test_random_labels_give_chance(corpus, name):
    made = (corpus(seed, signal=0, dim=8) for seed in range(20, 36))
    scores = [uar(one, run(name, one, seeds=(0,))) for one in made]
    error = np.std(scores, ddof=1) / len(scores) ** 0.5
    assert error < 0.02
    assert abs(np.mean(scores) - 1 / 3) < 3 * error


@every
def test_test_labels_are_never_read(corpus, name):
    one = corpus(layers=2)
    changed = one.labels.copy()
    changed[one.test] = (changed[one.test] + 1) % 3
    given, other = run(name, one), run(name, one, Target.of_classes(changed, 3))
    np.testing.assert_array_equal(given.prediction, other.prediction)
    assert given.probability is None or np.array_equal(given.probability, other.probability)
    assert given.choices == other.choices


@every
def test_the_order_of_utterances_does_not_matter(corpus, name):
    one, mixed = corpus(layers=2, signal=0.3), corpus(layers=2, signal=0.3)
    rng = np.random.default_rng(1)
    mixed.train = rng.permutation(mixed.train)
    fits = {seed: one.draw(seed) for seed in (0, 1)}
    shuffled = {seed: tuple(map(rng.permutation, draw)) for seed, draw in fits.items()}
    same(run(name, one), run(name, mixed, draw=shuffled.__getitem__))


@every
def test_a_class_that_training_lacks_is_never_said(corpus, name):
    one = corpus()
    one.train = one.train[one.labels[one.train] != 1]
    result = run(name, one)
    assert set(np.unique(result.prediction)) <= {0, 2}
    if result.probability is not None:
        assert not result.probability[:, :, 1].any()
        np.testing.assert_allclose(result.probability.sum(2), 1)


@choosing
def test_a_class_that_the_fitting_part_lacks(corpus, name):
    one = corpus(n_classes=4)
    fit, rows = one.draw(0)
    fit = fit[one.labels[fit] != 3]
    result = run(name, one, draw=lambda _seed: (fit, rows))
    recall = (result.prediction == 3)[:, one.labels[one.test] == 3].mean()
    assert recall > 0.5  # the tested probe is trained on all of train
    # Its development utterances count as wrong, and that is all.
    assert 0.25 < result.choices[0].score <= 0.75


@choosing
def test_the_splits_own_development_part_is_not_trained_on(corpus, name):
    one = corpus()
    inside, apart = one.train[:150], one.train[150:]
    one.train = inside
    grid = GRIDS[name]
    only = replace(RECIPES[name], **{grid: getattr(RECIPES[name], grid)[1:2]})
    before = run(only, one, draw=lambda _seed: (inside, apart))
    one.features[apart] = 0  # what is learned of it would be lost
    after = run(only, one, draw=lambda _seed: (inside, apart))
    same(before, after)
    assert before.n_train == 150


@choosing
def test_folds_do_not_know_each_other_nor_do_threads(corpus, name):
    one = corpus(layers=2, dim=12, signal=0.3)
    positions = np.arange(len(one.labels))
    folds = []
    for number in range(3):
        test = positions[number * 90 : (number + 1) * 90]
        one.train, one.test = np.setdiff1d(positions, test), test
        folds.append(FoldRows(str(number), one.train, test, tuple(map(one.draw, (0, 1)))))
    inputs = Inputs(one.features)
    options = {"metric": "uar", "seeds": (0, 1)}
    together = train_folds(
        RECIPES[name], inputs, one.target, folds, settings=Settings(workers=3), **options
    )
    for fold, (result,) in zip(folds, together, strict=True):
        ((alone,),) = train_folds(
            RECIPES[name], inputs, one.target, [fold], settings=Settings(workers=1), **options
        )
        same(result, alone)


@every
def test_features_are_left_alone(corpus, name):
    one = corpus(layers=2)
    one.features.setflags(write=False)
    before = one.features.copy()
    run(name, one)
    np.testing.assert_array_equal(one.features, before)


@pytest.mark.parametrize(("name", "metric"), [("ridge", "mae"), ("svm", "ccc"), ("knn", "pearson")])
def test_numbers_on_a_planted_layer(corpus, name, metric):
    one = corpus(layers=3, signal=0, dim=6)
    values = 40 + one.features[:, 1, :4].sum(axis=1).astype(np.float64)
    (result,) = train_probes(
        RECIPES[name],
        one.features,
        Target.of_numbers(values, -1000, 1000),
        one.train,
        one.test,
        metric=metric,
        draw=lambda seed: one.draw(seed),
    )
    assert {choice.layer for choice in result.choices} == {1}
    for prediction, choice in zip(result.prediction, result.choices, strict=True):
        assert np.corrcoef(prediction, values[one.test])[0, 1] > 0.7
        assert choice.score > 0  # an error has its own sign
    assert result.prediction.dtype == np.float64
