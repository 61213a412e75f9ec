"""Reading the columns that splits are made of: who speaks, in which session, what audio."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from paralbench.errors import SplitError

KINDS = ("speaker", "session", "content")  # what holds utterances together
LEAKS = (*KINDS, "transcript")  # what must not be on two sides


def column_of(frame: pd.DataFrame, column: str) -> pd.Series:
    """A column of the frame.

    Raises:
        SplitError: there is no such column, or two; the message lists those there are.
    """
    found = frame[column] if column in frame.columns else None
    if not isinstance(found, pd.Series):
        raise SplitError(
            f"{'no' if found is None else 'more than one'} column {column!r} to split by; there "
            f"are {', '.join(map(str, frame.columns))}."
        )
    return found


def names_in(values: pd.Series) -> np.ndarray:
    """A column's values as strings ``(n,)``, None where missing."""
    pairs = zip(values.tolist(), values.isna().tolist(), strict=True)
    found = np.empty(len(values), dtype=object)
    found[:] = [None if absent else str(value) for value, absent in pairs]
    return found


def identities(frame: pd.DataFrame, column: str) -> np.ndarray:
    """Who or what a column names, as strings ``(n,)``, None where missing.

    In a frame of several corpora a speaker or session is told by its corpus too, since names such
    as ``01`` come again; the same audio is the same audio in all of them.

    Raises:
        SplitError: there is no such column.
    """
    found = names_in(column_of(frame, column))
    if "corpus" in frame.columns and column != "content":
        corpora = names_in(column_of(frame, "corpus"))
        if len(set(corpora)) > 1:
            pairs = zip(corpora, found, strict=True)
            found[:] = [None if name is None else f"{corpus}/{name}" for corpus, name in pairs]
    return found


def complete(frame: pd.DataFrame, column: str, why: str) -> np.ndarray:
    """The identities in a column that has to be filled.

    Raises:
        SplitError: there is no such column, or values are missing; the message says how many.
    """
    found = identities(frame, column)
    missing = sum(value is None for value in found)
    if missing:
        raise SplitError(
            f"{missing} of {len(found)} utterances have no {column}, and {why}. Leave them out, "
            "or choose another split protocol."
        )
    return found


def some(values: Sequence[object], most: int = 5) -> str:
    """The first few of a list, for messages."""
    shown = ", ".join(str(value) for value in values[:most])
    return shown + (f" and {len(values) - most} more" if len(values) > most else "")
