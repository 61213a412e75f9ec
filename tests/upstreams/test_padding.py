"""The cures for padding, by themselves."""

import pytest
import torch

from paralbench.upstreams.padding import (
    ValidFrames,
    ValidNorm,
    attention_mask,
    normalise_valid_,
    valid_mask,
    without_padding,
    zero_padding_before,
)


@pytest.fixture
def frames():
    """Two utterances: of 4 and of 2 frames after one convolution."""
    frames = ValidFrames([2], [1])
    assert frames.set([5, 3], torch.device("cpu")).tolist() == [4, 2]
    return frames


def test_the_shortest_input_that_gives_a_frame():
    frames = ValidFrames([10, 3, 2], [5, 2, 2])
    assert frames.count(frames.receptive_field)[-1] == 1
    assert frames.count(frames.receptive_field - 1)[-1] == 0


@torch.inference_mode()
def test_a_norm_takes_its_statistics_over_valid_frames(frames):
    norm = torch.nn.GroupNorm(1, 3)
    x = torch.randn(2, 3, 4)
    x[1, :, 2:] = float("inf")
    alone = norm(x[1:, :, :2])[0]
    normed = ValidNorm(norm, frames, 0)(x.clone())
    assert torch.equal(normed[0], norm(x[:1])[0])
    assert torch.equal(normed[1, :, :2], alone)
    assert not normed[1, :, 2:].any()


@torch.inference_mode()
@pytest.mark.parametrize("groups", [1, 3, 6])
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float32, 2e-6), (torch.float64, 1e-12), (torch.bfloat16, 8e-3)]
)
def test_a_norm_of_the_whole_batch_at_once_is_the_same(groups, dtype, tolerance):
    norm = torch.nn.GroupNorm(groups, 6).to(dtype)
    norm.weight.copy_(torch.linspace(0.5, 2, 6))
    norm.bias.copy_(torch.linspace(-1, 1, 6))
    x = (torch.randn(3, 6, 500, generator=torch.Generator().manual_seed(0)) + 2).to(dtype)
    counts = [500, 317, 3]
    for row, count in zip(x, counts, strict=True):
        row[:, count:] = float("inf")
    normed = normalise_valid_(x.clone(), norm, torch.tensor(counts))
    assert normed.dtype == dtype
    assert normed.isfinite().all()
    wide = torch.nn.GroupNorm(groups, 6).double()
    wide.load_state_dict(norm.state_dict())
    for row, given, count in zip(normed, x, counts, strict=True):
        alone = wide(given[None, :, :count].double())[0]
        assert (row[:, :count].double() - alone).norm() <= tolerance * alone.norm()


def test_an_infinity_in_padding_does_not_leak(frames):
    """Multiplied by zero it would be NaN, and a convolution would carry that into the speech."""
    convolution = torch.nn.Conv1d(3, 3, 3, padding=1)
    zero_padding_before(convolution, frames)
    x = torch.randn(2, 3, 4)
    x[1, :, 2:] = float("inf")
    zeros = x.clone()
    zeros[1, :, 2:] = 0
    assert torch.equal(convolution(x), convolution(zeros))
    assert torch.equal(without_padding(x, frames.mask), zeros)
    assert without_padding(x, None) is x


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_no_attention_to_padding_in_any_precision(dtype):
    valid = valid_mask(torch.tensor([3, 1]), 3)
    assert valid.tolist() == [[True, True, True], [True, False, False]]
    scores = torch.full((2, 1, 3, 3), -300.0, dtype=dtype)
    seen = (scores + attention_mask(valid, dtype)).softmax(-1)
    assert seen.isfinite().all()
    assert seen[1, 0].tolist() == [[1, 0, 0]] * 3
