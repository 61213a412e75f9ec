"""How probes are computed; results do not depend on it beyond rounding."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from paralbench.probes.gram import GramCache

MEMORY = 1 << 30  # bytes of one chunk's tensors beside the features


@dataclass(frozen=True)
class Settings:
    """Where and in what type probes are trained.

    Attributes:
        device: where.
        dtype: type of the arithmetic.
        memory: bytes that one chunk of probes may take beside the features; at least one job at
            one point is trained at a time.
        grams: sums that several cells share, such as those of the corpora of transfer pairs.
        workers: chunks that are trained at the same time, each on one thread; None: as many as
            there are cores on the CPU, one elsewhere.
    """

    device: str = "cpu"
    dtype: torch.dtype = torch.float32
    memory: int = MEMORY
    workers: int | None = None
    grams: "GramCache | None" = None
