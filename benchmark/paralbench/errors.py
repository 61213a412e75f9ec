"""Errors whose message a user can act on.

Each message names what was given, what is allowed and what to do. The command line prints a
:class:`ParalbenchError` without a traceback and exits with 2; anything else is a bug of ours.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any


class ParalbenchError(Exception):
    """The request, or something it names, is wrong."""

    def __reduce__(self):
        # Without this, an error that takes more than its message is lost on its way back from
        # another process, and takes the pool of workers with it.
        return _restored, (type(self), self.args, vars(self))


def _restored(kind: type[ParalbenchError], args: tuple[Any, ...], state: dict[str, Any]):
    error = kind.__new__(kind, *args)
    vars(error).update(state)
    return error


class CardError(ParalbenchError):
    """A card cannot be read; the message names file, key, value and the allowed values."""


class UnknownNameError(ParalbenchError):
    """A name that no card, family, reader or metric has."""

    def __init__(self, kind: str, name: str, known: Iterable[str]):
        known = tuple(sorted(known))
        close = get_close_matches(name.lower(), known, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        super().__init__(f"unknown {kind} {name!r}.{hint} Known: {', '.join(known) or 'none'}.")
        self.kind, self.name, self.known = kind, name, known


class AudioError(ParalbenchError):
    """A file cannot be decoded, or what it holds is not usable speech audio."""


class CorpusError(ParalbenchError):
    """A corpus folder does not look as its owners distribute it."""


class CorpusNotFoundError(CorpusError):
    """A corpus is not on this machine; the message says how to get it and where to put it.

    Attributes:
        short: the same in one line, for lists of several corpora.
    """

    def __init__(self, message: str, short: str | None = None):
        super().__init__(message)
        self.short = short or message


class FetchError(ParalbenchError):
    """A download failed, or what arrived has another checksum than the card's."""


class WeightsError(ParalbenchError):
    """A checkpoint is missing, damaged, of another architecture, or holds code."""


class MissingExtraError(ParalbenchError):
    """An optional dependency is not installed; the message gives the pip command."""

    def __init__(self, what: str, extra: str):
        super().__init__(f"{what} needs an optional part: pip install 'paralbench[{extra}]'.")
        self.what, self.extra = what, extra


class SplitError(ParalbenchError):
    """A split protocol does not fit the corpus it is asked for."""


class LeakageError(SplitError):
    """Train, development and test share speakers, sessions or audio; the message lists them."""


class ProbeError(ParalbenchError):
    """A probe cannot be trained on what it was given."""


class UndefinedMetricError(ParalbenchError):
    """A score is not defined on this data; it becomes a missing row with this reason."""


class StoreError(ParalbenchError):
    """A store or run folder cannot be read or written."""


# What one cell, or one upstream, may fail with: it becomes a row that says why, and the rest goes
# on. Anything else is a fault of the machine or the user's interruption, and ends the command.
FAULTS = (
    ParalbenchError,
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    RuntimeError,
    TypeError,
    ValueError,
)


@dataclass(frozen=True)
class Fault:
    """What something failed with, as plain data, which travels between processes.

    Attributes:
        error: the name of the error's class.
        message: what it says.
    """

    error: str
    message: str

    @classmethod
    def of(cls, error: BaseException) -> "Fault":
        """The fault that an error tells of."""
        return cls(type(error).__name__, str(error) or repr(error))

    def __str__(self) -> str:
        return self.message
