import numpy as np
import pytest
import torch

from paralbench.errors import ParalbenchError
from paralbench.features.frame_layer import FrameLayer, layer_index
from paralbench.features.pooling import merge, pool
from paralbench.features.sizes import frames_bytes, size_text
from paralbench.upstreams.base import HiddenStates


def frames(scale=1.0, n=50, dim=6, seed=0):
    random = np.random.default_rng(seed)
    return torch.from_numpy(scale * random.normal(size=(n, dim))).float()


def test_what_float16_holds_is_rounded_to_eleven_bits():
    states = frames(100.0)
    kept = FrameLayer(0).narrowed(states)
    assert kept.dtype == torch.float16
    normal = states.abs() > 1e-3
    change = ((kept.float() - states).abs() / states.abs())[normal]
    assert float(change.max()) <= 2**-11


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(65_520.0, id="overflow"),
        pytest.param(-1e25, id="whose square overflows float32"),
    ],
)
def test_a_number_beyond_float16_keeps_the_window_in_float32(value):
    states = frames()
    states[7, 3] = value
    kept = FrameLayer(0).narrowed(states)
    assert kept.dtype == torch.float32
    assert torch.equal(kept, states)


@pytest.mark.parametrize("scale", [1e-6, 1e-25])
def test_a_dimension_below_float16_keeps_the_window_in_float32(scale):
    states = frames()
    states[:, 2] *= scale
    assert torch.equal(FrameLayer(0).narrowed(states), states)


def test_zeros_and_single_small_numbers_are_no_reason_for_float32():
    states = frames()
    states[:, 2] = 0.0
    states[4, 0] = 1e-20
    assert FrameLayer(0).narrowed(states).dtype == torch.float16


def test_float32_keeps_everything_and_shares_no_memory():
    states = frames(1e-20)
    kept = FrameLayer(0, "float32").narrowed(states)
    assert torch.equal(kept, states)
    assert kept.data_ptr() != states.data_ptr()


def test_another_type_is_refused():
    with pytest.raises(ParalbenchError, match=r"'bfloat16'\. Allowed: float16, float32"):
        FrameLayer(0, "bfloat16")


def test_pooling_takes_the_valid_frames_of_the_layer_only():
    layers = [frames(seed=seed).view(2, 25, 6) for seed in range(3)]
    layers[1][1, 9:] = torch.inf  # padding may hold anything
    hidden = HiddenStates(layers, torch.tensor([25, 9]))
    first, second = pool(hidden, layer=FrameLayer(1))
    assert [len(one.states) for one in (first, second)] == [25, 9]
    np.testing.assert_array_equal(second.states, layers[1][1, :9].half().numpy())
    assert second.finite
    assert pool(hidden)[0].states is None


def test_windows_are_put_end_to_end_and_one_wide_window_widens_all():
    parts = [FrameLayer(0).narrowed(frames(scale, seed=seed)) for seed, scale in enumerate((1, 1))]
    wide = frames(1e5, seed=2)
    hidden = [
        HiddenStates([one[None]], torch.tensor([len(one)])) for one in (*parts, wide, frames(n=0))
    ]
    pooled = [pool(one, layer=FrameLayer(0))[0] for one in hidden]
    narrow = merge([pooled[0], pooled[1], pooled[3]])
    assert narrow.states.dtype == np.float16
    np.testing.assert_array_equal(narrow.states, torch.cat(parts).numpy())
    whole = merge(pooled)
    assert whole.states.dtype == np.float32
    np.testing.assert_array_equal(whole.states[100:], wide.numpy())
    assert whole.frames == len(whole.states) == 150


def test_sizes():
    assert frames_bytes(2.5, 50, 768) == 125 * 768 * 2
    assert frames_bytes(0.001, 50, 768, itemsize=4) == 768 * 4
    assert [size_text(n) for n in (900, 45_000_000, 3_200_000_000_000)] == [
        "0.9 kB",
        "45.0 MB",
        "3.2 TB",
    ]


def test_layers_are_counted_from_both_ends():
    assert [layer_index(one, 13) for one in (0, 12, -1, -13)] == [0, 12, 12, 0]
    for wrong in (13, -14):
        with pytest.raises(ParalbenchError, match=f"layer {wrong} is not allowed. Allowed: 0 to 1"):
            layer_index(wrong, 13)
