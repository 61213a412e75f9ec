"""What a page is made of: sections, figures with their data, tables."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from paralbench.report.page.encode import columnar
from paralbench.report.reading import Frame


@dataclass(frozen=True)
class Figure:
    """A chart that the reader can turn, with the numbers behind it.

    Attributes:
        id: of the element, and the name of the file that is downloaded.
        title: what it shows.
        caption: how to read it, in plain words.
        spec: the Vega-Lite specification without data.
        data: the rows of each data set that the specification names; the first holds all choices.
        choices: column to label: what the reader can choose, in order.
        kind: how wide it is: ``wide`` fills the page, ``steps`` has a size per row and column,
            ``panels`` has as many columns as fit.
        command: how to make it for a paper; None where there is no such plot.
        columns: the columns of the first data set that are shown and downloaded, and their heads.
    """

    id: str
    title: str
    caption: str
    spec: Mapping[str, Any]
    data: Mapping[str, Frame]
    choices: Mapping[str, str]
    kind: str
    command: str | None
    columns: Mapping[str, str]

    def embedded(self) -> dict[str, Any]:
        """What the page's script reads."""
        return {
            "spec": dict(self.spec),
            "data": {name: columnar(frame) for name, frame in self.data.items()},
            "choices": dict(self.choices),
            "kind": self.kind,
            "columns": dict(self.columns),
        }


@dataclass(frozen=True)
class Grid:
    """A table that is shown as it is.

    Attributes:
        caption: what it shows.
        heads: of its columns.
        rows: their texts.
        numeric: the columns, from 0, that hold numbers and are aligned so.
    """

    caption: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes:
        id: of the element.
        title: its heading.
        lead: one or two sentences in front.
        figures, grids, notes: what it holds.
        missing: why it holds nothing; shown in place of an empty chart.
        template: of a section with a form of its own.
    """

    id: str
    title: str
    lead: str = ""
    figures: tuple[Figure, ...] = ()
    grids: tuple[Grid, ...] = ()
    notes: tuple[str, ...] = ()
    missing: str | None = None
    template: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
