from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional

from paralbench.features import onednn
from paralbench.features.arithmetic import arithmetic
from paralbench.features.onednn import fast_linear, has_onednn


@pytest.fixture(autouse=True)
def _needs_x86():
    if not has_onednn():
        pytest.skip("needs another platform: x86 with oneDNN")


@pytest.fixture
def with_avx512(monkeypatch):
    """oneDNN computes float32 products also here; the numbers do not depend on AVX-512."""
    monkeypatch.setattr(onednn, "is_faster", lambda: True)


def relative(one, other):
    return float((one.double() - other.double()).norm() / other.double().norm())


@pytest.mark.usefixtures("with_avx512")
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    "shape",
    [(3, 64), (1, 64), (2, 7, 64), (2, 3, 5, 64)],
    ids=str,
)
def test_products_are_those_of_float64(shape, bias):
    torch.manual_seed(0)
    layer = nn.Linear(64, 48, bias=bias)
    x = torch.randn(shape)
    with torch.no_grad():
        wanted = layer.double()(x.double())
    layer.float()
    with arithmetic(threads=1):
        found = layer(x)
    assert found.shape == wanted.shape
    assert relative(found, wanted) < 1e-6


@pytest.mark.usefixtures("with_avx512")
def test_strides_do_not_matter():
    torch.manual_seed(0)
    x, weight = torch.randn(64, 9).T, torch.randn(64, 48).T
    with arithmetic(threads=1):
        found = functional.linear(x, weight)
        sliced = functional.linear(torch.cat([x, x], 1)[:, :64], weight[::2])
    wanted = x.double() @ weight.double().T
    assert relative(found, wanted) < 1e-6
    assert relative(sliced, wanted[:, ::2]) < 1e-6


def test_what_it_does_not_serve_is_left_to_torch():
    weight = torch.randn(4, 8)
    cases = [
        (torch.randn(8), weight),
        (torch.randn(0, 8), weight),
        (torch.randn(3, 8).bfloat16(), weight.bfloat16()),
        (torch.randn(3, 8).double(), weight.double()),
    ]
    for x, matrix in cases:
        wanted = functional.linear(x, matrix)
        with torch.inference_mode(), fast_linear():
            assert torch.equal(functional.linear(x, matrix), wanted)
    with torch.inference_mode(), fast_linear():
        with pytest.raises(RuntimeError, match="shapes"):
            functional.linear(torch.randn(3, 7), weight)
        with pytest.raises(RuntimeError, match="dtype"):
            functional.linear(torch.randn(3, 8), weight.bfloat16())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_gives_what_torch_gives_a_contiguous_input(dtype):
    torch.manual_seed(0)
    layer = nn.Linear(64, 48).to(dtype)
    x = torch.randn(5, 7, 64).to(dtype)
    with torch.inference_mode():
        wanted = layer(x)
        with fast_linear():
            found = layer(x.transpose(0, 1).contiguous().transpose(0, 1))
    assert torch.equal(found, wanted)


def test_without_avx512_products_are_torch_s_of_a_contiguous_input(monkeypatch):
    monkeypatch.setattr(onednn, "is_faster", lambda: False)
    torch.manual_seed(0)
    layer, x = nn.Linear(64, 48), torch.randn(5, 7, 64)
    with torch.inference_mode():
        wanted = layer(x)
        with fast_linear():
            assert torch.equal(layer(x), wanted)
            assert torch.equal(layer(x.transpose(0, 1).contiguous().transpose(0, 1)), wanted)


@pytest.mark.usefixtures("with_avx512")
def test_multi_head_attention_is_served_too(monkeypatch):
    calls = []
    product = torch.ops.mkldnn._linear_pointwise

    def counted(*arguments):
        calls.append(arguments[0].shape)
        return product(*arguments)

    monkeypatch.setattr(torch.ops.mkldnn, "_linear_pointwise", counted)
    torch.manual_seed(0)
    attention, x = nn.MultiheadAttention(16, 2).train(), torch.randn(5, 1, 16)
    with torch.no_grad():
        wanted, _ = attention(x, x, x)
        with fast_linear():
            found, _ = attention(x, x, x)
    assert relative(found, wanted) < 1e-6
    assert len(calls) == 2  # into heads, and out of them


@pytest.mark.filterwarnings("ignore:.*torch.jit.trace.*deprecated:DeprecationWarning")
def test_traces_hold_torch_s_own_operators():
    layer = nn.Linear(8, 4).requires_grad_(False)
    with torch.no_grad(), fast_linear():
        traced = torch.jit.trace(layer, torch.randn(2, 8))
    assert "aten::linear" in str(traced.graph)


def test_gradients_are_left_to_torch():
    layer = nn.Linear(8, 4)
    with fast_linear():
        layer(torch.randn(2, 8)).sum().backward()
    assert layer.weight.grad is not None


def test_memory_does_not_grow_with_the_number_of_lengths(run_python):
    """In a process of its own: oneDNN reads the bound once."""
    if not Path("/proc/self/statm").exists():
        pytest.skip("needs another platform: one that tells a process's memory under /proc")
    code = """
import torch
from paralbench.features.arithmetic import arithmetic
from paralbench.features.onednn import CACHE_CAPACITY

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096

layer = torch.nn.Conv1d(256, 256, 3, stride=2)
with arithmetic(threads=1):
    for length in range(300, 300 + 3 * CACHE_CAPACITY):
        if length == 300 + CACHE_CAPACITY:
            before = resident()
        layer(torch.zeros(1, 256, length))
print((resident() - before) / 2**20)
"""
    bounded = float(run_python(code).stdout)
    free = float(run_python(code, env={"ONEDNN_PRIMITIVE_CACHE_CAPACITY": "1024"}).stdout)
    assert bounded < free / 3


def test_torch_s_function_returns():
    original = functional.linear
    with fast_linear():
        assert functional.linear is not original
    assert functional.linear is original
    with pytest.raises(ValueError, match="inside"), fast_linear():
        raise ValueError("inside")
    assert functional.linear is original
