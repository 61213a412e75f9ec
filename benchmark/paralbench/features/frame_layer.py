"""Which layer's frames are kept, and in what type. Importing it imports no torch.

Float16 holds 11 bits of a number from 6e-5 to 65504, which is as much as a probe can use of most
hidden states, in half the space. What it cannot hold is kept in float32 instead, window by window
and without loss: see :meth:`FrameLayer.narrowed`.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from paralbench.errors import ParalbenchError

if TYPE_CHECKING:
    import torch

ITEMSIZES = {"float16": 2, "float32": 4}

# Float16 rounds to half a unit in the 11th bit, 2^-11 of a number, where it holds the number at
# all. A dimension that loses more than twice that of its largest value is outside its range.
_MOST_ROUNDING = 2.0**-10


@dataclass(frozen=True)
class FrameLayer:
    """The layer whose frames are kept, and the type they are kept in.

    Attributes:
        index: of the layer, from 0.
        dtype: ``float16`` or ``float32``.
    """

    index: int
    dtype: str = "float16"

    def __post_init__(self):
        if self.dtype not in ITEMSIZES:
            raise ParalbenchError(
                f"frames are not kept as {self.dtype!r}. Allowed: {', '.join(ITEMSIZES)}."
            )

    @property
    def itemsize(self) -> int:
        """Bytes of a number."""
        return ITEMSIZES[self.dtype]

    def narrowed(self, states: "torch.Tensor") -> "torch.Tensor":
        """Frames ``(frames, dim)`` as they are kept: a copy in float16, or in float32.

        With ``float16`` a window of an utterance is rounded where that changes no dimension by
        more than 2^-10 of its largest absolute value. Where it would, for a number is above 65504
        or a whole dimension below some 3e-5, the window is kept in float32.
        """
        import torch

        wide = states.to(torch.float32, copy=True)
        if self.dtype == "float32":
            return wide
        half = wide.to(torch.float16)
        if len(wide) == 0:
            return half
        change = (half.to(torch.float32) - wide).abs_().amax(0)
        fits = (change <= _MOST_ROUNDING * wide.abs().amax(0)) & half.isfinite().all(0)
        return half if bool(fits.all()) else wide


def layer_index(layer: int, layers: int) -> int:
    """A layer's index from 0; -1 is the last.

    Raises:
        ParalbenchError: there is no such layer; the message gives the range.
    """
    if not -layers <= layer < layers:
        raise ParalbenchError(
            f"layer {layer} is not allowed. Allowed: 0 to {layers - 1}, or from the last "
            f"-1 to {-layers}."
        )
    return layer % layers
