"""Probes on frames against plain modules and loops, and on frames whose classes are known."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from paralbench.cards import Fixed
from paralbench.errors import ProbeError
from paralbench.features.frame_inputs import HeldFrames
from paralbench.metrics import METRICS
from paralbench.probes.batches import Batches
from paralbench.probes.frame_heads import HEADS
from paralbench.probes.frame_reading import FrameReader, StandardFrames, blocks, standardised
from paralbench.probes.heads import Batch
from paralbench.probes.inputs import Inputs
from paralbench.probes.jobs import Job
from paralbench.probes.recipes import RECIPES
from paralbench.probes.settings import Settings
from paralbench.probes.target import Target
from paralbench.probes.train import train_probes

DOUBLE = Settings(dtype=torch.float64)
FIXED = Fixed(learning_rate=3.0, weight_decay=0.01, epochs=7)
BOTH = pytest.mark.parametrize("name", ["emobox", "attentive"])


class PlainEmoBox(nn.Module):
    def __init__(self, dim, hidden, outputs):
        super().__init__()
        self.hidden, self.out = nn.Linear(dim, hidden), nn.Linear(hidden, outputs)

    def forward(self, frames):
        return self.out(self.hidden(frames).relu().mean(0))


class PlainAttentive(nn.Module):
    def __init__(self, dim, hidden, outputs):
        super().__init__()
        self.hidden, self.out = nn.Linear(dim, hidden), nn.Linear(dim, outputs)
        self.attention = nn.Linear(hidden, 1, bias=False)

    def forward(self, frames):
        share = self.attention(self.hidden(frames).tanh()).softmax(0)
        return self.out((share * frames).sum(0))


PLAIN = {"emobox": PlainEmoBox, "attentive": PlainAttentive}
PARTS = {
    "hidden": "hidden.weight",
    "hidden_bias": "hidden.bias",
    "attention": "attention.weight",
    "weight": "out.weight",
    "bias": "out.bias",
}


def plain(name, weights, dim, hidden, outputs):
    """The plain module with one probe's weights, as a head draws them."""
    module = PLAIN[name](dim, hidden, outputs).double()
    state = {
        PARTS[part]: weight.T if weight.ndim == 2 else weight for part, weight in weights.items()
    }
    if "attention.weight" in state:
        state["attention.weight"] = state["attention.weight"][None]
    module.load_state_dict(state)
    return module


def utterances(*lengths, dim=5, seed=0, scale=1.0):
    random = np.random.default_rng(seed)
    return [scale * random.normal(size=(length, dim)) for length in lengths]


def make(name, states, *, outputs=3, hidden=4, memory=1 << 30, points=2, dtype=torch.float64):
    """A head on frames that are not standardised, and weights of some points ``(1, ...)``."""
    settings = Settings(dtype=dtype)
    reader = FrameReader(HeldFrames(0, states), np.arange(len(states)), settings)
    head = HEADS[name](StandardFrames(reader), outputs, hidden, memory)
    drawn = [head.initial(seed, 1, reader.dim) for seed in range(points)]
    weights = {
        part: torch.stack([one[part][None] for one in drawn], slot.points).to(dtype)
        for part, slot in head.slots.items()
    }
    return head, weights, drawn


def rows(*positions):
    return Batch(torch.tensor([positions]))


@BOTH
@pytest.mark.parametrize("memory", [1 << 30, 3000, 1])
def test_outputs_and_gradients_are_those_of_a_plain_module_on_each_utterance(name, memory):
    """With little memory the batch is pooled in parts, and once more for the gradients."""
    states = utterances(30, 1, 17, 50, 2)
    head, weights, drawn = make(name, states, memory=memory)
    for tensor in weights.values():
        tensor.requires_grad_(True)
    order = [3, 0, 4, 1]
    outputs = head(weights, rows(*order))
    assert outputs.shape == (1, 2, 4, 3)
    (outputs.sin() * torch.arange(1, 5)[:, None]).sum().backward()
    for point in range(2):
        module = plain(name, drawn[point], 5, 4, 3)
        alone = torch.stack([module(torch.from_numpy(states[row])) for row in order])
        torch.testing.assert_close(outputs[0, point], alone, rtol=1e-10, atol=1e-12)
        (alone.sin() * torch.arange(1, 5)[:, None]).sum().backward()
        for part, weight in weights.items():
            found = weight.grad.select(head.slots[part].points, point)[0]
            wanted = module.get_parameter(PARTS[part]).grad
            wanted = wanted[0] if part == "attention" else wanted
            wanted = wanted.T if wanted.ndim == 2 else wanted
            torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-12)


@BOTH
def test_what_shares_the_batch_does_not_change_an_utterance(name):
    states = [one.astype(np.float32) for one in utterances(40, 3, 200, 7, scale=10.0)]
    head, weights, _ = make(name, states, dtype=torch.float32)
    alone = head(weights, rows(1))[:, :, 0]
    for others in ([0], [2, 0, 3], [2] * 5):
        beside = head(weights, rows(*others, 1))[:, :, -1]
        assert float((beside - alone).norm() / alone.norm()) < 1e-6


@BOTH
def test_weights_are_drawn_as_torch_draws_them(name):
    head, _, _ = make(name, utterances(3, dim=64), hidden=50)
    drawn = head.initial(0, 1, 64)
    assert float(drawn["hidden"].abs().max()) == pytest.approx(64**-0.5, rel=0.01)
    assert float(drawn["hidden"].abs().max()) <= 64**-0.5
    assert float(drawn["hidden"].mean().abs()) < 0.01
    again, other = head.initial(0, 1, 64), head.initial(1, 1, 64)
    assert all(torch.equal(drawn[part], again[part]) for part in drawn)
    assert not torch.equal(drawn["hidden"], other["hidden"])


def problem(
    name, *, clips=12, speakers=8, dim=6, n_classes=3, seed=0, low=5, high=25, planted=None
):
    """Frames, means, labels, and a split by speaker.

    ``planted(random, frames, label)`` puts the class into the frames of an utterance.
    """
    random = np.random.default_rng(seed)
    n = speakers * clips
    labels = np.tile(np.arange(n_classes), n)[:n]
    states = []
    for label in labels:
        frames = random.normal(size=(random.integers(low, high), dim))
        if planted is not None:
            planted(random, frames, label)
        states.append((3 + 2 * frames).astype(np.float32))
    names = np.repeat(np.arange(speakers), clips)
    test, development = names >= speakers - 2, names == speakers - 3
    parts = {
        "train": np.flatnonzero(~test),
        "test": np.flatnonzero(test),
        "draw": lambda _seed: (
            np.flatnonzero(~test & ~development),
            np.flatnonzero(development),
        ),
    }
    mean = np.stack([one.mean(0) for one in states])[:, None]
    recipe = replace(RECIPES[name], checkpoints=(4, 8, 16), n_seeds=2, hidden=16, batch_size=16)
    return (
        recipe,
        Inputs(mean, frames=HeldFrames(0, states)),
        Target.of_classes(labels, n_classes),
        parts,
    )


def shifted(random, frames, label):
    frames[:, 0] += 0.4 * (label - 1)


@BOTH
@pytest.mark.parametrize("change", [{}, {"clip": 0.05, "averaged": True, "balanced": False}])
def test_a_probe_is_what_a_plain_loop_with_adamw_trains(name, change):
    recipe, inputs, target, parts = problem(name, planted=shifted)
    target = Target.of_classes(np.minimum(target.values, np.arange(96) % 2), 3)  # not balanced
    recipe = replace(
        recipe, fixed_steps=9, learning_rates=(0.01,), weight_decays=(0.3,), batch_size=10, **change
    )
    del parts["draw"]
    (result,) = train_probes(
        recipe, inputs, target, **parts, metric="uar", fixed=FIXED, seeds=(3,), settings=DOUBLE
    )
    assert (result.choices[0].learning_rate, result.choices[0].steps) == (0.01, 9)
    assert (result.layer, result.selection, result.n_train) == ("0", "fixed", 72)

    train, test = parts["train"], parts["test"]
    states = [one.astype(np.float64) for one in inputs.frames.read(np.arange(96))]
    known = np.concatenate([states[row] for row in train])
    x = [torch.from_numpy((one - known.mean(0)) / known.std(0)) for one in states]
    head, _, _ = make(name, states, hidden=16)
    module = plain(name, head.initial(3, 1, 6), 6, 16, 3)
    groups = [
        {"params": [p for n, p in module.named_parameters() if decays == n.endswith("weight")],
         "weight_decay": 0.3 * decays}
        for decays in (True, False)
    ]  # fmt: skip
    optimizer = torch.optim.AdamW(groups, lr=0.01, eps=recipe.epsilon)
    weights = target.class_weights(train) if recipe.balanced else np.ones(3)
    truth, weights = torch.from_numpy(target.values), torch.from_numpy(weights)
    batches = Batches(Job(train, 3), 10)
    kept = []
    for step in range(9):
        batch = batches.next()
        out = torch.stack([module(x[row]) for row in batch])
        each = nn.functional.cross_entropy(out, truth[batch], reduction="none")
        optimizer.zero_grad()
        (each * weights[truth[batch]]).mean().backward()
        if recipe.clip:
            nn.utils.clip_grad_norm_(module.parameters(), recipe.clip)
        optimizer.step()
        if step >= 4:
            kept.append(nn.utils.parameters_to_vector(module.parameters()).detach().clone())
    if recipe.averaged:
        nn.utils.vector_to_parameters(torch.stack(kept).mean(0), module.parameters())
    with torch.no_grad():
        wanted = torch.stack([module(x[row]) for row in test]).softmax(1)
    np.testing.assert_allclose(result.probability[0], wanted, atol=1e-9)


@BOTH
def test_a_point_of_the_grid_is_trained_as_if_alone(name):
    recipe, inputs, target, parts = problem(name, planted=shifted)
    recipe = replace(
        recipe, learning_rates=(1e-3, 1e-2), weight_decays=(0.0, 0.5), tie=0.0, patience=1
    )
    run = {"inputs": inputs, "target": target, **parts, "metric": "uar", "settings": DOUBLE}
    (grid,) = train_probes(recipe, run.pop("inputs"), run.pop("target"), **run)
    for number, choice in enumerate(grid.choices):
        alone = replace(
            recipe, learning_rates=(choice.learning_rate,), weight_decays=(choice.weight_decay,)
        )
        (one,) = train_probes(alone, inputs, target, **run, seeds=(number,))
        assert one.choices[0] == choice
        np.testing.assert_allclose(one.probability[0], grid.probability[number], atol=1e-12)


@BOTH
def test_what_is_chosen_on_development_is_trained_again_on_all_training_utterances(name):
    recipe, inputs, target, parts = problem(name, planted=shifted)
    (chosen,) = train_probes(recipe, inputs, target, **parts, metric="uar", seeds=(0,))
    assert (chosen.selection, chosen.n_train) == ("development", 72)
    choice = chosen.choices[0]
    assert choice.steps in recipe.checkpoints
    assert 0 <= choice.score <= 1
    del parts["draw"]
    again = replace(
        recipe,
        learning_rates=(choice.learning_rate,),
        weight_decays=(choice.weight_decay,),
        fixed_steps=choice.steps,
    )
    (fixed,) = train_probes(again, inputs, target, **parts, metric="uar", fixed=FIXED, seeds=(0,))
    np.testing.assert_array_equal(fixed.probability, chosen.probability)


def test_without_refitting_the_probe_is_tested_as_it_was_at_its_checkpoint():
    recipe, inputs, target, parts = problem("emobox", planted=shifted)
    recipe = replace(recipe, refit=False, patience=None, tie=0.0, learning_rates=(1e-4, 2e-2))
    (kept,) = train_probes(recipe, inputs, target, **parts, metric="uar", seeds=(0,))
    fitted, _ = parts["draw"](0)
    assert kept.n_train == len(fitted) == 60
    choice = kept.choices[0]
    again = replace(
        recipe, learning_rates=(choice.learning_rate,), fixed_steps=choice.steps, refit=True
    )
    (fixed,) = train_probes(
        again, inputs, target, fitted, parts["test"], metric="uar", fixed=FIXED, seeds=(0,)
    )
    np.testing.assert_allclose(kept.probability, fixed.probability, atol=1e-6)


def test_a_card_s_epochs_count_where_the_recipe_has_no_fixed_steps():
    recipe, inputs, target, parts = problem("emobox", planted=shifted)
    del parts["draw"]
    (result,) = train_probes(
        replace(recipe, fixed_steps=None), inputs, target, **parts, metric="uar", fixed=FIXED
    )
    choice = result.choices[0]
    assert (choice.learning_rate, choice.weight_decay) == (3.0, 0.01)
    assert choice.steps == -(-7 * 72 // 16)


def uar(result, target, parts):
    test = parts["test"]
    metric = METRICS["uar"]
    found = [metric(target.values[test], one) for one in result.prediction]
    return float(np.mean(found))


def varied(random, frames, label):
    """The class is in how much a dimension varies; its mean over the frames says nothing."""
    frames[:, 0] = (frames[:, 0] - frames[:, 0].mean()) * (0.3, 1.0, 3.0)[label]


def test_emobox_finds_what_only_an_activation_before_the_pooling_sees():
    recipe, inputs, target, parts = problem("emobox", planted=varied, clips=18, high=60)
    recipe = replace(recipe, learning_rates=(1e-2,), checkpoints=(32, 64))
    (result,) = train_probes(recipe, inputs, target, **parts, metric="uar")
    assert uar(result, target, parts) > 0.85
    linear = replace(RECIPES["paralbench"], n_seeds=2)
    (means,) = train_probes(linear, inputs, target, **parts, metric="uar")
    assert uar(means, target, parts) < 0.55


def one_frame(random, frames, label):
    """One frame, told by a dimension of its own, has the class; elsewhere it is noise."""
    at = random.integers(len(frames))
    frames[:, 0] = 0.0
    frames[at, 0] = 6.0
    frames[at, 1:4] = 3.0 * np.eye(3)[label]


def test_attention_finds_the_one_frame_that_has_the_class():
    options = {"planted": one_frame, "clips": 30, "low": 40, "high": 60}
    recipe, inputs, target, parts = problem("attentive", **options)
    recipe = replace(recipe, learning_rates=(1e-2,), checkpoints=(64, 128))
    (result,) = train_probes(recipe, inputs, target, **parts, metric="uar")
    linear = replace(RECIPES["paralbench"], n_seeds=2)
    (means,) = train_probes(linear, inputs, target, **parts, metric="uar")
    assert uar(result, target, parts) > 0.9
    assert uar(means, target, parts) < 0.8


@BOTH
def test_labels_that_are_not_in_the_frames_give_chance(name):
    scores = []
    for seed in range(4):
        recipe, inputs, target, parts = problem(name, seed=seed, clips=18, high=15)
        recipe = replace(recipe, checkpoints=(8, 16))
        (result,) = train_probes(recipe, inputs, target, **parts, metric="uar")
        scores.append(uar(result, target, parts))
    assert abs(np.mean(scores) - 1 / 3) < 0.1


@pytest.mark.parametrize(
    ("name", "metric"), [("emobox", "ccc"), ("attentive", "ccc"), ("emobox", "mae")]
)
def test_numbers_are_predicted_in_their_unit(name, metric):
    random = np.random.default_rng(0)
    level = random.uniform(-1, 1, 96)

    def planted(random, frames, label):
        frames[:, 0] += 2 * level[len(planted_for)]
        planted_for.append(label)

    planted_for = []
    recipe, inputs, _, parts = problem(name, planted=planted, low=20, high=40)
    target = Target.of_numbers(50 + 10 * level, 0, 100)
    recipe = replace(recipe, learning_rates=(1e-2,), checkpoints=(32, 64))
    (result,) = train_probes(recipe, inputs, target, **parts, metric=metric)
    assert result.probability is None
    truth, found = target.values[parts["test"]], result.prediction
    assert METRICS["ccc"](truth, found[0]) > 0.7
    assert np.abs(found - truth).mean() < 4  # of a scale from 0 to 100
    assert result.choices[0].score > (0.7 if metric == "ccc" else 0.0)


@BOTH
def test_results_are_the_same_whatever_is_kept_read_or_run_beside(name):
    recipe, inputs, target, parts = problem(name, planted=shifted)
    recipe = replace(recipe, checkpoints=(4, 8))

    def run(**settings):
        given = Settings(**{"workers": 1, **settings})
        (result,) = train_probes(recipe, inputs, target, **parts, metric="uar", settings=given)
        return result

    first = run()
    for other in (run(), run(workers=2)):
        np.testing.assert_array_equal(other.probability, first.probability)
        assert other.choices == first.choices
    threads = torch.get_num_threads()
    read = run(memory=20_000)  # the frames take 35 kB, and a batch about as much
    assert torch.get_num_threads() == threads
    np.testing.assert_allclose(read.probability, first.probability, atol=1e-5)


def test_frames_that_do_not_fit_are_read_a_batch_at_a_time():
    recipe, inputs, target, parts = problem("emobox", planted=shifted)
    frames, asked = inputs.frames, []

    class Counted:
        layer, dim, lengths = 0, frames.dim, frames.lengths

        def read(self, rows):
            asked.append(len(rows))
            return frames.read(rows)

    counted = replace(inputs, frames=Counted())
    train_probes(recipe, counted, target, **parts, metric="uar", seeds=(0,))
    assert asked == [96]
    asked.clear()
    little = Settings(memory=20_000)
    train_probes(recipe, counted, target, **parts, metric="uar", seeds=(0,), settings=little)
    assert len(asked) > 30  # a batch a step, for development, to standardise
    assert max(asked) <= 72


def test_standardising_is_over_the_frames_of_the_training_utterances():
    states = utterances(30, 1, 17, 50, 2, dim=3)
    for one in states:
        one *= (1e-3, 1.0, 50.0)
        one += (1e2, 0.0, -7.0)
    states[4][:] = 1e9  # not a training utterance
    reader = FrameReader(HeldFrames(0, states), np.arange(5), DOUBLE)
    train = np.array([3, 0, 2])
    known = np.concatenate([states[row] for row in train])
    for most in (1, 40, 10**6):
        frames = standardised(reader, train, most)
        found = frames.read(train).numpy()
        wanted = (known - known.mean(0)) / known.std(0)
        np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-6)
        assert float(np.abs(found.mean(0)).max()) < 1e-6
    np.testing.assert_array_equal(reader.read(np.array([3])).numpy(), states[3])  # kept as it was


def test_a_constant_dimension_is_nothing():
    states = utterances(9, 4, dim=3)
    for one in states:
        one[:, 1] = 0.1
    reader = FrameReader(HeldFrames(0, states), np.arange(2), DOUBLE)
    found = standardised(reader, np.array([0, 1]), 5).read(np.array([0]))
    assert torch.equal(found[:, 1], torch.zeros(9, dtype=torch.float64))
    assert bool(found.isfinite().all())


def test_frames_in_float16_are_trained_in_the_type_that_is_asked_for():
    recipe, inputs, target, parts = problem("emobox", planted=shifted)
    halves = [one.astype(np.float16) for one in inputs.frames.read(np.arange(96))]
    wide = [one.astype(np.float32) for one in halves]
    found = [
        train_probes(
            recipe,
            replace(inputs, frames=HeldFrames(0, states)),
            target,
            **parts,
            metric="uar",
            seeds=(0,),
        )[0].probability
        for states in (halves, wide)
    ]
    np.testing.assert_array_equal(*found)


def test_blocks_hold_as_many_utterances_as_fit_and_at_least_one():
    cut = blocks(np.array([4, 9, 2, 7, 5]), [3, 3, 10, 1, 5], most=6)
    assert [part.tolist() for part in cut] == [[4, 9], [2], [7, 5]]


def test_errors_say_what_is_wrong():
    recipe, inputs, target, parts = problem("emobox", planted=shifted)

    def run(frames):
        return train_probes(
            recipe, replace(inputs, frames=frames), target, **parts, metric="uar", seeds=(0,)
        )

    with pytest.raises(ProbeError, match="recipe 'emobox' reads frames; none were given"):
        run(None)
    states = list(inputs.frames.read(np.arange(96)))
    with pytest.raises(ProbeError, match="frames of 95 utterances for 96 means"):
        run(HeldFrames(0, states[:-1]))
    states[7] = states[7].copy()
    states[7][2, 1] = np.nan
    with pytest.raises(
        ProbeError, match="frames of layer 0 of the utterance at position 7 are not"
    ):
        run(HeldFrames(0, states))
