"""The one table of the precisions an upstream may be run in. Importing it imports no torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from paralbench.errors import ParalbenchError

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Precision:
    """A precision; its name is part of a feature key.

    Attributes:
        dtype: torch's name of the type of weights and activations.
        reduced_products: whether products of float32 matrices may be computed in fewer bits, as
            far as the processor has something faster: TF32 (10 bits of mantissa) on NVIDIA GPUs,
            bfloat16 on CPUs with AMX. Elsewhere nothing is lost.
    """

    dtype: str
    reduced_products: bool = False


PRECISIONS: Mapping[str, Precision] = {
    "fp32": Precision("float32"),
    "bf16": Precision("bfloat16"),
    "fp16": Precision("float16"),
    "fp32-reduced": Precision("float32", reduced_products=True),
}


def get_precision(name: str) -> Precision:
    """A precision by its name.

    Raises:
        ParalbenchError: there is none of this name.
    """
    try:
        return PRECISIONS[name]
    except KeyError:
        raise ParalbenchError(
            f"precision {name!r} is not allowed. Allowed: {', '.join(PRECISIONS)}."
        ) from None


def torch_dtype(name: str) -> "torch.dtype":
    """The torch type of weights and activations in a precision.

    Raises:
        ParalbenchError: there is no precision of this name.
    """
    import torch

    return getattr(torch, get_precision(name).dtype)
