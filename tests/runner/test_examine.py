"""Examining an upstream: what is measured, on which weights, and what fails without a crash."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from paralbench.cards import UpstreamCard
from paralbench.errors import WeightsError
from paralbench.runner import examine as module
from paralbench.runner.examine import examine, faults, find, speed
from paralbench.upstreams.base import HiddenStates
from paralbench.upstreams.probing import count_parameters


class Frames:
    """Means of 320 samples, one layer; reads beyond the waveform where ``leaky``."""

    n_layers, dim, min_samples, window_samples = 1, 1, 320, 16_000
    weights_key = "0" * 64

    def __init__(self, batching="any", leaky=False):
        self.batching, self.leaky = batching, leaky
        self.encoded: list[tuple[int, ...]] = []

    def prepare(self, waveform):
        return waveform + np.float32(1)

    def forward(self, waveforms, lengths):
        self.encoded.append(tuple(lengths.tolist()))
        frames = waveforms[:, : waveforms.shape[1] // 320 * 320].unfold(1, 320, 320).mean(2)
        if self.leaky:
            frames = frames - frames.mean(1, keepdim=True) + 1
        return HiddenStates([frames[:, :, None]], lengths // 320)

    def to(self, device, dtype):
        return self


@pytest.fixture
def card():
    weights = [{"source": "none"}]
    data = {"name": "x", "family": "fbank", "licence": "none", "weights": weights, "layers": 1}
    return UpstreamCard.build(data, id="x")


@pytest.fixture
def use(monkeypatch):
    """``use(encoder)``: what loading any card gives; an error is raised instead."""

    def give(encoder):
        def load(*_):
            if isinstance(encoder, Exception):
                raise encoder
            return encoder

        monkeypatch.setattr(module, "load_encoder", load)
        return encoder

    return give


def test_an_exact_encoder(card, use):
    use(Frames())
    seen = examine(card)
    assert (seen.where, seen.measured_on, seen.batching) == ("no weights", "real", "any")
    assert seen.batch_error <= 1e-6
    assert seen.speed > 0
    assert faults(card, seen, 1e-5) == []


def test_an_encoder_that_sees_its_batch(card, use):
    use(Frames(leaky=True))
    seen = examine(card, timed=False)
    assert seen.batch_error > 0.1
    assert seen.speed is None
    assert "pooled statistics in a batch differ by" in faults(card, seen, 1e-5)[0]
    assert faults(card, replace(seen, batch_error=float("nan")), 1e-5)


def test_only_batches_that_the_encoder_allows_are_measured(card, use):
    encoder = use(Frames("equal-length", leaky=True))
    assert examine(card, timed=False).batch_error <= 1e-6
    assert any(len(batch) > 1 for batch in encoder.encoded)
    assert all(len(set(batch)) == 1 for batch in encoder.encoded)
    encoder = use(Frames("single", leaky=True))
    assert examine(card, timed=False).batch_error is None
    assert not encoder.encoded


def test_a_clip_longer_than_the_window_is_timed_in_windows():
    encoder = Frames()
    assert speed(encoder, "cpu", repeats=1) > 0
    assert encoder.encoded == [(16_000,)] * 10


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (WeightsError("a message of ours"), "a message of ours"),
        (ImportError("no such module"), "ImportError: no such module"),
        (RuntimeError("out of memory"), "RuntimeError: out of memory"),
        (OSError("disk full"), "OSError: disk full"),
    ],
)
def test_what_fails_is_told(error, told, card, use):
    use(error)
    seen = examine(card)
    assert seen.problem == told
    assert faults(card, seen, 1e-5) == [told]


def test_what_fails_while_weights_are_looked_for_is_told(card, monkeypatch):
    def look(*_, **__):
        raise KeyError("a layout that nobody knows")

    monkeypatch.setattr(module, "look", look)
    assert find(card).problem == "KeyError: 'a layout that nobody knows'"
    assert examine(card).measured_on is None


def test_a_card_that_says_otherwise(card, use):
    use(Frames())
    seen = examine(card, timed=False)
    wrong = card.model_copy(update={"layers": 2, "dim": 1, "parameters": 5})
    assert faults(wrong, seen, 1e-5) == [
        "layers: the card says 2, the weights give 1",
        "parameters: the card says 5, the weights give 0",
    ]


def test_parameters_are_found_wherever_they_are():
    shared = torch.nn.Linear(2, 3)

    class Holder:
        def __init__(self):
            self.model = torch.nn.Sequential(shared, torch.nn.Linear(3, 1))
            self.again = shared
            self.heads = {"a": [torch.nn.Linear(1, 1, bias=False)]}
            self.itself = self

    assert count_parameters(Holder()) == 6 + 3 + 3 + 1 + 1
    assert count_parameters(Frames()) == 0
