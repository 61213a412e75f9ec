"""Data frames with types: pandas' own return types are unions that no checker can follow."""

from typing import Any, cast

import pandas as pd


def rows(frame: pd.DataFrame, keep: Any) -> pd.DataFrame:
    """The rows for which a mask ``(n,)`` is true."""
    return cast(pd.DataFrame, frame[keep])


def column(frame: pd.DataFrame, name: str) -> pd.Series:
    """A column."""
    return cast(pd.Series, frame[name])


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Each row as a mapping of column to value."""
    return cast(list[dict[str, Any]], frame.to_dict("records"))
