"""Cells as work in parts: a part is some cells of one upstream, those that train together."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paralbench import paths
from paralbench.cards import Catalogue
from paralbench.errors import FAULTS, Fault
from paralbench.features.extract import ExtractionReport
from paralbench.features.frame_store import open_frames
from paralbench.features.store import DESCRIPTION, FeatureSpace, FeatureStore
from paralbench.features.travelling import Wanted, of_home
from paralbench.probes.recipes import ClosedForm, get_recipe
from paralbench.runner.cell import Context, run_cell
from paralbench.runner.executors.work import Tell, Work
from paralbench.runner.extraction import Report, facts_of
from paralbench.runner.plan import Cell
from paralbench.runner.problem import Problem
from paralbench.runner.request import Request
from paralbench.runner.shared_training import SharedTraining
from paralbench.runner.upstream import Upstream
from paralbench.tables import RunFolder, slots

if TYPE_CHECKING:
    from paralbench.probes.gram import GramCache

_GRAMS = 1 << 30  # bytes of the sums that the cells of an upstream share
RUNS = "runs"  # of a home: the cells of runs whose folder is another machine's

_BYTES = 2 << 30  # torch and one chunk of probes; the features come on top

Keyed = tuple[Cell, str]  # a cell and its key


@dataclass(frozen=True)
class CellDone:
    """What came of a cell: its tables are in the run folder, or why it failed is.

    Attributes:
        key: the cell's name.
        stage: how far it came.
        fault: why it failed, if it did.
        tables: its files, from a machine that does not share the run folder.
    """

    key: str
    stage: str
    fault: Fault | None
    tables: Mapping[str, bytes] | None = None

    def __str__(self) -> str:
        return f"{self.key}: {self.stage}: {self.fault or 'done'}"


@dataclass
class Cells(Work[tuple[Keyed, ...], list[CellDone]]):
    """The cells of one upstream.

    A part comes to what came of each of its cells, which is told too as soon as it is known.

    Args:
        catalogue: the cards.
        request: the run, with the device of this part.
        out: the run folder.
        upstream: None for the floors.
        space: its features.
        problems: by slot, of all that are in a part.
        shared: trains what several of them train alike.
        report: what extracting took, and the key of the cell that paid for it.
        patience: seconds until features that other machines wrote are seen here.
        apart: the run's own name, where machines share no folder; then a cell's tables come with
            what came of it.
    """

    catalogue: Catalogue
    request: Request
    out: Path
    upstream: Upstream | None
    space: FeatureSpace | None
    problems: Mapping[str, Problem]
    shared: SharedTraining
    report: ExtractionReport | None = None
    paid_by: str | None = None
    patience: float = 0.0
    apart: str | None = None
    _travelling: "tuple[Mapping[str, Any], Report | None] | None" = field(
        default=None, init=False, repr=False
    )
    _context: Context | None = field(default=None, init=False, repr=False)

    @property
    def memory(self) -> int:
        """The features of the largest problem, twice."""
        if self.space is None or (shape := self.space.shape) is None:
            return _BYTES
        n = max(len(problem.frame) for problem in self.problems.values())
        return _BYTES + 2 * 4 * n * shape[0] * shape[1]

    def do(self, part: tuple[Keyed, ...], tell: Tell) -> list[CellDone]:
        """Run cells one after the other; those that are done already are not run again."""
        found = []
        if self.apart is not None and self.space is not None:
            self.space.refresh()  # more was fetched since it was opened
        for number, (cell, key) in enumerate(part, start=1):
            fault = self._run(cell, key)
            sent = self.apart is not None and fault is None
            tables = RunFolder(self.out).pack(key) if sent else None
            done = CellDone(key, "probe", fault, tables)
            if done.fault is not None and key == self.paid_by and number < len(part):
                self.paid_by = part[number][1]  # a cell that failed has no row of timings
            tell(done)
            found.append(done)
        return found

    def __getstate__(self) -> dict[str, Any]:
        state = {**vars(self), "_context": None}
        if self.apart is not None and self.space is not None:
            # The folders of this machine are not another's.
            report = None if self.report is None else facts_of(self.report)
            state |= {"space": None, "report": None}
            state["_travelling"] = (self.space.description, report)
        return state

    def needs(self, part: tuple[Keyed, ...]) -> list[Wanted]:
        """The features that the part's cells read."""
        if self.space is None:
            return []
        self.space.refresh()
        wanted: dict[str, set[str]] = {}
        for cell, _ in part:
            contents = wanted.setdefault(get_recipe(cell.recipe).reads, set())
            for problem in self.shared.read_for(cell, self.problems[cell.slot]):
                contents.update(problem.frame["content"])
        files = {self.space.folder / DESCRIPTION}
        for reads, contents in wanted.items():
            files.update(self.space.files(sorted(contents), second_moments=reads == "moments"))
            if reads == "frames":
                frames = open_frames(self.space, self.request.frames_layer)
                files.update(() if frames is None else frames.files(contents))
        return of_home(sorted(files), paths.home())

    def arrive(self) -> None:
        """Read features in this machine's home, and write tables there."""
        if self.apart is not None:
            self.out = paths.home() / RUNS / self.apart
        if self._travelling is not None:
            description, report = self._travelling
            self.space = FeatureStore().space(description)
            self.report = None if report is None else ExtractionReport(space=self.space, **report)

    def _run(self, cell: Cell, key: str) -> Fault | None:
        folder = RunFolder(self.out)
        if folder.done(key):
            return None  # by somebody who was lost before saying so
        problem = self.problems[cell.slot]
        try:
            self._await_features(problem)
            tables = run_cell(cell, key, problem, self._shared_by(key))
        except FAULTS as error:
            fault = Fault.of(error)
            folder.fail(key, "probe", fault, now())
            return fault
        folder.write(key, tables)
        return None

    def _shared_by(self, key: str) -> Context:
        """What the cells share; the time that extraction took is told of once."""
        if self._context is None:
            self._context = Context(
                self.catalogue, self.request, self.upstream, self.space, self.shared, self._grams()
            )
        return replace(self._context, report=self.report if key == self.paid_by else None)

    def _grams(self) -> "GramCache | None":
        """Where closed forms keep what they share; None where no cell has one."""
        recipes = {slots.split(slot)["recipe"] for slot in self.problems}
        if not any(isinstance(get_recipe(name), ClosedForm) for name in recipes):
            return None
        from paralbench.probes.gram import GramCache

        return GramCache(_GRAMS)

    def _await_features(self, problem: Problem) -> None:
        """Wait for features that another machine wrote; without them the cell says so itself."""
        if self.space is None or not self.patience:
            return
        until = time.monotonic() + self.patience
        while self.space.missing(problem.frame["content"]) and time.monotonic() < until:
            time.sleep(0.5)
            self.space.refresh()


def gather(groups: Sequence[Sequence[Cell]], most: int) -> list[list[Cell]]:
    """Groups put together, in their order, to about so many parts of as many cells each."""
    size = math.ceil(sum(map(len, groups)) / most)
    parts: list[list[Cell]] = []
    for group in groups:
        if parts and len(parts[-1]) + len(group) <= size:
            parts[-1].extend(group)
        else:
            parts.append(list(group))
    return parts


def now() -> str:
    """The time, as it stands in ``failures``."""
    return datetime.now(UTC).isoformat(timespec="seconds")
