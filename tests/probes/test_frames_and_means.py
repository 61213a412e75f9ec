"""Probes trained on pooled statistics are those trained on frames, s3prl's modules the reference.

The frames have unlike numbers per utterance. s3prl's own runner pads them; here its modules are
given the frames and their lengths, because its featurizer keeps a rounded number of frames.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from paralbench.features.moments import pairs
from paralbench.probes.batches import Batches
from paralbench.probes.engine import Trainer
from paralbench.probes.heads import Batch, Mlp, Superb, make_head
from paralbench.probes.jobs import Data, Job, prepare, standards
from paralbench.probes.recipes import RECIPES
from paralbench.probes.target import Target

N, LAYERS, DIM, CLASSES, STEPS = 120, 5, 16, 4, 200


@pytest.fixture(scope="module")
def frames():
    """Frames ``(layers, frames, dim)`` of each utterance, classes that they tell a little of."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, CLASSES, N)
    shift = rng.normal(size=(CLASSES, LAYERS, 1, DIM))
    lengths = rng.integers(3, 60, N)
    states = [
        rng.normal(size=(LAYERS, length, DIM)) + shift[label]
        for length, label in zip(lengths, labels, strict=True)
    ]
    return [torch.from_numpy(1 + 2 * one) for one in states], labels


def pooled(states, dtype):
    """The statistics that the store keeps: means, and packed population covariances."""
    means = torch.stack([one.mean(1) for one in states])
    first, second = pairs(LAYERS)
    moments = []
    for one in states:
        centred = one - one.mean(1, keepdim=True)
        moments.append((centred[first] * centred[second]).mean(1))
    return Data(means.to(dtype), torch.stack(moments).to(dtype))


class S3prlHead(torch.nn.Module):
    """SUPERB's emotion expert on given frames: weighted sum, projector, s3prl's UtteranceLevel."""

    def __init__(self, dtype):
        super().__init__()
        from paralbench.torchaudio_cure import ensure_torchaudio

        ensure_torchaudio()
        from s3prl.downstream.model import UtteranceLevel

        self.mix = torch.nn.Parameter(torch.zeros(LAYERS))
        self.projector = torch.nn.Linear(DIM, 256)
        self.model = UtteranceLevel(256, CLASSES, pooling="MeanPooling")
        self.to(dtype)

    def forward(self, states):
        mixed = [torch.einsum("l,ltd->td", self.mix.softmax(0), one) for one in states]
        lengths = torch.tensor([len(one) for one in mixed])
        padded = torch.nn.utils.rnn.pad_sequence(mixed, batch_first=True)
        return self.model(self.projector(padded), lengths)[0]

    def weights(self):
        """Its parameters by our names and in our layout, ``(jobs, points, ...)``."""
        linear = self.model.post_net.linear
        return {
            "mix": self.mix[None, :, None],
            "projection": self.projector.weight.T[None, None],
            "projection_bias": self.projector.bias[None, None],
            "weight": linear.weight.T[None, None],
            "bias": linear.bias[None, None],
        }


class FrameMlp(torch.nn.Module):
    """One hidden layer on mean and deviation over time of a mix of frames."""

    def __init__(self, dtype, hidden, centre, scale):
        super().__init__()
        self.mix = torch.nn.Parameter(torch.zeros(LAYERS))
        self.hidden = torch.nn.Linear(2 * DIM, hidden)
        self.out = torch.nn.Linear(hidden, CLASSES)
        self.centre, self.scale = centre, scale
        self.to(dtype)

    def forward(self, states):
        mixed = [torch.einsum("l,ltd->td", self.mix.softmax(0), one) for one in states]
        mean = torch.stack([one.mean(0) for one in mixed])
        deviation = torch.stack([one.std(0, correction=0) for one in mixed])
        deviation = (deviation - self.centre) * self.scale
        return self.out(self.hidden(torch.cat([mean, deviation], 1)).relu())

    def weights(self):
        return {
            "mix": self.mix[None, :, None],
            "hidden": self.hidden.weight.T[None, None],
            "hidden_bias": self.hidden.bias[None, None],
            "weight": self.out.weight.T[None, None],
            "bias": self.out.bias[None, None],
        }


def trainer_of(recipe, states, labels, dtype):
    """Our trainer, at its first step."""
    target = Target.of_classes(labels, CLASSES)
    data = pooled(states, dtype)
    if recipe.head == "superb":
        data = Data(data.mean)
    job = Job(np.arange(N), 7)
    head = make_head(recipe, CLASSES, LAYERS)
    standard = standards(data.mean, [job.rows]) if recipe.standardised else None
    prepared = prepare(
        data, target, [job], standard, length_one=head.length_one, balanced=recipe.balanced
    )
    return Trainer(recipe, head, prepared, recipe.points[:1], "cross-entropy")


def standardised(states, trainer):
    """Frames as the probe on statistics sees them: each layer and dimension brought to scale."""
    mean, scale = trainer.prepared.mean, trainer.prepared.scale
    if mean is None:
        return [one.to(trainer.prepared.dtype) for one in states]
    return [(one.to(mean.dtype) - mean[0][:, None]) * scale[0][:, None] for one in states]


def reference_of(recipe, trainer, dtype):
    torch.manual_seed(3)
    if recipe.head == "superb":
        return S3prlHead(dtype)
    batch = trainer._batch(torch.arange(N)[None])
    return FrameMlp(dtype, recipe.hidden, batch.centre[0], batch.scale[0])


@pytest.mark.parametrize("name", ["superb", "mlp"])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-5)])
def test_outputs_and_gradients_are_those_of_the_head_on_frames(frames, name, dtype, tolerance):
    states, labels = frames
    recipe = RECIPES[name]
    trainer = trainer_of(recipe, states, labels, dtype)
    reference = reference_of(recipe, trainer, dtype)
    given = standardised(states, trainer)
    with torch.no_grad():
        reference.mix.copy_(torch.linspace(-1, 1, LAYERS))
    head = Superb(CLASSES, recipe.hidden) if name == "superb" else Mlp(CLASSES, recipe.hidden)
    weights = {key: one.detach().clone() for key, one in reference.weights().items()}
    for one in weights.values():
        one.requires_grad_()
    batch: Batch = trainer._batch(torch.arange(N)[None])
    outputs = head(weights, batch)[0, 0]
    expected = reference(given)
    truth = torch.from_numpy(labels)
    found = torch.autograd.grad(functional.cross_entropy(outputs, truth), list(weights.values()))
    functional.cross_entropy(expected, truth).backward()

    def difference(one, other):
        return float((one - other).detach().norm() / other.detach().norm())

    assert difference(outputs, expected) < tolerance
    for parameter in reference.parameters():
        parameter.data = parameter.grad  # then weights() has the gradients in our layout
    for (key, other), gradient in zip(reference.weights().items(), found, strict=True):
        assert difference(gradient, other) < tolerance, key


@pytest.mark.parametrize("name", ["superb", pytest.param("mlp", marks=pytest.mark.slow)])
def test_after_200_steps_the_predictions_are_those_of_training_on_frames(frames, name):
    states, labels = frames
    recipe = replace(RECIPES[name], averaged=False)
    if name == "superb":
        recipe = replace(recipe, learning_rates=(1e-3,))  # 1e-4 has learned little by then
    else:
        recipe = replace(recipe, balanced=False, mix_rate=None, weight_decays=(0.0,))
    trainer = trainer_of(recipe, states, labels, torch.float32)
    reference = reference_of(recipe, trainer, torch.float32)
    given = standardised(states, trainer)
    trainer.weights = {key: one.detach().clone() for key, one in reference.weights().items()}
    optimizer = torch.optim.Adam(reference.parameters(), lr=recipe.learning_rates[0])
    batches = Batches(trainer.prepared.jobs[0], recipe.batch_size)
    for _ in range(STEPS):
        rows = batches.next()
        optimizer.zero_grad()
        loss = functional.cross_entropy(
            reference([given[row] for row in rows]), torch.from_numpy(labels[rows])
        )
        loss.backward()
        if recipe.clip is not None:
            torch.nn.utils.clip_grad_norm_(reference.parameters(), recipe.clip)
        optimizer.step()
        trainer.train()
    ours = trainer.outputs(torch.arange(N)[None], 64)[0, 0]
    with torch.no_grad():
        theirs = reference(given)
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), atol=1e-3)
    assert (ours.argmax(1) == theirs.argmax(1)).all()
    right = float((theirs.argmax(1).numpy() == labels).mean())
    assert right > 0.6  # it has learned something to be equal in
