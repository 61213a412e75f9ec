"""A run as figures show it: its board, and the order in which upstreams are shown."""

from dataclasses import dataclass
from functools import cached_property

from paralbench.report.figures.board import board
from paralbench.report.figures.ranks import Ranking, places, ranking
from paralbench.report.leaderboard import Leaderboard
from paralbench.report.reading import Column, Frame, Run

LAST = 10**9  # the place of what has none


@dataclass(frozen=True)
class View:
    """A run and what is computed of it once."""

    run: Run

    @cached_property
    def board(self) -> Frame:
        """Scores within corpora."""
        return board(self.run)

    @cached_property
    def rankings(self) -> dict[str, Ranking]:
        """Probe to the ranking of its upstreams."""
        return {probe: ranking(self.run, probe) for probe in self.run.probes}

    @cached_property
    def places(self) -> dict[str, Leaderboard]:
        """Probe to its leaderboard, with marks on the best and on what is not told apart."""
        return {probe: places(self.run, probe) for probe in self.run.probes}

    @cached_property
    def order(self) -> dict[str, int]:
        """Upstream to its place: by mean rank where there is one, else by mean skill."""
        places: dict[str, int] = {}
        for probe in self.run.probes:
            for name in self.rankings[probe].rows["name"]:
                places.setdefault(name, len(places))
        for name in [*_by_skill(self.board[~self.board["floor"]]), *self.run.upstreams]:
            places.setdefault(name, len(places))
        return places

    @cached_property
    def floors(self) -> list[str]:
        """The floors, best first."""
        return _by_skill(self.board[self.board["floor"]])

    def by_order(self, frame: Frame, *first: str) -> Frame:
        """Rows sorted by the columns ``first``, then by the upstreams' ``place``, floors last.

        Probes are in the order of the run, and tasks within a corpus stand before transfers.
        """
        places = self.order | {name: LAST - 100 + i for i, name in enumerate(self.floors)}
        found = frame.assign(place=[places.get(name, LAST) for name in frame["name"]])
        return self.in_order(found, *first, "place")

    def in_order(self, frame: Frame, *columns: str) -> Frame:
        """Rows sorted by columns, probes and tasks as :meth:`by_order` has them."""
        probes = {probe: place for place, probe in enumerate(self.run.probes)}

        def key(column: Column) -> Column:
            if column.name == "probe":
                return column.map(lambda one: probes.get(one, LAST))
            if column.name == "what":
                return column.map(lambda one: (": " in one, one))
            return column

        return frame.sort_values(list(columns), kind="stable", ignore_index=True, key=key)


def _by_skill(rows: Frame) -> list[str]:
    means = rows.groupby("name")["skill"].mean()
    return [str(name) for name in means.sort_values(ascending=False, kind="stable").index]
