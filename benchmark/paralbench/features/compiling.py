"""An encoder's blocks compiled by torch's compiler: norms, activations and residuals in one kernel.

All blocks of an encoder have the same code, so one of them is compiled, once, for batches of any
size and length (``dynamic``); rounding waveforms up to buckets of lengths would not make fewer
shapes, because the number of waveforms in a batch changes with their length. The convolutions in
front stay as they are: what they do depends on the lengths in the batch.

Compiled or not is no part of a feature's key: like the device and the batches it changes the order
of roundings and nothing else (1e-5 in fp32). It takes from half a minute to a few minutes before
the first batch, so it pays on a GPU that has long to work: see :func:`pays`. A block that the
compiler fails on runs as it is.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from paralbench.errors import ParalbenchError

if TYPE_CHECKING:
    from paralbench.upstreams.base import Encoder

CHOICES = ("auto", "yes", "no")
# Ten minutes of a GPU that does 330 TFLOP/s, which is 40 % of what an H200 reaches in bf16: of
# these, compiling may take some.
WORTH = 2e17  # operations


def pays(operations: float | None, device: str) -> bool:
    """Whether an extraction is long enough to compile for.

    It is judged by what is wanted and not by what is missing or by a clock, so that a run that is
    resumed does as it began.

    Args:
        operations: of all utterances that are to have features; None where they are not known.
        device: where they are made, as torch names it.
    """
    return device.startswith("cuda") and operations is not None and operations >= WORTH


def can_compile(encoder: "Encoder") -> bool:
    """Whether an encoder names blocks."""
    return bool(_blocks(encoder))


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
    from torch import _dynamo

    blocks = _blocks(encoder)
    if not blocks:
        raise ParalbenchError(
            f"{type(encoder).__name__} names no blocks that could be compiled; leave compile out."
        )
    for block in blocks:
        block.forward = torch.compile(block.forward, dynamic=True, backend=backend)
    try:
        # A machine without a C++ compiler or Triton is no reason to stop.
        with _dynamo.config.patch(suppress_errors=True):
            yield
    finally:
        for block in blocks:
            del block.forward  # what is left is that of its class


def _blocks(encoder: "Encoder") -> list[Any]:
    return list(getattr(encoder, "blocks", ()))
