"""Support vectors and logistic regression against pipelines of scikit-learn's own."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC, LinearSVR

from paralbench.cards import Fixed
from paralbench.errors import ProbeError
from paralbench.probes import classical
from paralbench.probes.recipes import RECIPES
from paralbench.probes.target import Target
from paralbench.probes.train import train_probes

SVM, LOGISTIC = RECIPES["svm"], RECIPES["logistic"]
FIXED = Fixed(learning_rate=1.0, weight_decay=0.0, epochs=1)


def run(recipe, one, target=None, **options):
    options = {"metric": "uar", "fixed": FIXED, **options}
    target = target or one.target
    (result,) = train_probes(recipe, one.features, target, one.train, one.test, **options)
    return result


def pipeline(one, model, layer=0):
    x = one.features[:, layer].astype(np.float64)
    fitted = make_pipeline(StandardScaler(), model).fit(x[one.train], one.labels[one.train])
    return fitted, x[one.test]


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("dim", [20, 400])
def test_support_vectors(corpus, dim, n_classes):
    one = corpus(
        dim=dim,
        n_classes=n_classes,
        signal=0.3,
        shares=(0.8, *[0.2 / (n_classes - 1)] * (n_classes - 1)),
    )
    result = run(SVM, one, seeds=(0, 1))
    for seed, prediction in zip(result.seeds, result.prediction, strict=True):
        model = LinearSVC(C=SVM.fixed_cost, class_weight="balanced", random_state=seed)
        fitted, x = pipeline(one, model)
        np.testing.assert_array_equal(prediction, fitted.predict(x))
    assert result.probability is None
    assert (result.selection, result.n_train) == ("fixed", 210)
    assert [choice.setting for choice in result.choices] == [f"C {SVM.fixed_cost:g}"] * 2


@pytest.mark.parametrize("dim", [20, 400])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_logistic_regression(corpus, dim, n_classes):
    one = corpus(layers=2, dim=dim, n_classes=n_classes, signal=0.3)
    result = run(LOGISTIC, one, Target.of_classes(one.labels, 4))  # with classes unseen
    model = LogisticRegression(C=LOGISTIC.fixed_cost, class_weight="balanced")
    fitted, x = pipeline(one, model, layer=1)
    for prediction, probability in zip(result.prediction, result.probability, strict=True):
        np.testing.assert_array_equal(prediction, fitted.predict(x))
        np.testing.assert_allclose(probability[:, :n_classes], fitted.predict_proba(x), atol=1e-9)
        assert not probability[:, n_classes:].any()
    assert result.layer == "chosen"
    assert {choice.layer for choice in result.choices} == {1}


@pytest.mark.parametrize("dim", [20, 400])
def test_numbers(corpus, dim):
    one = corpus(dim=dim)
    values = 50 + 9 * one.features[:, 0, :3].mean(axis=1).astype(np.float64)
    target = Target.of_numbers(values, -1000, 1000)
    result = run(SVM, one, target, metric="ccc", seeds=(3,))
    x = one.features[:, 0].astype(np.float64)
    model = TransformedTargetRegressor(
        make_pipeline(StandardScaler(), LinearSVR(C=SVM.fixed_cost, random_state=3)),
        transformer=StandardScaler(),
    )
    expected = model.fit(x[one.train], values[one.train]).predict(x[one.test])
    np.testing.assert_allclose(result.prediction[0], expected, rtol=1e-6)


def test_logistic_regression_of_numbers_is_refused(corpus):
    one = corpus()
    target = Target.of_numbers(one.features[:, 0, 0], -100, 100)
    with pytest.raises(ProbeError, match=r"'logistic' cannot be trained .*'regression'. Allowed"):
        run(LOGISTIC, one, target, metric="ccc")


@pytest.mark.parametrize("recipe", [SVM, LOGISTIC], ids=lambda one: one.name)
def test_what_did_not_converge_says_so(corpus, recipe, monkeypatch):
    one = corpus(signal=0.2)
    monkeypatch.setattr(classical, "MAX_ITERATIONS", 1)
    result = run(replace(recipe, fixed_cost=0.1), one, seeds=(0,))
    assert result.choices[0].setting == "C 0.1, not converged"


def test_two_runs_are_the_same(corpus):
    one = corpus(layers=2, dim=300)
    options = {"draw": one.draw, "fixed": None, "seeds": (0, 1)}
    first, second = run(SVM, one, **options), run(SVM, one, **options)
    assert first.choices == second.choices
    np.testing.assert_array_equal(first.prediction, second.prediction)


@pytest.mark.parametrize("recipe", [SVM, LOGISTIC], ids=lambda one: one.name)
def test_constant_and_wild_dimensions_do_no_harm(corpus, recipe):
    one = corpus()
    before = run(recipe, one)
    extra = np.full((len(one.labels), 1, 2), 1e6, dtype=np.float32)
    extra[one.test, 0, 0] = -1e9  # constant in training, anything at test
    one.features = np.concatenate([one.features, extra], axis=2)
    np.testing.assert_array_equal(run(recipe, one).prediction, before.prediction)
