"""Tables inside a page: compact JSON that no name can break out of."""

import json
import math
from typing import Any

import pandas as pd

from paralbench.report.reading import Column, Frame

DIGITS = 10  # significant ones of a number


def columnar(frame: Frame) -> dict[str, Any]:
    """A frame by columns: a list of values, or for texts the distinct ones and which is where.

    Returns:
        column to list, or to ``{"levels": [...], "codes": [...]}`` with -1 for a missing text.
    """
    return {str(name): _column(frame[name]) for name in frame.columns}


def frame_of(encoded: dict[str, Any]) -> Frame:
    """The frame that :func:`columnar` was given, numbers to :data:`DIGITS` digits."""
    plain = {}
    for name, values in encoded.items():
        if isinstance(values, dict):
            levels = values["levels"]
            plain[name] = [levels[code] if code >= 0 else None for code in values["codes"]]
        else:
            plain[name] = values
    return pd.DataFrame(plain)


def script_json(value: Any) -> str:
    """JSON that may stand inside a script element: no ``<``, no line separators."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _column(values: Column) -> Any:
    plain = [_plain(value) for value in values]
    if any(isinstance(value, str) for value in plain):
        levels = {text: code for code, text in enumerate(dict.fromkeys(plain)) if text is not None}
        levels = {text: code for code, text in enumerate(levels)}
        codes = [-1 if text is None else levels[text] for text in plain]
        return {"levels": list(levels), "codes": codes}
    return plain


def _plain(value: Any) -> Any:
    if value is None or value is pd.NA:
        return None
    if isinstance(value, str):
        return value
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return float(f"{value:.{DIGITS}g}")
    return value
