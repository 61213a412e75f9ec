"""What the sections share: the run, its board, and the order in which upstreams are shown."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from paralbench.report.figures.board import board
from paralbench.report.figures.numbers import number, with_interval
from paralbench.report.figures.ranks import Ranking, ranking
from paralbench.report.page.figure import Figure
from paralbench.report.reading import Column, Frame, Run


@dataclass(frozen=True)
class View:
    """A run as the page shows it.

    Attributes:
        run: the tables.
        given: the run folder as commands on the page name it.
    """

    run: Run
    given: str

    @cached_property
    def board(self) -> Frame:
        """Scores within corpora."""
        return board(self.run)

    @cached_property
    def rankings(self) -> dict[str, Ranking]:
        """Probe to the ranking of its upstreams."""
        return {probe: ranking(self.run, probe) for probe in self.run.probes}

    @cached_property
    def order(self) -> dict[str, int]:
        """Upstream to its position: by mean rank where there is one, else by mean skill."""
        places: dict[str, int] = {}
        for probe in self.run.probes:
            for name in self.rankings[probe].rows["name"]:
                places.setdefault(name, len(places))
        rest = self.board[~self.board["floor"]].groupby("name")["skill"].mean()
        for name in rest.sort_values(ascending=False, kind="stable").index:
            places.setdefault(str(name), len(places))
        for name in self.run.upstreams:
            places.setdefault(name, len(places))
        return places

    @cached_property
    def floors(self) -> list[str]:
        """The floors, best first."""
        skill = self.board[self.board["floor"]].groupby("name")["skill"].mean()
        return [str(name) for name in skill.sort_values(ascending=False, kind="stable").index]

    def by_order(self, frame: Frame, *first: str) -> Frame:
        """Rows sorted by the columns ``first``, then by the upstreams' ``place``, floors last."""
        places = self.order | {name: 10**6 + i for i, name in enumerate(self.floors)}
        found = frame.assign(place=[places.get(name, 10**9) for name in frame["name"]])
        return found.sort_values([*first, "place"], kind="stable", ignore_index=True)

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
