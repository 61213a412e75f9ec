"""Idea 1: the SUPERB utterance head on pooled means is the head on frames.

The head is the learned layer mix (softmax weights), Linear, mean over the valid frames, Linear
(S3PRL's ``UtteranceLevel`` with ``MeanPooling``, Yang et al. 2021, https://arxiv.org/abs/2105.01051).
Everything up to the pooling is affine and the same for every frame, so it commutes with the mean.
"""

import numpy as np
import pytest
import torch
from torch.nn import functional

LAYERS, DIM, PROJECTION, CLASSES = 6, 24, 16, 4


class SuperbHead(torch.nn.Module):
    """The head, on frames; with one frame per utterance it is the head on pooled means."""

    def __init__(self):
        super().__init__()
        self.mix = torch.nn.Parameter(torch.linspace(-1, 1, LAYERS))
        self.project = torch.nn.Linear(DIM, PROJECTION)
        self.classify = torch.nn.Linear(PROJECTION, CLASSES)

    def forward(self, frames, lengths):
        """Logits of frames ``(batch, layers, frames, dim)``, of which ``lengths`` are valid."""
        mixed = torch.einsum("l,bltd->btd", self.mix.softmax(0), frames)
        projected = self.project(mixed)
        valid = torch.arange(frames.shape[2])[None] < lengths[:, None]
        total = (projected * valid[..., None]).sum(1)
        return self.classify(total / lengths[:, None])


@pytest.fixture
def extracted(noise, fakes, store, description):
    """The features as the store returns them, and each utterance's own frames."""
    from paralbench.features.extract import extract

    encoder = fakes.ConvEncoder(n_layers=3)
    report = extract(encoder, description, noise.contents, noise.cache, store)
    frames = [fakes.frames_of(encoder, noise.waveforms[content]) for content in noise.contents]
    return report.space.mean(noise.contents), frames


def run(head, inputs, lengths, labels):
    """Logits, loss and the gradient of every parameter."""
    head.zero_grad()
    logits = head(inputs, lengths)
    functional.cross_entropy(logits, labels).backward()
    return logits.detach(), [one.grad.clone() for one in head.parameters()]


def close(one, other):
    """Whether two tensors differ by at most 1e-6 of the larger one's size."""
    return float((one - other).norm()) <= 1e-6 * float(other.norm()) + 1e-12


def test_outputs_and_gradients_agree_on_random_frames():
    torch.manual_seed(0)
    lengths = torch.tensor([50, 3, 17, 1, 49])
    frames = torch.randn(5, LAYERS, 50, DIM, dtype=torch.float64) * 2 + 10
    labels = torch.tensor([0, 1, 2, 3, 0])
    means = torch.stack([one[:, :n].mean(1) for one, n in zip(frames, lengths, strict=True)])
    stored = means.float().double()  # the store's precision
    head = SuperbHead().double()
    logits, gradients = run(head, frames, lengths, labels)
    pooled_logits, pooled_gradients = run(head, stored[:, :, None], torch.ones(5), labels)
    assert close(pooled_logits, logits)
    assert all(close(*pair) for pair in zip(pooled_gradients, gradients, strict=True))


def test_outputs_and_gradients_agree_on_what_was_extracted(extracted, monkeypatch):
    means, frames = extracted
    monkeypatch.setattr(f"{__name__}.LAYERS", means.shape[1])
    monkeypatch.setattr(f"{__name__}.DIM", means.shape[2])
    torch.manual_seed(1)
    head = SuperbHead().double()
    lengths = torch.tensor([one.shape[1] for one in frames])
    padded = torch.zeros(len(frames), means.shape[1], int(lengths.max()), means.shape[2]).double()
    for row, one in enumerate(frames):
        padded[row, :, : one.shape[1]] = torch.from_numpy(one)
    labels = torch.arange(len(frames)) % CLASSES
    logits, gradients = run(head, padded, lengths, labels)
    pooled = torch.from_numpy(means).double()[:, :, None]
    pooled_logits, pooled_gradients = run(head, pooled, torch.ones(len(frames)), labels)
    assert close(pooled_logits, logits)
    assert all(close(*pair) for pair in zip(pooled_gradients, gradients, strict=True))


def test_training_on_means_gives_the_weights_of_training_on_frames():
    torch.manual_seed(2)
    lengths = torch.tensor([30, 9, 21, 14, 30, 2])
    frames = torch.randn(6, LAYERS, 30, DIM, dtype=torch.float64)
    labels = torch.tensor([0, 1, 2, 3, 1, 0])
    means = torch.stack([one[:, :n].mean(1) for one, n in zip(frames, lengths, strict=True)])
    trained = []
    for inputs, counts in ((frames, lengths), (means[:, :, None], torch.ones(6))):
        torch.manual_seed(3)
        head = SuperbHead().double()
        optimiser = torch.optim.Adam(head.parameters(), lr=1e-2)
        for _ in range(50):
            run(head, inputs, counts, labels)
            optimiser.step()
        trained.append(torch.nn.utils.parameters_to_vector(head.parameters()).detach())
    np.testing.assert_allclose(trained[1].numpy(), trained[0].numpy(), rtol=1e-6, atol=1e-9)


def test_an_activation_before_the_pooling_breaks_the_equality():
    """The condition is needed: with EmoBox's ReLU the means are not enough."""
    torch.manual_seed(0)
    frames = torch.randn(1, 40, DIM)
    linear = torch.nn.Linear(DIM, PROJECTION)
    with torch.no_grad():
        on_frames = linear(frames).relu().mean(1)
        on_means = linear(frames.mean(1)).relu()
    assert float((on_frames - on_means).abs().max()) > 0.1
