"""Operations counted while an encoder encodes, against sums made by hand and published figures."""

import pytest
import torch
from torch import nn

from paralbench.cards import load_catalogue
from paralbench.features.flops import Flops, count_flops, measure_flops
from paralbench.upstreams import blueprints
from paralbench.upstreams.base import HiddenStates

CARDS = {card.id: card for card in load_catalogue().upstreams}

DIM, HEADS, WIDE = 16, 2, 48
KERNEL, STRIDE = 400, 320


class Layer:
    """A convolution to frames, then one module on ``(batch, frames, dim)``."""

    n_layers, dim = 1, DIM
    min_samples, window_samples = KERNEL, 16_000 * 30
    batching = "any"
    weights_key = "layer"

    def __init__(self, module, **changes):
        self.convolution = nn.Conv1d(1, DIM, KERNEL, STRIDE).eval()
        self.module = module.eval()
        vars(self).update(changes)

    def prepare(self, waveform):
        return waveform

    def forward(self, waveforms, lengths):
        found = self.module(self.convolution(waveforms[:, None]).transpose(1, 2))
        return HiddenStates([found], 1 + (lengths - KERNEL) // STRIDE)

    def to(self, device, dtype):
        return self


def frames(samples):
    return 1 + (samples - KERNEL) // STRIDE


def by_hand(samples):
    """The convolution and a transformer layer."""
    n = frames(samples)
    projections = 4 * 2 * n * DIM * DIM  # queries, keys, values, output
    attention = 2 * 2 * n * n * DIM  # scores, weighted sum; over all heads
    feed_forward = 2 * 2 * n * DIM * WIDE
    return 2 * n * KERNEL * DIM + projections + attention + feed_forward


@pytest.fixture(scope="module")
def transformer():
    return Layer(nn.TransformerEncoderLayer(DIM, HEADS, WIDE, batch_first=True))


@pytest.mark.parametrize("samples", [400, 16_000, 72_000])
def test_a_transformer_layer_is_counted_as_by_hand(transformer, samples):
    assert count_flops(transformer, samples) == by_hand(samples)
    assert torch.backends.mha.get_fastpath_enabled()


def test_lengths_that_no_stride_rounds_are_exact_and_others_near(transformer):
    flops = measure_flops(transformer)
    for strides in (0, 7, 225, 1000):
        samples = KERNEL + STRIDE * strides
        assert flops.of(samples) == pytest.approx(by_hand(samples), rel=1e-9)
    assert flops.of(72_000) == pytest.approx(by_hand(72_000), rel=5e-3)


def test_long_clips_count_as_their_windows(transformer):
    flops = measure_flops(transformer)
    assert flops.of(32 * 16_000) == pytest.approx(2 * flops.of(16 * 16_000))
    assert flops.of_all({16_000: 3, 32_000: 1}) == pytest.approx(
        3 * flops.of(16_000) + flops.of(32_000)
    )


def test_attention_cut_inside_the_encoder_counts_as_its_parts():
    flops = Flops(0.0, 1.0, 1.0, 1, 100, attention_samples=30)
    assert flops.of(60) == 2 * (30 + 30**2)
    assert flops.of(30) == 30 + 30**2


@pytest.mark.parametrize("layers", [1, 2])
def test_recurrent_layers_are_counted_as_by_hand(layers):
    class Recurrent(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = nn.LSTM(DIM, DIM, layers, batch_first=True)

        def forward(self, inputs):
            return self.lstm(inputs)[0]

    n = frames(16_000)
    gates = 4 * 2 * (DIM * DIM + DIM * DIM)  # input and hidden, of four gates
    expected = 2 * n * KERNEL * DIM + layers * n * gates
    assert count_flops(Layer(Recurrent()), 16_000) == expected


def test_steps_of_an_encoders_own_windows_become_a_line():
    class Windows(nn.Module):
        """Every second begun costs a product of its own, of one size."""

        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(1000, DIM))

        def forward(self, inputs):
            for _ in range(-(-inputs.shape[1] // 50)):
                inputs[:, :1] @ self.weight.T
            return inputs

    encoder = Layer(Windows(), batching="single")
    flops = measure_flops(encoder)
    for seconds in (10, 20, 29):
        counted = count_flops(encoder, 16_000 * seconds)
        assert flops.of(16_000 * seconds) == pytest.approx(counted, rel=0.06)


def test_what_torch_does_not_compute_has_no_count():
    assert measure_flops(Layer(nn.Identity(), convolution=lambda x: x[:, :, ::320])) is None
    other = Layer(nn.Identity(), backend="openvino")
    assert measure_flops(other) is None


@pytest.mark.parametrize(
    "id", ["wavlm-base", "tera-960h", "moonshine-tiny", "beats-iter3", "whisper-base-unpadded"]
)
def test_the_polynomial_fits_the_families_encoders(id):
    with blueprints.random_encoder(blueprints.shrunk(CARDS[id])) as encoder:
        flops = measure_flops(encoder)
        for seconds in (4.5, min(29.9, encoder.window_samples / 16_000)):
            samples = round(16_000 * seconds)
            assert flops.of(samples) == pytest.approx(count_flops(encoder, samples), rel=0.01)


def test_whispers_window_counts_in_full():
    with blueprints.random_encoder(blueprints.shrunk(CARDS["whisper-base"])) as encoder:
        flops = measure_flops(encoder)
        assert flops.of(8_000) == flops.of(480_000) == count_flops(encoder, 80_000)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("id", "published"),
    [
        ("wav2vec2-base", {4.5: 14.3, 10: 14.8, 30: 16.7}),
        ("whisper-base", {30: 2.9}),
    ],
)
def test_figures_of_real_sizes(id, published):
    """GFLOP per second of audio of 12 layers of 768, and of Whisper base, worked out elsewhere."""
    with blueprints.random_encoder(CARDS[id]) as encoder:
        flops = measure_flops(encoder)
    for seconds, expected in published.items():
        found = flops.of(round(16_000 * seconds)) / seconds / 1e9
        assert found == pytest.approx(expected, abs=0.06)
