"""Ridge regression and discriminant analysis against scikit-learn's."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import Ridge, RidgeClassifier
from sklearn.metrics import balanced_accuracy_score

from paralbench.cards import Fixed
from paralbench.errors import ProbeError
from paralbench.probes.closed_form import _ClosedForm
from paralbench.probes.inputs import FoldRows, Inputs
from paralbench.probes.recipes import RECIPES
from paralbench.probes.settings import Settings
from paralbench.probes.target import Target
from paralbench.probes.train import train_folds, train_probes

RIDGE, LDA = RECIPES["ridge"], RECIPES["lda"]
FIXED = Fixed(learning_rate=1.0, weight_decay=0.0, epochs=1)
# More utterances than dimensions, without and with room for the Gram of each class; and fewer.
WAYS = [
    pytest.param(12, 0, id="each part by itself"),
    pytest.param(12, 1 << 30, id="by subtraction"),
    pytest.param(400, 1 << 30, id="more dimensions than utterances"),
]


def standardised(x, rows):
    deviation = x[rows].std(0)
    return (x - x[rows].mean(0)) / (deviation * x.shape[1] ** 0.5)


def trained(recipe, one, target, memory, fit, rows):
    """The values of all penalties, their probabilities, and the features for scikit-learn."""
    method = _ClosedForm(recipe, Inputs(one.features), target, Settings(memory=memory))
    found = method.open(0, [one.train]).outputs(fit, one.train, rows, recipe.penalties, 0)
    x = standardised(one.features[:, 0].astype(np.float64), fit)
    return found.values, method.probabilities(found.values), x


@pytest.mark.parametrize(("dim", "memory"), WAYS)
def test_ridge_is_scikit_learns(corpus, dim, memory):
    one = corpus(dim=dim, n_classes=4, shares=(0.5, 0.3, 0.1, 0.1))
    fit, rows = one.train[:170], one.train[170:]
    target = Target.of_classes(one.labels, 5)  # one class does not occur
    found, _, x = trained(RIDGE, one, target, memory, fit, rows)
    y = one.labels[fit]
    for penalty, values in zip(RIDGE.penalties, found, strict=True):
        alpha = penalty * len(fit)
        model = Ridge(alpha=alpha).fit(
            x[fit], np.eye(4)[y], sample_weight=target.class_weights(fit)[y]
        )
        np.testing.assert_allclose(values[:, :4], model.predict(x[rows]), rtol=0, atol=1e-8)
        model = RidgeClassifier(alpha=alpha, class_weight="balanced").fit(x[fit], y)
        sides = model.decision_function(x[rows])
        np.testing.assert_allclose(2 * values[:, :4] - 1, sides, rtol=0, atol=1e-8)
        assert (values[:, 4] == -np.inf).all()


@pytest.mark.parametrize(("dim", "memory"), WAYS)
def test_discriminant_analysis_is_scikit_learns(corpus, dim, memory):
    one = corpus(dim=dim, n_classes=4, shares=(0.5, 0.3, 0.1, 0.1))
    fit, rows = one.train[:170], one.train[170:]
    target = Target.of_classes(one.labels, 5)
    found, chances, x = trained(LDA, one, target, memory, fit, rows)
    for shrinkage, values, probability in zip(LDA.penalties, found, chances, strict=True):
        model = LinearDiscriminantAnalysis(
            "lsqr", shrinkage=shrinkage, priors=np.full(4, 1 / 4)
        ).fit(x[fit], one.labels[fit])
        sides = model.decision_function(x[rows])
        np.testing.assert_allclose(values[:, :4], sides, rtol=1e-6, atol=1e-6)
        expected = model.predict_proba(x[rows])
        np.testing.assert_allclose(probability[:, :4], expected, rtol=0, atol=1e-6)
        assert (probability[:, 4] == 0).all()


@pytest.mark.parametrize(("dim", "memory"), WAYS)
def test_numbers_are_scikit_learns_ridge(corpus, dim, memory):
    one = corpus(dim=dim, signal=0)
    values = 50 + 9 * one.features[:, 0, :3].mean(axis=1).astype(np.float64)
    values[one.test] = np.nan  # never read
    target = Target.of_numbers(values, -1000, 1000)
    (result,) = train_probes(
        RIDGE,
        one.features,
        target,
        one.train,
        one.test,
        metric="ccc",
        fixed=FIXED,
        settings=Settings(memory=memory),
    )
    x = standardised(one.features[:, 0].astype(np.float64), one.train)
    model = Ridge(alpha=RIDGE.fixed_penalty * len(one.train)).fit(x[one.train], values[one.train])
    expected = model.predict(x[one.test])
    for prediction in result.prediction:
        np.testing.assert_allclose(prediction, expected, rtol=1e-8)
    assert result.probability is None


@pytest.mark.parametrize("dim", [12, 400])
def test_every_fold_is_trained_on_its_own_part(corpus, dim):
    one = corpus(dim=dim, layers=2)
    every = np.arange(len(one.labels))
    tests = [
        np.flatnonzero(np.isin(one.speakers, some)) for some in np.split(np.unique(one.speakers), 5)
    ]
    folds = [
        FoldRows(f"{number}", np.setdiff1d(every, test), test) for number, test in enumerate(tests)
    ]
    results = train_folds(
        LDA, Inputs(one.features), one.target, folds, metric="uar", seeds=(0,), fixed=FIXED
    )
    for fold, (result,) in zip(folds, results, strict=True):
        x = standardised(one.features[:, 1].astype(np.float64), fold.train)
        model = LinearDiscriminantAnalysis("lsqr", shrinkage=LDA.fixed_penalty, priors=[1 / 3] * 3)
        model.fit(x[fold.train], one.labels[fold.train])
        expected = model.predict_proba(x[fold.test])
        np.testing.assert_allclose(result.probability[0], expected, rtol=0, atol=1e-6)
        assert (result.n_train, result.selection, result.layer) == (240, "fixed", "chosen")
        assert result.choices[0].layer == 1
        assert result.choices[0].setting == "shrinkage 0.3"


def test_the_choice_is_the_best_on_development_but_for_ties(corpus):
    one = corpus(layers=3, layer=1, signal=0.25, dim=30)
    (result,) = train_probes(
        LDA, one.features, one.target, one.train, one.test, metric="uar", draw=one.draw
    )
    for seed, choice in zip(result.seeds, result.choices, strict=True):
        fit, rows = one.draw(seed)
        scores = {}
        for layer in range(3):
            x = standardised(one.features[:, layer].astype(np.float64), fit)
            for shrinkage in LDA.penalties:
                model = LinearDiscriminantAnalysis(
                    "lsqr", shrinkage=shrinkage, priors=[1 / 3] * 3
                ).fit(x[fit], one.labels[fit])
                said = model.predict(x[rows])
                scores[layer, f"shrinkage {shrinkage:g}"] = said
        uar = {at: balanced_accuracy_score(one.labels[rows], said) for at, said in scores.items()}
        assert choice.score == pytest.approx(uar[choice.layer, choice.setting])
        top = max(uar, key=uar.__getitem__)
        keep = [np.arange(len(rows)) != i for i in range(len(rows))]
        without = [balanced_accuracy_score(one.labels[rows][k], scores[top][k]) for k in keep]
        error = np.sqrt((len(rows) - 1) * np.var(without))
        assert choice.score >= uar[top] - 2 * error - 1e-9
    assert result.selection == "development"
    # Trained again on all of train.
    x = one.features[:, result.choices[0].layer].astype(np.float64)
    model = LinearDiscriminantAnalysis(
        "lsqr",
        shrinkage=float(result.choices[0].setting.split()[1]),
        priors=[1 / 3] * 3,
    ).fit(standardised(x, one.train)[one.train], one.labels[one.train])
    expected = model.predict_proba(standardised(x, one.train)[one.test])
    np.testing.assert_allclose(result.probability[0], expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("dim", "memory"), WAYS)
@pytest.mark.parametrize("recipe", [RIDGE, LDA], ids=lambda one: one.name)
def test_constant_and_wild_dimensions_do_no_harm(corpus, recipe, dim, memory):
    one = corpus(dim=dim)
    options = {"metric": "uar", "fixed": FIXED, "settings": Settings(memory=memory)}
    (before,) = train_probes(recipe, one.features, one.target, one.train, one.test, **options)
    extra = np.full((len(one.labels), 1, 3), 1e6, dtype=np.float32)
    extra[one.test, 0, 0] = -1e9  # constant in training, anything at test
    extra[:, 0, 1] *= 1 + 1e-7 * np.random.default_rng(0).random(len(one.labels))
    extra[:, 0, 2] = 0
    wild = np.concatenate([one.features, extra], axis=2)
    (after,) = train_probes(recipe, wild, one.target, one.train, one.test, **options)
    # The penalty is relative to the mean variance, in which the new dimensions count as 0.
    assert (before.prediction == after.prediction).mean() > 0.97


def test_ridge_gives_no_probabilities(corpus):
    one = corpus()
    (result,) = train_probes(
        RIDGE, one.features, one.target, one.train, one.test, metric="uar", draw=one.draw
    )
    assert result.probability is None
    assert all(choice.setting.startswith("penalty ") for choice in result.choices)
    assert result.layer == "mix"


@pytest.mark.parametrize(("recipe", "penalty"), [(RIDGE, 0.0), (LDA, 0.0), (LDA, 1.5)])
def test_penalties_have_limits(recipe, penalty):
    with pytest.raises(ValueError, match=f"a penalty of {penalty:g} is not above 0"):
        replace(recipe, penalties=(penalty,))


def test_discriminant_analysis_of_numbers_is_refused(corpus):
    one = corpus()
    with pytest.raises(ProbeError, match=r"'lda' cannot be trained .*'regression'. Allowed: class"):
        train_probes(
            LDA,
            one.features,
            Target.of_numbers(one.features[:, 0, 0], -100, 100),
            one.train,
            one.test,
            metric="ccc",
            fixed=FIXED,
        )


def test_classes_that_do_not_vary_are_refused_and_the_fold_is_named(corpus):
    one = corpus()
    rows = np.array([np.flatnonzero(one.labels == k)[0] for k in range(3)])
    with pytest.raises(
        ProbeError, match=r"'the fold': in each class all.*no covariance; use recipe"
    ):
        train_probes(LDA, one.features, one.target, rows, one.test, metric="uar", fixed=FIXED)


def test_a_metric_that_is_undefined_on_development_names_the_fold(corpus):
    one = corpus()
    values = one.features[:, 0, 0].astype(np.float64)
    alike = one.train[:2]
    values[alike] = 1.0
    with pytest.raises(ProbeError, match="fold 'the fold': pearson is undefined on development"):
        train_probes(
            RIDGE,
            one.features,
            Target.of_numbers(values, -100, 100),
            one.train,
            one.test,
            metric="pearson",
            draw=lambda _seed: (one.train[2:], alike),
        )


def test_more_seeds_that_draw_the_same_have_the_same_result(corpus):
    one = corpus()
    draw = one.draw(0)
    (result,) = train_probes(
        replace(LDA, n_seeds=3),
        one.features,
        one.target,
        one.train,
        one.test,
        metric="uar",
        draw=lambda _seed: draw,
    )
    assert len(set(result.choices)) == 1
    assert (result.probability == result.probability[0]).all()
    assert result.probability.shape == (3, 90, 3)
