"""The rate of matrix products on a device: what an encoder's operations a second compare with.

Data sheets give rates that no program reaches, and say nothing of two cores of a shared machine.
The rate is measured on large products in the precision and with the threads that an extraction
has, on the machine as busy as it is: other work at the time makes it, and shares of it, less sure.
"""

import time
from functools import cache
from typing import TYPE_CHECKING

from paralbench.features.arithmetic import arithmetic
from paralbench.features.device import find_device
from paralbench.features.precision import torch_dtype

if TYPE_CHECKING:
    import torch

_SIZES = {"cpu": 1024, "mps": 4096, "cuda": 8192}  # rows and columns: large enough to be at rest
_LARGE = 2048  # on a CPU with more threads than
_MANY_THREADS = 8
_SECONDS = 0.2  # how long is measured, after a first product
_FEWEST = 3  # products


@cache
def matmul_rate(device: str, precision: str, threads: int) -> float:
    """Operations per second (a multiply-add is 2) of the fastest of a few large products.

    Measured once per process and remembered: a third of a second.

    Args:
        device: as torch names it.
        precision: one of :data:`~paralbench.features.precision.PRECISIONS`.
        threads: of torch on the CPU.

    Raises:
        ParalbenchError: the device is not there, or the precision is unknown.
    """
    import torch

    place, dtype = find_device(device), torch_dtype(precision)
    size = _SIZES[place.type]
    if place.type == "cpu" and threads > _MANY_THREADS:
        size = _LARGE
    generator = torch.Generator().manual_seed(0)
    one, other = (torch.randn(size, size, generator=generator).to(place, dtype) for _ in range(2))
    times: list[float] = []
    with arithmetic(threads, precision):
        _product(one, other)
        while len(times) < _FEWEST or sum(times) < _SECONDS:
            times.append(_product(one, other))
    return 2 * size**3 / min(times)


def _product(one: "torch.Tensor", other: "torch.Tensor") -> float:
    """Seconds that a product takes, as a linear layer computes it; waits for the device."""
    import torch

    started = time.perf_counter()
    product = torch.nn.functional.linear(one, other)
    if one.device.type == "cuda":
        torch.cuda.synchronize(one.device)
    else:
        product[0, 0].item()
    return time.perf_counter() - started
