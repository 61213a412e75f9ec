"""An encoder's blocks compiled by torch's compiler: norms, activations and residuals in one kernel.

All blocks of an encoder have the same code, so one of them is compiled, once, for batches of any
size and length (``dynamic``); rounding waveforms up to buckets of lengths would not make fewer
shapes, because the number of waveforms in a batch changes with their length. The convolutions in
front stay as they are: what they do depends on the lengths in the batch.

Compiled or not is no part of a feature's key: like the device and the batches it changes the order
of roundings and nothing else (1e-5 in fp32). It takes from half a minute to a few minutes before
the first batch, so it pays from some hours of audio on, on a GPU; it is off unless asked for.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from paralbench.errors import ParalbenchError

if TYPE_CHECKING:
    from paralbench.upstreams.base import Encoder


@contextmanager
def compiled_blocks(encoder: "Encoder", backend: str = "inductor") -> Iterator[None]:
    """Let an encoder's blocks be compiled when they are first called; undone at the end.

    Args:
        encoder: one that names its ``blocks``.
        backend: of ``torch.compile``.

    Raises:
        ParalbenchError: the encoder names no blocks.
    """
    import torch

    blocks = list(getattr(encoder, "blocks", ()))
    if not blocks:
        raise ParalbenchError(
            f"{type(encoder).__name__} names no blocks that could be compiled; leave compile out."
        )
    for block in blocks:
        block.forward = torch.compile(block.forward, dynamic=True, backend=backend)
    try:
        yield
    finally:
        for block in blocks:
            del block.forward  # what is left is that of its class
