"""The rate of products: a number of this machine, measured once."""

import time

import pytest
import torch

from paralbench.errors import ParalbenchError
from paralbench.features.matmul_rate import matmul_rate


def test_the_rate_is_that_of_a_product_and_is_remembered():
    rate = matmul_rate("cpu", "fp32", 1)
    one = torch.randn(512, 512)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        taken = []
        for _ in range(20):
            started = time.perf_counter()
            one @ one
            taken.append(time.perf_counter() - started)
    finally:
        torch.set_num_threads(before)
    # The machine may be busy: of the same order, which a mistaken factor of 1000 is not.
    assert 0.05 < rate / (2 * 512**3 / min(taken)) < 20
    started = time.perf_counter()
    assert matmul_rate("cpu", "fp32", 1) == rate
    assert time.perf_counter() - started < 0.01


def test_a_device_that_is_not_there_has_no_rate():
    with pytest.raises(ParalbenchError, match="cuda:9"):
        matmul_rate("cuda:9", "fp32", 1)
