"""Memory of large tensors on the CPU, kept from one operator to the next.

glibc takes blocks above 32 MB from the system and gives them back, operator by operator; each time
the system clears every page anew. A base-size encoder spends a sixth of its time on that, and more
on a busy machine. While features are extracted, freed blocks stay with the process instead.
"""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

# Of glibc's malloc.h.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4
_LARGEST = 2**31 - 1
_USUAL_MAPS = 65_536
# The largest that glibc comes to by itself; what it has learnt so far is lost by any setting.
_USUAL_THRESHOLD = 32 * 2**20


@contextmanager
def kept_memory() -> Iterator[bool]:
    """Keep freed memory until the end, then give it back; yields whether the C library can."""
    libc = None
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            libc = ctypes.CDLL("libc.so.6")
            _ = libc.mallopt, libc.malloc_trim
    if libc is None or not libc.mallopt(_MMAP_MAX, 0):
        yield False
        return
    libc.mallopt(_TRIM_THRESHOLD, _LARGEST)
    try:
        yield True
    finally:
        libc.mallopt(_MMAP_MAX, _USUAL_MAPS)
        libc.mallopt(_MMAP_THRESHOLD, _USUAL_THRESHOLD)
        libc.mallopt(_TRIM_THRESHOLD, 2 * _USUAL_THRESHOLD)
        libc.malloc_trim(0)
