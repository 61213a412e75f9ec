"""What a probe finds, and what it must not know."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, recall_score

from paralbench.cards import Fixed
from paralbench.errors import ProbeError, SplitError
from paralbench.metrics import METRICS
from paralbench.probes.recipes import RECIPES
from paralbench.probes.target import Target
from paralbench.probes.train import train_probes
from paralbench.splits.develop import development

RECIPE = RECIPES["paralbench"]


def run(one, recipe=RECIPE, target=None, **options):
    options = {"metric": "uar", "draw": one.draw, **options}
    target = target or one.target
    return train_probes(recipe, one.features, target, one.train, one.test, **options)


def uar(one, result):
    return np.mean([balanced_accuracy_score(one.labels[one.test], p) for p in result.prediction])


def plain(one, C=0.01):
    x = one.features.mean(axis=1)
    x = (x - x[one.train].mean(0)) / x[one.train].std(0)
    model = LogisticRegression(C=C, class_weight="balanced", max_iter=5000)
    return model.fit(x[one.train], one.labels[one.train]), x[one.test]


@pytest.mark.parametrize("decay", [1e-2, 1e-3])
def test_to_convergence_it_is_scikit_learns_logistic_regression(corpus, decay):
    one = corpus(dim=6, signal=0.3, shares=(0.6, 0.3, 0.1))
    whole = replace(RECIPE, batch_size=1000)
    fixed = Fixed(learning_rate=10.0, weight_decay=decay, epochs=1500)
    (result,) = run(one, whole, draw=None, fixed=fixed, seeds=(0,))
    model, test = plain(one, C=1 / (decay * len(one.train) * 6))
    np.testing.assert_allclose(result.probability[0], model.predict_proba(test), atol=0.01)
    assert result.selection == "fixed"
    assert result.choices[0].score is None


@pytest.mark.parametrize("signal", [0.15, 0.3, 0.6])
def test_it_is_as_good_as_plain_logistic_regression(corpus, signal):
    scores, plain_scores = [], []
    for seed in range(4):
        one = corpus(seed, dim=60, signal=signal, speakers=8)
        scores.append(uar(one, run(one, seeds=(0, 1, 2))[0]))
        model, test = plain(one)
        plain_scores.append(balanced_accuracy_score(one.labels[one.test], model.predict(test)))
    assert np.mean(scores) > np.mean(plain_scores) - 0.03


def test_random_labels_give_chance(corpus):
    scores = [
        uar(one, run(one, seeds=(0, 1))[0]) for one in (corpus(s, signal=0) for s in range(12))
    ]
    error = np.std(scores, ddof=1) / len(scores) ** 0.5
    assert abs(np.mean(scores) - 1 / 3) < 3 * error


def test_a_planted_layer_is_found_by_the_mix_and_by_layers(corpus):
    one = corpus(layers=5, layer=3, signal=0.5)
    (mixed,) = run(one)
    assert (mixed.layer_weights.argmax(1) == 3).all()
    np.testing.assert_allclose(mixed.layer_weights.sum(1), 1)
    assert mixed.layer == "mix"
    by_layer = [uar(one, result) for result in run(one, RECIPES["layers"])]
    assert np.argmax(by_layer) == 3
    assert by_layer[3] > 0.8 > 0.5 > max(by_layer[:3])
    assert uar(one, mixed) > by_layer[3] - 0.1


def test_test_labels_are_never_used(corpus):
    one = corpus(layers=2)
    other = one.labels.copy()
    other[one.test] = (other[one.test] + 1) % 3
    (given,) = run(one)
    (changed,) = run(one, target=Target.of_classes(other, 3))
    assert np.array_equal(given.probability, changed.probability)
    unknown = one.labels.astype(float)
    unknown[one.test] = np.nan
    options = {
        "metric": "mae",
        "draw": None,
        "fixed": Fixed(learning_rate=3.0, weight_decay=0.0, epochs=2),
    }
    (numbers,) = run(one, target=Target.of_numbers(unknown, 0, 2), **options)
    assert np.isfinite(numbers.prediction).all()


def test_development_speakers_are_apart_and_differ_between_seeds(corpus):
    one = corpus()
    (result,) = run(one)
    drawn = []
    for seed in result.seeds:
        fitted, rows = one.draw(seed)
        names = set(one.speakers[rows])
        drawn.append(names)
        assert names
        assert not names & set(one.speakers[fitted])
        assert not names & set(one.speakers[one.test])
    assert len({frozenset(names) for names in drawn}) > 1
    assert result.n_train == len(one.train)  # refitted on all of train
    assert result.selection == "development"
    for choice in result.choices:
        assert (choice.learning_rate, choice.weight_decay) in RECIPE.points
        assert choice.steps in RECIPE.checkpoints
        assert 0 <= choice.score <= 1


def test_class_weights_help_a_rare_class(corpus):
    one = corpus(speakers=12, clips=60, n_classes=2, signal=0.15, shares=(0.93, 0.07))
    (result,) = run(one, seeds=(0,))
    weighted = recall_score(one.labels[one.test], result.prediction[0])
    model, test = plain(one)
    model.set_params(class_weight=None).fit(
        (one.features[:, 0] - one.features[one.train, 0].mean(0))[one.train]
        / one.features[one.train, 0].std(0),
        one.labels[one.train],
    )
    assert weighted > recall_score(one.labels[one.test], model.predict(test)) + 0.3


@pytest.mark.parametrize("metric", ["ccc", "pearson", "mae"])
def test_a_linear_target_is_recovered_on_the_cards_scale(corpus, metric):
    one = corpus(layers=2, dim=20)
    direction = np.random.default_rng(5).normal(size=20)
    raw = (one.features[:, 1] - 5) / 3 @ direction
    values = 40 + 8 * raw / raw.std()
    (result,) = run(
        one, target=Target.of_numbers(values, 0, 100), draw=numbers_draw(one, values), metric=metric
    )
    assert result.probability is None
    for prediction in result.prediction:
        assert METRICS["ccc"](values[one.test], prediction) > 0.95


def numbers_draw(one, values):
    frame = pd.DataFrame({"speaker": one.speakers, "target": values}).astype({"speaker": "string"})
    return lambda seed: development(frame, one.train, "target", 0.2, seed)


def test_a_regression_does_not_depend_on_the_scale(corpus):
    one = corpus()
    values = one.features[:, 0, 0].astype(float)
    (plain_units,) = run(
        one, target=Target.of_numbers(values, -50, 50), draw=numbers_draw(one, values), metric="ccc"
    )
    moved = 1000 * values + 7
    (other_units,) = run(
        one,
        target=Target.of_numbers(moved, -5e4, 5e4),
        draw=numbers_draw(one, values),
        metric="ccc",
    )
    np.testing.assert_allclose(other_units.prediction, 1000 * plain_units.prediction + 7, rtol=1e-3)


def test_constant_and_wild_dimensions_do_no_harm(corpus):
    one = corpus()
    (before,) = run(one, seeds=(0,))
    rows = len(one.labels)
    extra = np.full((rows, 1, 3), 1e6, dtype=np.float32)
    extra[one.test, 0, 0] = -1e9  # constant in training, anything at test
    extra[:, 0, 1] *= 1 + 1e-7 * np.random.default_rng(0).random(rows)  # constant but for rounding
    one.features = np.concatenate([one.features, extra], axis=2)
    (after,) = run(one, seeds=(0,))
    assert uar(one, after) == pytest.approx(uar(one, before), abs=0.05)


def test_the_splits_own_development_part_is_not_trained_on(corpus):
    one = corpus()
    inside, apart = one.train[:150], one.train[150:]
    one.train = inside
    (result,) = run(one, draw=lambda _seed: (inside, apart))
    assert result.n_train == 150


def test_not_finite_features_are_refused(corpus):
    one = corpus()
    one.features[one.test[0], 0, 2] = np.nan
    with pytest.raises(ProbeError, match=r"features of 1 of 300 utterances are not finite"):
        run(one)
    one.features[one.test[0], 0, 2] = np.inf
    with pytest.raises(ProbeError, match=f"position {one.test[0]}"):
        run(one)


def test_one_training_class_is_refused(corpus):
    one = corpus()
    one.labels[one.train] = 1
    with pytest.raises(ProbeError, match="hold one class"):
        run(one)


def test_a_constant_target_is_refused(corpus):
    one = corpus()
    with pytest.raises(ProbeError, match="all 210 training targets are 2"):
        run(one, target=Target.of_numbers(np.full(300, 2.0), 0, 5), metric="ccc")


def test_targets_off_the_scale_are_refused(corpus):
    one = corpus()
    with pytest.raises(ProbeError, match="low 0 to high 1"):
        run(one, target=Target.of_numbers(np.arange(300.0), 0, 1), metric="ccc")


def test_a_metric_of_another_kind_is_refused(corpus):
    with pytest.raises(ProbeError, match="'ccc' does not score a target 'classes'"):
        run(corpus(), metric="ccc")


def test_where_no_development_part_can_be_drawn_the_advice_reaches_the_user(corpus):
    one = corpus()
    one.speakers[one.train] = "s00"
    with pytest.raises(SplitError, match="selection: fixed"):
        run(one)


def test_features_mapped_from_a_file_are_left_alone(corpus, tmp_path):
    one = corpus()
    np.save(tmp_path / "features.npy", one.features)
    (expected,) = run(one, seeds=(0,))
    one.features = np.load(tmp_path / "features.npy", mmap_mode="r")
    (result,) = run(one, seeds=(0,))
    assert np.array_equal(result.probability, expected.probability)
