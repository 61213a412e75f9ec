"""What the sections share: the run as the page shows it, and how its numbers are written."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from paralbench.report.figures import view
from paralbench.report.figures.numbers import number, with_interval
from paralbench.report.page.figure import Figure
from paralbench.report.reading import Column, Frame


@dataclass(frozen=True)
class View(view.View):
    """A run as the page shows it.

    Attributes:
        given: the run folder as commands on the page name it.
    """

    given: str

    def plot(self, kind: str, **options: str) -> str:
        """The command that draws a figure for a paper."""
        more = "".join(f" --{name} {value}" for name, value in options.items())
        return f"paralbench plot {self.given} {kind}{more} --out {kind}.pdf"


def labels(frame: Frame) -> list[str]:
    """Scores with their intervals as texts, from ``value, low, high``."""
    return [
        with_interval(*row) for row in zip(frame["value"], frame["low"], frame["high"], strict=True)
    ]


def short(values: Column) -> list[str]:
    """Numbers as texts."""
    return [number(value) for value in values.astype(float)]


def present(frame: Frame, figure: Mapping[str, Any]) -> tuple[Figure, ...]:
    """A figure, or none where its frame has no row."""
    return () if frame.empty else (Figure(**figure),)
