"""ParaLBench: a benchmark suite for computational paralinguistics.

The two functions most users want, :func:`evaluate` and :func:`extract`, are imported on first
use, so that ``import paralbench`` costs nothing and the command line answers at once.
"""

from typing import TYPE_CHECKING

__version__ = "0.1.0"

__all__ = ["__version__", "evaluate", "extract"]

if TYPE_CHECKING:
    from paralbench.api import evaluate, extract


def __getattr__(name: str):
    if name in ("evaluate", "extract"):
        from paralbench import api

        return getattr(api, name)
    raise AttributeError(f"module 'paralbench' has no attribute {name!r}")
