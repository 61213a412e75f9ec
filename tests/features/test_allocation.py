import pytest

CODE = """
import resource
import numpy as np
from paralbench.features.allocation import kept_memory

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096

def work():
    np.ones(30_000_000, np.float32).sum()

def pages(times):
    before = faults()
    for _ in range(times):
        work()
    return faults() - before

work()
usual = pages(5)
with kept_memory() as works:
    work()
    kept, inside = pages(5), resident()
print(works, usual, kept, inside - resident(), pages(5))
"""


def test_memory_is_kept_and_then_given_back(run_python):
    """In a process of its own; a tensor of 120 MB, five times."""
    works, usual, kept, freed, later = run_python(CODE).stdout.split()
    if works == "False":
        pytest.skip("needs another platform: one with glibc")
    assert int(usual) > 100  # numpy asks for large pages where the system has them
    assert int(kept) < int(usual) / 10
    assert int(freed) > 100e6
    assert int(later) > 100
