"""An estimate as aligned lines."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from paralbench.features.sizes import size_text
from paralbench.runner.planned_audio import ASSUMED_SECONDS

if TYPE_CHECKING:
    from paralbench.runner.estimate import Encoding, Estimate

_NONE = "-"
_NOTE = (
    "Time is of encoding, by a trial of one batch of noise; at least: the same operations as "
    "matrix products, at the rate measured here. Decoding and probes come on top."
)


def lines_of(found: "Estimate") -> tuple[str, ...]:
    """What is skipped, the corpora, the upstreams with their total, and what to know of it."""
    lines = [f"skipped: {line}" for line in found.skipped]
    heads = ("corpus", "clips", "audio", "to decode")
    rows = [
        (
            one.corpus,
            str(len(one.samples)),
            _clock(one.seconds),
            str(one.to_decode),
            f"assumed: {ASSUMED_SECONDS:g} s a clip" if one.assumed else "",
        )
        for one in found.corpora
    ]
    lines += [*_aligned((*heads, ""), rows), ""]
    lines += _aligned(_HEADS, [*map(_row, found.encodings), _total(found)])
    lines += ["", _NOTE]
    lines += [
        f"{one.upstream}: not measured: {one.problem}" for one in found.encodings if one.problem
    ]
    if found.pcm_bytes:
        lines.append(f"Decoded audio takes {size_text(found.pcm_bytes)} beside this.")
    lines += [line for one in found.encodings for line in _parts(one)]
    return tuple(lines)


_HEADS = ("upstream", "cells", "clips", "stored", "audio", "FLOPs", "time", "at least", "disk", "")


def _row(one: "Encoding") -> tuple[str, ...]:
    if not one.clips:
        stored = str(one.stored) if one.stored else _NONE
        return (one.upstream, str(one.cells), "0", stored, *[_NONE] * 5, "")
    return (
        one.upstream,
        str(one.cells),
        str(one.clips),
        str(one.stored),
        _clock(one.audio_seconds),
        _operations(one.flops),
        _clock(one.seconds),
        _clock(one.least_seconds),
        size_text(one.bytes) if one.bytes else _NONE,
        "not measured" if one.problem else f"{one.device}, {one.precision}",
    )


def _total(found: "Estimate") -> tuple[str, ...]:
    """Sums; with a ">" where an upstream is not measured."""
    rows = found.encodings
    more = "> " if any(one.problem for one in rows) else ""

    def total(name: str) -> float | None:
        known = [value for one in rows if one.clips and (value := getattr(one, name)) is not None]
        return sum(known) if known else None

    texts = (
        _operations(total("flops")),
        _clock(total("seconds")),
        _clock(total("least_seconds")),
    )
    return (
        "total",
        str(found.cells),
        str(sum(one.clips for one in rows)),
        str(sum(one.stored for one in rows)),
        _clock(sum(one.audio_seconds for one in rows)),
        *(text if text == _NONE else more + text for text in texts),
        size_text(sum(one.bytes for one in rows)),
        "",
    )


def _parts(one: "Encoding") -> list[str]:
    """Second moments and frames, which may be most of what is written."""
    parts = []
    if one.moments_bytes:
        parts.append(f"{size_text(one.moments_bytes)} of second moments")
    if one.frames_bytes:
        parts.append(f"about {size_text(one.frames_bytes)} of frames of layer {one.frames_layer}")
    if not parts:
        return []
    return [f"{one.upstream}: {size_text(one.features_bytes)} of features, {', '.join(parts)}"]


def _aligned(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Columns aligned to the right, but for the first and the last."""
    lines = [heads, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    last = len(heads) - 1
    return [
        "  ".join(
            cell.ljust(width) if index in (0, last) else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]


def _operations(flops: float | None) -> str:
    """In giga, tera, peta or exa operations."""
    if flops is None:
        return _NONE
    for unit, factor in (("E", 1e18), ("P", 1e15), ("T", 1e12)):
        if flops >= factor:
            return f"{flops / factor:.3g} {unit}"
    return f"{flops / 1e9:.3g} G"


def _clock(seconds: float | None) -> str:
    if seconds is None:
        return _NONE
    if seconds < 10:
        return f"{seconds:.2g} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
