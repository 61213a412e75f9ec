"""What every recipe must do: chance on random labels, the planted layer, no made-up number."""

from dataclasses import replace
from math import sqrt

import numpy as np
import pytest

from paralbench.cards import Fixed
from paralbench.errors import ParalbenchError, ProbeError
from paralbench.features.frame_inputs import HeldFrames
from paralbench.features.moments import pairs
from paralbench.metrics import METRICS
from paralbench.probes.inputs import FoldRows, Inputs
from paralbench.probes.recipes import RECIPES, Classical, Trained
from paralbench.probes.target import Target
from paralbench.probes.train import train_folds, train_probes
from paralbench.statistics.bootstrap import interval


def _is_slow(name):
    return RECIPES[name].reads == "frames" or name in ("mlp", "layers")


LISTENING = [name for name, one in RECIPES.items() if one.reads not in ("nothing", "duration")]
DRAWS, CHANCE = 20, 1 / 3
SPEAKERS, CLIPS, TESTED = 18, 12, 8


def quick(name):
    """The recipe with fewer steps and seeds, so that it takes a second."""
    recipe = RECIPES[name]
    if isinstance(recipe, Trained):
        steps = (40,) if not recipe.refit else (16, 32, 64)
        recipe = replace(recipe, checkpoints=steps, hidden=min(recipe.hidden, 16))
        if recipe.hidden:
            recipe = replace(recipe, learning_rates=(1e-2,))
        if recipe.fixed_steps is not None:
            recipe = replace(recipe, fixed_steps=steps[-1])
    if isinstance(recipe, Classical):
        recipe = replace(recipe, costs=recipe.costs[-2:])
    return replace(recipe, n_seeds=1)


def statistics(states):
    """Means, second moments and the last layer's frames of frames ``(n, layers, frames, dim)``."""
    mean = states.mean(2)
    centred = states - mean[:, :, None]
    first, second = pairs(states.shape[1])
    moments = (centred[:, first] * centred[:, second]).mean(2)
    frames = HeldFrames(states.shape[1] - 1, list(states[:, -1].astype(np.float32)))
    return Inputs(mean.astype(np.float32), moments.astype(np.float32), frames)


def made_up(seed, *, signal=0.0, spread=1.0, layer=1, layers=2, dim=6):
    """Utterances of speakers that are ``spread`` apart; classes shift a layer by ``signal``."""
    rng = np.random.default_rng(seed)
    n = SPEAKERS * CLIPS
    speakers = np.repeat(np.arange(SPEAKERS), CLIPS)
    labels = np.tile(np.arange(3), n // 3)
    labels = rng.permuted(labels.reshape(SPEAKERS, CLIPS), axis=1).ravel()
    states = rng.normal(size=(n, layers, 5, dim))
    states += spread * rng.normal(size=(SPEAKERS, layers, 1, dim))[speakers]
    states[:, layer] += signal * rng.normal(size=(3, 1, dim))[labels]
    return statistics(states), labels, speakers


def fold_of(speakers, draws=1):
    """Train, development and test speakers apart."""
    test = np.flatnonzero(speakers >= SPEAKERS - TESTED)
    train = np.flatnonzero(speakers < SPEAKERS - TESTED)
    chosen = np.isin(speakers[train], (0, 1, 2))
    return FoldRows("f", train, test, ((train[~chosen], train[chosen]),) * draws)


@pytest.mark.parametrize(
    "name",
    [
        # Twenty trainings of some take a quarter of a minute and more.
        pytest.param(name, marks=[pytest.mark.slow] if _is_slow(name) else [])
        for name in LISTENING
    ],
)
def test_random_labels_give_chance(name):
    recipe, metric = quick(name), METRICS["uar"]
    scores, held = [], 0
    for seed in range(DRAWS):
        inputs, labels, speakers = made_up(seed)
        fold = fold_of(speakers)
        ((result, *_),) = train_folds(
            recipe, inputs, Target.of_classes(labels, 3), [fold], metric="uar", seeds=(seed,)
        )
        truth, predicted = labels[fold.test], result.prediction
        scores.append(metric(truth, predicted[0], classes=range(3)))
        found = interval(metric, truth, predicted, speakers[fold.test], seed=seed, n_classes=3)
        held += found.low is None or found.low <= CHANCE <= found.high
    error = np.std(scores, ddof=1) / sqrt(DRAWS)
    assert abs(np.mean(scores) - CHANCE) <= 3 * error
    assert held >= 16


@pytest.mark.parametrize("name", LISTENING)
def test_a_signal_is_found(name):
    inputs, labels, speakers = made_up(0, signal=3.0)
    fold = fold_of(speakers)
    results = train_folds(
        quick(name), inputs, Target.of_classes(labels, 3), [fold], metric="uar", seeds=(0,)
    )[0]
    best = max(METRICS["uar"](labels[fold.test], one.prediction[0]) for one in results)
    assert best > 0.7


def test_the_planted_layer_is_found_by_layers_the_mix_and_the_choice():
    inputs, labels, speakers = made_up(1, signal=1.5, layer=2, layers=4)
    fold, target = fold_of(speakers, draws=3), Target.of_classes(labels, 3)
    options = {"metric": "uar", "seeds": (0, 1, 2)}

    def results(name):
        recipe = RECIPES[name]
        if isinstance(recipe, Trained):
            recipe = replace(recipe, checkpoints=(64, 128, 256))
        return train_folds(recipe, inputs, target, [fold], **options)[0]

    scores = [
        np.mean([METRICS["uar"](labels[fold.test], one) for one in result.prediction])
        for result in results("layers")
    ]
    assert int(np.argmax(scores)) == 2
    for name in ("paralbench", "mlp"):
        assert (results(name)[0].layer_weights.argmax(1) == 2).all(), name
    for name in ("ridge", "lda", "svm", "logistic", "knn"):
        assert [one.layer for one in results(name)[0].choices] == [2, 2, 2], name


@pytest.mark.parametrize("name", LISTENING)
def test_where_nothing_is_selected_the_hyper_parameters_are_fixed(name):
    inputs, labels, speakers = made_up(0, signal=3.0)
    fold = replace(fold_of(speakers), draws=())
    ((result, *_),) = train_folds(
        quick(name),
        inputs,
        Target.of_classes(labels, 3),
        [fold],
        metric="uar",
        seeds=(0,),
        fixed=Fixed(learning_rate=3.0, weight_decay=1e-3, epochs=10),
    )
    assert result.selection == ("fixed" if RECIPES[name].selects else "none")
    assert all(choice.score is None for choice in result.choices)


@pytest.mark.parametrize("name", LISTENING)
@pytest.mark.parametrize("fault", ["one class", "NaN", "infinite"])
def test_what_cannot_be_learned_is_refused(name, fault):
    inputs, labels, speakers = made_up(0)
    fold = fold_of(speakers)
    if fault == "one class":
        labels[fold.train] = 1
    else:
        mean = inputs.mean.copy()
        mean[fold.train[3], 0, 0] = {"NaN": np.nan, "infinite": np.inf}[fault]
        inputs = replace(inputs, mean=mean)
    with pytest.raises(ProbeError, match="one class" if fault == "one class" else "not finite"):
        train_folds(
            quick(name), inputs, Target.of_classes(labels, 3), [fold], metric="uar", seeds=(0,)
        )


@pytest.mark.parametrize("name", [one for one in LISTENING if "regression" in RECIPES[one].targets])
def test_a_constant_target_is_refused_and_a_linear_one_is_learned(name):
    inputs, _, speakers = made_up(0, spread=0.0)
    fold = fold_of(speakers)
    constant = Target.of_numbers(np.full(len(speakers), 2.0), 1, 5)
    with pytest.raises(ProbeError, match="training targets are 2"):
        train_folds(quick(name), inputs, constant, [fold], metric="ccc", seeds=(0,))
    signal = inputs.mean[:, 1] @ np.arange(1.0, 7.0)
    values = np.clip(3 + 1.2 * (signal - signal.mean()) / signal.std(), 1, 5)
    results = train_folds(
        quick(name), inputs, Target.of_numbers(values, 1, 5), [fold], metric="ccc", seeds=(0,)
    )[0]
    best = max(METRICS["pearson"](values[fold.test], one.prediction[0]) for one in results)
    assert best > 0.5
    predicted = results[-1].prediction
    assert 0 < predicted.mean() < 6  # in the label's unit


@pytest.mark.parametrize("name", LISTENING)
def test_test_labels_are_never_read_and_the_same_seed_gives_the_same_bits(name):
    inputs, labels, speakers = made_up(2, signal=0.5)
    fold = fold_of(speakers)
    other = labels.copy()
    other[fold.test] = (labels[fold.test] + 1) % 3
    first, second = (
        train_folds(
            quick(name), inputs, Target.of_classes(given, 3), [fold], metric="uar", seeds=(0,)
        )[0]
        for given in (labels, other)
    )
    for one, two in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.prediction, two.prediction)


def test_fewer_speakers_than_folds_is_no_score():
    import pandas as pd

    from paralbench.cards.task import Split
    from paralbench.splits.protocols import make_folds

    frame = pd.DataFrame(
        {
            "speaker": ["a", "b"] * 6,
            "session": None,
            "content": list("abcdefghijkl"),
            "corpus": "c",
            "utterance": list("abcdefghijkl"),
            "target": ["x", "x", "y", "y"] * 3,
        }
    )
    with pytest.raises(ParalbenchError, match="speakers"):
        make_folds(frame, Split(protocol="speaker-k-fold", folds=5), "target", ("x", "y"), None)


def test_a_recipe_that_the_target_does_not_fit_says_so():
    inputs, _, speakers = made_up(0)
    fold = fold_of(speakers)
    numbers = Target.of_numbers(np.linspace(0, 1, len(speakers)), 0, 1)
    for name in ("lda", "logistic", "few-shot-1"):
        with pytest.raises(ProbeError, match="Allowed: classes"):
            train_probes(
                RECIPES[name],
                inputs,
                numbers,
                fold.train,
                fold.test,
                metric="ccc",
                draw=lambda _seed: fold.draws[0],
            )
