"""A user's own module as an upstream: every accepted form, and every way to get it wrong."""

import numpy as np
import pytest
import torch
from torch import nn

from paralbench.errors import ParalbenchError
from paralbench.upstreams.base import Encoder, HiddenStates
from paralbench.upstreams.module import ModuleEncoder


def frames_of(samples: torch.Tensor) -> torch.Tensor:
    return (samples - 400) // 320 + 1


class Convolution(nn.Module):
    """Exact under padding: a strided convolution, with the valid frames returned."""

    def __init__(self, dim: int = 6, form: str = "pair", seed: int = 0):
        super().__init__()
        torch.manual_seed(seed)
        self.conv = nn.Conv1d(1, dim, kernel_size=400, stride=320)
        self.form = form

    def forward(self, waveforms, lengths):
        first = self.conv(waveforms[:, None]).transpose(1, 2)
        second, frames = torch.tanh(first), frames_of(lengths)
        return {
            "tensor": first,
            "stacked": torch.stack([first, second], dim=1),
            "list": [first, second],
            "tuple": (first, second),
            "states": HiddenStates([first, second], frames),
            "pair": ([first, second], frames),
            "pair of tensor": (first, frames),
            "pair of stacked": (torch.stack([first, second], dim=1), frames.int()),
        }[self.form]


class Normalised(Convolution):
    """Not exact under padding: normalised over time, padding included."""

    def forward(self, waveforms, lengths):
        layer = self.conv(waveforms[:, None])
        layer = (layer - layer.mean(-1, keepdim=True)) / (
            layer.std(-1, correction=0)[..., None] + 1
        )
        return layer.transpose(1, 2) + 1, frames_of(lengths)


def waveforms(*lengths: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    batch = torch.zeros(len(lengths), max(lengths))
    for row, length in enumerate(lengths):
        batch[row, :length] = torch.randn(length, generator=generator)
    return batch, torch.tensor(lengths)


FORMS = (
    "tensor",
    "stacked",
    "list",
    "tuple",
    "states",
    "pair",
    "pair of tensor",
    "pair of stacked",
)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_modules_own_values(form):
    module = Convolution(form=form)
    encoder = ModuleEncoder(module)
    assert isinstance(encoder, Encoder)
    assert encoder.name == "Convolution"
    n_layers = 1 if form in ("tensor", "pair of tensor") else 2
    assert (encoder.n_layers, encoder.dim, encoder.batching) == (n_layers, 6, "single")
    batch, lengths = waveforms(9_000, 4_321)
    states = encoder.forward(batch, lengths)
    assert states.lengths.tolist() == frames_of(lengths).tolist()
    for row, length in enumerate(lengths.tolist()):
        with torch.inference_mode():
            first = module.conv(batch[row : row + 1, None, :length])[0].T
        expected = [first, torch.tanh(first)][:n_layers]
        for layer, values in zip(states.layers, expected, strict=True):
            torch.testing.assert_close(layer[row, : len(values)], values)


def test_by_default_even_a_module_that_normalises_over_padding_is_exact():
    encoder = ModuleEncoder(Normalised())
    batch, lengths = waveforms(16_000, 5_000)
    together = encoder.forward(batch, lengths)
    alone = encoder.forward(batch[1:, :5_000], lengths[1:])
    frames = int(together.lengths[1])
    torch.testing.assert_close(together.layers[0][1, :frames], alone.layers[0][0], rtol=0, atol=0)


def test_padded_batches_are_for_modules_that_prove_to_be_exact():
    encoder = ModuleEncoder(Convolution(), batching="any")
    assert encoder.check_padding() <= 1e-5
    calls = []
    encoder.module.register_forward_hook(lambda *_: calls.append(1))
    encoder.forward(*waveforms(9_000, 4_321, 700))
    assert len(calls) == 1
    with pytest.raises(ParalbenchError, match=r"Normalised: in a padded batch .* differ by"):
        ModuleEncoder(Normalised(), batching="any")
    assert ModuleEncoder(Normalised()).check_padding(tolerance=None) > 1e-3
    with pytest.raises(ParalbenchError, match="must return the valid frames"):
        ModuleEncoder(Convolution(form="tensor"), batching="any")


def test_a_module_that_spills_nan_into_other_utterances_is_not_exact():
    def spill(batch, lengths):
        states, frames = Convolution()(batch, lengths)
        return [layer if len(lengths) == 1 else layer * torch.nan for layer in states], frames

    with pytest.raises(ParalbenchError, match="differ by nan"):
        ModuleEncoder(spill, key="1", batching="any")


def test_equal_lengths_share_a_batch_where_that_is_declared():
    encoder = ModuleEncoder(Convolution(form="tensor"), batching="equal-length")
    calls = []
    encoder.module.register_forward_hook(lambda *_: calls.append(1))
    assert encoder.forward(*waveforms(5_000, 5_000)).lengths.tolist() == [15, 15]
    assert len(calls) == 1
    assert encoder.forward(*waveforms(5_000, 4_000)).lengths.tolist() == [15, 12]
    assert len(calls) == 3


def test_a_callable_needs_a_key_and_has_no_weights():
    def energy(batch, lengths):
        return batch.unfold(1, 400, 160).square().mean(-1, keepdim=True)

    with pytest.raises(ParalbenchError, match=r"energy: has no weights .* give key="):
        ModuleEncoder(energy)
    encoder = ModuleEncoder(energy, key="1")
    assert (encoder.name, encoder.n_layers, encoder.dim) == ("energy", 1, 1)
    with pytest.raises(ParalbenchError, match="<lambda> is no name"):
        ModuleEncoder(lambda batch, lengths: energy(batch, lengths), key="1")


def test_the_key_covers_weights_name_class_word_and_what_is_not_in_the_weights():
    def key(module, **options):
        return ModuleEncoder(module, **options).weights_key

    class Renamed(Convolution):
        pass

    same = [key(Convolution()), key(Convolution()), key(Convolution().train())]
    assert len(set(same)) == 1
    others = [
        key(Convolution(seed=1)),
        key(Convolution(form="tensor")),
        key(Convolution(), name="mine"),
        key(Convolution(), key="2"),
        key(Convolution(), window=10.0),
        key(Renamed(), name="Convolution"),
    ]
    assert len({*same, *others}) == 1 + len(others)
    nudged = Convolution()
    with torch.no_grad():
        nudged.conv.weight[0, 0, 0] += 1e-7
    assert key(nudged) not in same


def test_dropout_is_switched_off_and_other_randomness_refused():
    class Noisy(Convolution):
        def forward(self, waveforms, lengths):
            return torch.nn.functional.dropout(super().forward(waveforms, lengths)[0][0], 0.5)

    module = Convolution(form="tensor")
    module.register_module("dropout", nn.Dropout(0.5))
    ModuleEncoder(module.train())
    assert not module.training
    with pytest.raises(ParalbenchError, match="gives other hidden states for the same waveform"):
        ModuleEncoder(Noisy())


def test_precision_and_device_follow():
    encoder = ModuleEncoder(Convolution(form="tensor"))
    assert encoder.to(torch.device("cpu"), torch.bfloat16) is encoder
    assert encoder.forward(*waveforms(5_000)).layers[0].dtype == torch.bfloat16
    assert ModuleEncoder(Convolution(form="tensor").double()).dim == 6


def returns(value):
    def model(batch, lengths):
        return value(batch, lengths)

    return model


LAYER = torch.ones(1, 5, 3)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (lambda b, n: torch.ones(1, 8), r"a tensor of shape \(1, 8\).*unsqueeze\(1\)"),
        (lambda b, n: {"last_hidden_state": LAYER}, "returned a dict. Allowed"),
        (lambda b, n: None, "returned a NoneType"),
        (lambda b, n: [], "returned a list"),
        (lambda b, n: [LAYER, torch.ones(1, 5)], r"a tensor of shape \(1, 5\)"),
        (lambda b, n: [LAYER, torch.ones(1, 4, 3)], "layers of different shapes"),
        (lambda b, n: LAYER.int(), "hidden states are floats, not torch.int32"),
        (lambda b, n: torch.ones(5, 1, 3), r"for 1 waveforms of \[16000\] samples"),
        (lambda b, n: torch.ones(1, 0, 3), "at least one frame"),
        (lambda b, n: (LAYER, torch.tensor([6])), r"valid frames \[6\].*from 1 to 5"),
        (lambda b, n: (LAYER, torch.tensor([0])), "valid frames"),
        (lambda b, n: (LAYER, torch.tensor([5, 5])), "valid frames"),
        (lambda b, n: (LAYER, torch.tensor([5.0])), "valid frames.*whole numbers"),
        (lambda b, n: LAYER * float("nan"), "not finite for noise"),
        (lambda b, n: LAYER.repeat(1, 1, 1 if b.shape[1] > 400 else 2), "1 of 3 at first"),
    ],
)  # fmt: skip
def test_wrong_outputs_are_explained(value, message):
    with pytest.raises(ParalbenchError, match=message):
        ModuleEncoder(returns(value), key="1")


def test_wrong_arguments_are_explained():
    with pytest.raises(ParalbenchError, match=r"Identity: is called with two arguments"):
        ModuleEncoder(nn.Identity(), key="1")
    with pytest.raises(ParalbenchError, match="ndarray is neither a torch module nor a callable"):
        ModuleEncoder(np.ones(3), key="1")
