"""Linear layers on the CPU by the faster of the ways that torch has: exact float32 by oneDNN.

torch computes a float32 linear layer with MKL, whose fastest code runs on Intel's processors only:
on an AMD EPYC with AVX-512 it reaches 200 GFLOP/s of the 450 that oneDNN reaches on the same two
cores, for results that are as near to float64's (4e-7). A base-size encoder takes two thirds of
its time in linear layers and becomes 1.5 times as fast. On one without AVX-512 it is the other way
round (one core: MKL 74 to 86 GFLOP/s, oneDNN 58 to 78), and MKL is kept. torch offers no setting
for the choice.

An input ``(a, b, features)`` that is not contiguous torch multiplies with ``a`` copies of the
weights. WavLM's attention has such inputs; in bfloat16 a batch took 3.4 times as long as in
float32 for it, and takes half as long with the input made contiguous first.

oneDNN also keeps what it made for a shape of input, 1024 pieces of it: with every batch of another
length up to 10 MB, and 2 GB in a long corpus.
"""

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


# Pieces that oneDNN keeps. A forward pass takes about 15 of them, whatever the number of layers.
CACHE_CAPACITY = 200
_CACHE_VARIABLES = ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "DNNL_PRIMITIVE_CACHE_CAPACITY")


def bound_cache() -> None:
    """Let oneDNN keep no more than :data:`CACHE_CAPACITY` pieces, unless the user said how many.

    It reads the environment when this process first uses it; later this does nothing.
    """
    if not any(name in os.environ for name in _CACHE_VARIABLES):
        os.environ[_CACHE_VARIABLES[0]] = str(CACHE_CAPACITY)


def has_onednn() -> bool:
    """Whether this torch and processor have what :func:`fast_linear` uses."""
    import torch

    return (
        platform.machine().lower() in ("x86_64", "amd64")
        and torch.backends.mkldnn.is_available()
        # An operator of torch's compiler, present since torch 2.0; it is not documented.
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")
    )


def is_faster() -> bool:
    """Whether oneDNN computes float32 products faster than MKL: with AVX-512 it does."""
    import torch

    return torch.backends.cpu.get_cpu_capability().startswith("AVX512")


@contextmanager
def fast_linear() -> Iterator[None]:
    """Let ``torch.nn.functional.linear`` take the faster way on the CPU; restore it at the end.

    ``nn.Linear`` and torch's multi-head attention call it there. Where oneDNN is missing or
    gradients are recorded, nothing changes.
    """
    import torch
    from torch.nn import functional

    if not has_onednn():
        yield
        return
    original: Any = functional.linear
    float32_by_onednn = is_faster()

    def linear(
        input: "torch.Tensor", weight: "torch.Tensor", bias: "torch.Tensor | None" = None
    ) -> "torch.Tensor":
        ours = (
            # A trace is to hold operators that others know.
            not torch.jit.is_tracing()  # pyright: ignore[reportPrivateImportUsage]
            and not torch.is_grad_enabled()  # the operator has no gradient
            and all(_plain(one, input) for one in (input, weight, bias) if one is not None)
            and input.dim() >= 2
            and weight.dim() == 2
            and input.shape[-1] == weight.shape[1]  # otherwise torch says what is wrong
            and input.numel() > 0
        )
        if not ours:
            return original(input, weight, bias)
        if input.dtype != torch.float32 or not float32_by_onednn:
            return original(input.contiguous(), weight, bias)
        product = torch.ops.mkldnn._linear_pointwise
        return product(input.contiguous(), weight.contiguous(), bias, "none", [], "")

    functional.linear = linear
    try:
        yield
    finally:
        functional.linear = original


def _plain(tensor: "torch.Tensor", input: "torch.Tensor") -> bool:
    """Whether it is an ordinary tensor on the CPU, of floats of the input's type."""
    import torch

    return (
        tensor.dtype == input.dtype
        and tensor.dtype in (torch.float32, torch.bfloat16, torch.float16)
        and tensor.device.type == "cpu"
        and tensor.layout == torch.strided
        and type(tensor) in (torch.Tensor, torch.nn.Parameter)
    )
