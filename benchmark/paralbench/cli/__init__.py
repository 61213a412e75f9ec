"""The command line: a thin skin over the library."""

from paralbench.cli.main import main

__all__ = ["main"]
