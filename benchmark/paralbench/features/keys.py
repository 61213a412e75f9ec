"""Keys: the sha256 of a plain description in one canonical form."""

import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any

from paralbench.errors import StoreError
from paralbench.features.precision import PRECISIONS
from paralbench.upstreams.base import SAMPLE_RATE

# Raised when the code of this package changes what it makes of the same hidden states.
POOLING = "mean over valid frames, windows weighted by frames, v1"


def canonical(description: Mapping[str, Any]) -> str:
    """A description as JSON in the one form that is hashed: keys sorted, no spaces.

    Args:
        description: text, finite numbers, booleans, None, and lists and mappings of these. A tuple
            and a list are the same; 30 and 30.0 are not.

    Raises:
        StoreError: a value of another kind; the message names the key.
    """
    return json.dumps(
        _plain(description, "description"),
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=True,
        allow_nan=False,
    )


def encoder_key(description: Mapping[str, Any]) -> str:
    """The sha256 (64 hexadecimal digits) of a description.

    >>> encoder_key({"a": 1, "b": [2, 3]}) == encoder_key({"b": (2, 3), "a": 1})
    True
    """
    return hashlib.sha256(canonical(description).encode("ascii")).hexdigest()


def content_of(data: bytes, key: str) -> dict[str, Any] | None:
    """What a file holds that is named by its content's key; None if that is another's."""
    try:
        found = json.loads(data)
        return found if isinstance(found, dict) and encoder_key(found) == key else None
    except (ValueError, StoreError):
        return None


def space_description(upstream: Mapping[str, Any], *, precision: str) -> dict[str, Any]:
    """What determines a space of pooled features, apart from the audio.

    What decodes and resamples the audio is not in it: it is part of the audio's content hash.
    Neither are the device, the backend, the threads and the batches, on which features do not
    depend beyond rounding.

    Args:
        upstream: what determines the hidden states: family and its version, sha256 of the weights,
            variant, options, window. It may already hold what is added here.
        precision: one of :data:`~paralbench.features.precision.PRECISIONS`.

    Returns:
        The upstream's description with ``precision``, ``sample_rate`` and ``pooling``.

    Raises:
        StoreError: the precision is unknown, or the description states other values.
    """
    if precision not in PRECISIONS:
        raise StoreError(
            f"precision {precision!r} is not allowed. Allowed: {', '.join(PRECISIONS)}."
        )
    added = {"precision": precision, "sample_rate": SAMPLE_RATE, "pooling": POOLING}
    for name, value in added.items():
        if upstream.get(name, value) != value:
            raise StoreError(
                f"the description of the features states {name} {upstream[name]!r}, but "
                f"{value!r} is asked for; leave {name!r} out or give the same."
            )
    return {**upstream, **added}


def _plain(value: Any, where: str) -> Any:
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, list | tuple):
        return [_plain(one, f"{where}[{index}]") for index, one in enumerate(value)]
    if isinstance(value, Mapping) and all(isinstance(name, str) for name in value):
        return {name: _plain(one, f"{where}.{name}") for name, one in value.items()}
    raise StoreError(
        f"{where}: {value!r} ({type(value).__name__}) cannot be part of a key. Allowed: text, "
        "finite numbers, true, false, null, and lists and mappings (with text keys) of these."
    )
