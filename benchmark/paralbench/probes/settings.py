"""How probes are computed; results do not depend on it beyond rounding."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from paralbench.probes.gram import GramCache

MEMORY = 1 << 30  # bytes of one chunk's tensors beside the features
HELD = 4 << 30  # bytes of the layers that are worked on at the same time


@dataclass(frozen=True)
class Settings:
    """Where and in what type probes are trained.

    Attributes:
        device: where.
        dtype: type of the arithmetic.
        memory: bytes that one chunk of probes may take beside the features; at least one job at
            one point is trained at a time.
        held: bytes that the features of single layers may take together, with copies of them, where
            layers are worked on one by one; one layer is held at least.
        grams: sums that several cells share, such as those of the corpora of transfer pairs.
        workers: chunks that are trained at the same time, each on one thread; None: as many as
            there are cores on the CPU, one elsewhere.
    """

    device: str = "cpu"
    dtype: torch.dtype = torch.float32
    memory: int = MEMORY
    held: int = HELD
    workers: int | None = None
    grams: "GramCache | None" = None
