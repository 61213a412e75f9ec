"""The batched engine against plain loops over single probes."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from paralbench.cards import Fixed
from paralbench.probes.batches import Batches, initial_weights
from paralbench.probes.engine import MIX_EPSILON
from paralbench.probes.heads import INITIAL_SCALE
from paralbench.probes.jobs import Job
from paralbench.probes.recipes import RECIPES
from paralbench.probes.settings import Settings
from paralbench.probes.target import Target
from paralbench.probes.train import train_probes

RECIPE = replace(RECIPES["paralbench"], batch_size=32, checkpoints=(8, 16, 32))
DOUBLE = Settings(dtype=torch.float64)
FIXED = Fixed(learning_rate=3.0, weight_decay=0.01, epochs=7)


def plain_loop(features, labels, n_classes, train, test, fixed, recipe, seed, loss=None):
    """One probe, trained with torch.optim.AdamW as one would write it by hand."""
    given = torch.from_numpy(features.astype(np.float64))
    mean, deviation = given[train].mean(0), given[train].std(0, unbiased=False)
    x = (given - mean) / deviation / features.shape[2] ** 0.5
    weight = initial_weights(seed, features.shape[2], n_classes, INITIAL_SCALE).requires_grad_()
    bias = torch.zeros(n_classes, dtype=torch.float64, requires_grad=True)
    mix = torch.zeros(features.shape[1], dtype=torch.float64, requires_grad=True)
    rate = fixed.learning_rate
    optimizer = torch.optim.AdamW(
        [
            {
                "params": [weight],
                "lr": rate,
                "eps": recipe.epsilon,
                "weight_decay": fixed.weight_decay,
            },
            {"params": [bias], "lr": rate, "eps": recipe.epsilon, "weight_decay": 0.0},
            {"params": [mix], "lr": recipe.mix_rate, "eps": MIX_EPSILON, "weight_decay": 0.0},
        ],
        lr=rate,
        eps=recipe.epsilon,
    )
    if loss is None:
        counts = np.bincount(labels[train], minlength=n_classes)
        balanced = torch.from_numpy(len(train) / (n_classes * counts))
        truth = torch.from_numpy(labels)

    def outputs(rows, parameters):
        w, b, a = parameters
        return torch.einsum("nld,l->nd", x[rows], a.softmax(0)) @ w + b

    batches = Batches(Job(train, seed), recipe.batch_size)
    steps = -(-fixed.epochs * len(train) // min(recipe.batch_size, len(train)))
    kept = []
    for step in range(steps):
        rows = batches.next()
        out = outputs(rows, (weight, bias, mix))
        if loss is None:
            each = torch.nn.functional.cross_entropy(out, truth[rows], reduction="none")
            value = (each * balanced[truth[rows]]).mean()
        else:
            value = loss(out[:, 0], rows)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        if step >= steps // 2:
            kept.append([one.detach().clone() for one in (weight, bias, mix)])
    average = [torch.stack(ones).mean(0) for ones in zip(*kept, strict=True)]
    return outputs(test, average), average[2].softmax(0)


@pytest.mark.parametrize("layers", [1, 4])
@pytest.mark.parametrize(("settings", "tolerance"), [(DOUBLE, 1e-10), (Settings(), 1e-5)])
def test_a_probe_is_what_a_plain_loop_with_adamw_trains(corpus, layers, settings, tolerance):
    one = corpus(layers=layers, signal=0.3)
    (result,) = train_probes(
        RECIPE,
        one.features,
        one.target,
        one.train,
        one.test,
        metric="uar",
        fixed=FIXED,
        seeds=(3,),
        settings=settings,
    )
    outputs, mix = plain_loop(
        one.features, one.labels, 3, one.train, one.test, FIXED, RECIPE, seed=3
    )
    np.testing.assert_allclose(result.probability[0], outputs.softmax(1), atol=tolerance)
    np.testing.assert_allclose(result.layer_weights[0], mix, atol=tolerance)


@pytest.mark.parametrize(("metric", "squared"), [("ccc", False), ("mae", False), ("ccc", True)])
def test_a_regression_is_what_a_plain_loop_trains(corpus, metric, squared):
    one = corpus(layers=2)
    rng = np.random.default_rng(1)
    values = (
        3 + one.features[:, 0] @ rng.normal(size=20) / 60 + rng.normal(size=len(one.labels)) / 5
    )
    train = one.train
    centre, spread = values[train].mean(), values[train].std()
    truth = torch.from_numpy((values - centre) / spread)

    def loss(out, rows):
        t = truth[rows]
        if squared:
            return torch.nn.functional.mse_loss(out, t)
        if metric == "mae":
            return (out - t).abs().mean()
        covariance = ((out - out.mean()) * (t - t.mean())).mean()
        spread = out.var(unbiased=False) + t.var(unbiased=False) + (out.mean() - t.mean()) ** 2
        return 1 - 2 * covariance / spread

    (result,) = train_probes(
        replace(RECIPE, squared=squared),
        one.features,
        Target.of_numbers(values, -100, 100),
        train,
        one.test,
        metric=metric,
        fixed=FIXED,
        seeds=(3,),
        settings=DOUBLE,
    )
    outputs, _ = plain_loop(one.features, values, 1, train, one.test, FIXED, RECIPE, 3, loss)
    np.testing.assert_allclose(result.prediction[0], outputs[:, 0] * spread + centre, rtol=1e-6)


@pytest.mark.parametrize("recipe", ["paralbench", "layers"])
def test_chunks_do_not_change_the_results(corpus, recipe):
    one = corpus(layers=3, signal=0.3)
    recipe = replace(RECIPES[recipe], checkpoints=(8, 16, 32))

    def run(memory):
        return train_probes(
            recipe,
            one.features,
            one.target,
            one.train,
            one.test,
            metric="uar",
            draw=one.draw,
            settings=replace(DOUBLE, memory=memory),
        )

    whole = run(1 << 30)
    # 1 byte: one job at one point at a time. 200 kB: some of each.
    for memory in (1, 200_000):
        for one_result, other in zip(whole, run(memory), strict=True):
            assert one_result.choices == other.choices
            np.testing.assert_allclose(one_result.probability, other.probability, atol=1e-9)
            np.testing.assert_allclose(one_result.layer_weights, other.layer_weights, atol=1e-9)


def test_seeds_together_are_seeds_one_by_one(corpus):
    one = corpus(layers=3, signal=0.3)

    def run(seeds):
        (result,) = train_probes(
            RECIPE,
            one.features,
            one.target,
            one.train,
            one.test,
            metric="uar",
            draw=one.draw,
            seeds=seeds,
            settings=DOUBLE,
        )
        return result

    together = run((0, 1, 2))
    for number in range(3):
        alone = run((number,))
        assert alone.choices[0] == together.choices[number]
        np.testing.assert_allclose(alone.probability[0], together.probability[number], atol=1e-9)


def test_layers_are_single_layer_probes(corpus):
    one = corpus(layers=3, signal=0.3)
    options = {"metric": "uar", "draw": one.draw, "settings": DOUBLE, "seeds": (0, 1)}
    layers = train_probes(
        RECIPES["layers"], one.features, one.target, one.train, one.test, **options
    )
    assert [result.layer for result in layers] == ["0", "1", "2"]
    for number, result in enumerate(layers):
        (alone,) = train_probes(
            RECIPES["paralbench"],
            one.features[:, [number]],
            one.target,
            one.train,
            one.test,
            **options,
        )
        assert result.choices == alone.choices
        np.testing.assert_allclose(result.probability, alone.probability, atol=1e-9)


def test_the_same_seed_gives_the_same_bits(corpus):
    one = corpus(layers=3)
    options = {"metric": "uar", "draw": one.draw}
    torch.manual_seed(1)
    (first,) = train_probes(RECIPE, one.features, one.target, one.train, one.test, **options)
    torch.manual_seed(2)  # the global generator is not drawn from
    before = torch.get_rng_state()
    (second,) = train_probes(RECIPE, one.features, one.target, one.train, one.test, **options)
    assert torch.equal(before, torch.get_rng_state())
    assert np.array_equal(first.probability, second.probability)
    assert first.choices == second.choices
    assert not np.array_equal(first.probability[0], first.probability[1])  # seeds differ


def test_batches_see_every_utterance_equally_often():
    rows = np.arange(100, 110)
    batches = Batches(Job(rows, 0), 4)
    seen = np.concatenate([batches.next() for _ in range(25)])
    assert np.unique(seen, return_counts=True)[1].tolist() == [10] * 10
    assert len(Batches(Job(rows, 0), 64).next()) == 10  # never more than there are
