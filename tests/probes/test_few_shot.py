"""Class means of a few utterances."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from paralbench.errors import ProbeError
from paralbench.probes.few_shot import _draw
from paralbench.probes.inputs import FoldRows, Inputs
from paralbench.probes.recipes import RECIPES
from paralbench.probes.settings import Settings
from paralbench.probes.target import Target
from paralbench.probes.train import train_folds, train_probes

ONE, FOUR, SIXTEEN = (RECIPES[f"few-shot-{shots}"] for shots in (1, 4, 16))


def run(recipe, one, **options):
    (result,) = train_probes(
        recipe, one.features, one.target, one.train, one.test, metric="uar", **options
    )
    return result


def uar(one, result):
    return np.mean([balanced_accuracy_score(one.labels[one.test], p) for p in result.prediction])


def shots_of(recipe, one, seed, position=0):
    fold = FoldRows("a", one.train, one.test)
    return [_draw(recipe, one.target, fold, k, (seed, position, k)) for k in range(one.n_classes)]


def test_the_class_whose_mean_is_at_the_largest_cosine(corpus):
    one = corpus(layers=3)
    result = run(FOUR, one)
    assert result.prediction.shape == (20, len(one.test))
    for seed in result.seeds:
        shots = shots_of(FOUR, one, seed)
        x = one.features.astype(np.float64) - one.features[np.concatenate(shots)].mean(0)
        x = np.concatenate(
            [x[:, i] / np.linalg.norm(x[:, i], axis=1)[:, None] for i in range(3)], 1
        )
        means = np.stack([x[rows].mean(0) for rows in shots])
        means /= np.linalg.norm(means, axis=1)[:, None]
        # The cosine with one utterance is the mean of the cosines of the layers.
        expected = (x[one.test] @ means.T).argmax(1)
        np.testing.assert_array_equal(result.prediction[seed], expected)
    assert (result.selection, result.layer, result.n_train) == ("none", "mix", 12)
    assert result.probability is None
    assert {choice.setting for choice in result.choices} == {"4 shots"}
    np.testing.assert_allclose(result.layer_weights, np.full((20, 3), 1 / 3))


def test_shots_are_training_utterances_of_the_class_drawn_once(corpus):
    one = corpus()
    for seed in range(5):
        for k, rows in enumerate(shots_of(SIXTEEN, one, seed)):
            assert len(set(rows)) == 16
            assert set(rows) <= set(one.train[one.labels[one.train] == k])


def test_seeds_and_folds_have_draws_of_their_own(corpus):
    one = corpus()
    draws = {
        (seed, position): np.concatenate(shots_of(FOUR, one, seed, position)).tobytes()
        for seed in range(4)
        for position in range(4)
    }
    assert len(set(draws.values())) == 16
    folds = [FoldRows(name, one.train, one.test) for name in "ab"]
    (first,), (second,) = train_folds(
        ONE, Inputs(one.features), one.target, folds, metric="uar", seeds=(0,)
    )
    assert (first.prediction != second.prediction).any()


def test_more_shots_are_the_same_and_more(corpus):
    one = corpus()
    for few, more in zip(shots_of(FOUR, one, 3), shots_of(SIXTEEN, one, 3), strict=True):
        assert few.tolist() == more[:4].tolist()
    scores = [uar(one, run(recipe, one)) for recipe in (ONE, FOUR, SIXTEEN)]
    assert scores == sorted(scores)
    assert scores[2] > 0.8


def test_too_few_utterances_are_told(corpus):
    one = corpus(shares=(0.6, 0.37, 0.03))
    n = (one.labels[one.train] == 2).sum()
    with pytest.raises(
        ProbeError, match=rf"'the fold': class index 2 has {n} training .* draws 16"
    ):
        run(SIXTEEN, one)


def test_a_layers_scale_and_mean_do_not_matter(corpus):
    one = corpus(layers=2)
    before = run(FOUR, one)
    one.features = one.features * np.array([[[1.0], [64.0]]], np.float32) + np.float32(8)
    np.testing.assert_array_equal(run(FOUR, one).prediction, before.prediction)


def test_a_layer_that_is_constant_does_no_harm(corpus):
    one = corpus(layers=2, layer=0)
    one.features[:, 1] = 7
    assert uar(one, run(SIXTEEN, one)) > 0.8


def test_results_do_not_depend_on_the_memory(corpus):
    one = corpus(layers=2)
    small = run(FOUR, one, settings=Settings(memory=1))
    np.testing.assert_array_equal(run(FOUR, one).prediction, small.prediction)


def test_a_class_that_training_lacks_is_never_said(corpus):
    one = corpus()
    one.train = one.train[one.labels[one.train] != 1]
    result = run(replace(FOUR, n_seeds=3), one)
    assert set(np.unique(result.prediction)) == {0, 2}
    assert result.n_train == 8


def test_numbers_are_refused(corpus):
    one = corpus()
    target = Target.of_numbers(one.features[:, 0, 0], -100, 100)
    with pytest.raises(ProbeError, match="'few-shot-1' cannot be trained"):
        train_probes(ONE, one.features, target, one.train, one.test, metric="ccc")
