"""Training several chunks of probes at a time, each on one thread of the CPU."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

from paralbench.probes.settings import Settings

Given = TypeVar("Given")
Found = TypeVar("Found")


def in_threads(
    function: Callable[[Given], Found], chunks: Sequence[Given], settings: Settings
) -> list[Found]:
    """What a function makes of each chunk, in their order.

    On the CPU its operators have one thread each and as many chunks run as there are workers. The
    products of a chunk are small, and threads that wait for each other cost several times what
    they save; and scores then do not depend on how many cores a machine has.
    """
    cpu = torch.device(settings.device).type == "cpu"
    workers = settings.workers or ((os.cpu_count() or 1) if cpu else 1)
    before = torch.get_num_threads()
    if cpu:
        torch.set_num_threads(1)
    try:
        if workers == 1 or len(chunks) == 1:
            return [function(chunk) for chunk in chunks]
        with ThreadPoolExecutor(workers) as pool:
            return list(pool.map(function, chunks))
    finally:
        torch.set_num_threads(before)
