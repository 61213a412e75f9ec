"""The local executor: runs a plan's cells on this machine and writes their tables.

A cell whose scores are in the run folder is not run again. One that fails leaves a row in
``failures`` and the rest goes on.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from paralbench.cards import Catalogue
from paralbench.errors import FAULTS, ParalbenchError
from paralbench.features.extract import ExtractionReport
from paralbench.features.store import FeatureStore
from paralbench.probes.recipes import ClosedForm, get_recipe
from paralbench.runner.cell import Context, cell_key, run_cell
from paralbench.runner.data import Corpora
from paralbench.runner.device import choose_backend, choose_device, choose_precision
from paralbench.runner.plan import Cell, Plan, make_plan
from paralbench.runner.problem import Problem, build_problem
from paralbench.runner.progress import Progress, Quiet
from paralbench.runner.request import Request
from paralbench.runner.shared_training import SharedTraining
from paralbench.runner.transfer_tables import write_transfer_tables
from paralbench.runner.upstream import Upstream, extract_with
from paralbench.tables import RunFolder
from paralbench.tables.slots import NO_UPSTREAM

if TYPE_CHECKING:
    from paralbench.probes.gram import GramCache

_GRAMS = 1 << 30  # bytes of the sums that the cells of an upstream share


@dataclass
class Summary:
    """What came of a run."""

    out: Path
    done: int = 0
    reused: int = 0
    failed: int = 0
    skipped: tuple[str, ...] = ()
    encoded: int = 0
    seconds: float = 0.0
    failures: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [f"skipped: {line}" for line in self.skipped]
        lines += [f"failed: {line}" for line in self.failures]
        lines.append(
            f"{self.out}: {self.done} cells run, {self.reused} already there, {self.failed} "
            f"failed; {self.encoded} utterances encoded; {self.seconds:.1f} s"
        )
        return "\n".join(lines)


def execute(
    catalogue: Catalogue,
    request: Request,
    out: Path | str,
    *,
    progress: Progress | None = None,
    own: Iterable[Upstream] = (),
) -> Summary:
    """Run a request; running it again goes on where it stopped, or does nothing.

    Args:
        catalogue: the cards.
        request: what to run.
        out: the run folder.
        progress: told of what happens.
        own: upstreams that are given rather than found: a user's own modules.

    Raises:
        ParalbenchError: the request is wrong, or nothing of it can be run here.
    """
    return _Run(catalogue, request, Path(out), progress or Quiet(), own).go()


class _Run:
    def __init__(
        self,
        catalogue: Catalogue,
        request: Request,
        out: Path,
        progress: Progress,
        own: Iterable[Upstream],
    ):
        self._catalogue = catalogue
        device, precision = choose_device(request.device), choose_precision(request.precision)
        backend = choose_backend(request.backend, device, precision)
        self._request = replace(request, device=device, precision=precision, backend=backend)
        self._progress = progress
        self._own = {upstream.card.id: upstream for upstream in own}
        self._folder = RunFolder(out)
        self._summary = Summary(out)
        self._store = FeatureStore()
        self._corpora = Corpora(
            catalogue,
            request.roots,
            samples=request.samples,
            limit=request.limit,
            seed=request.seed,
            partial=request.partial,
            progress=progress.line,
        )
        self._problems: dict[tuple[str, ...], Problem | ParalbenchError] = {}
        self._cells_done = 0

    def go(self) -> Summary:
        """Run everything."""
        started = time.perf_counter()
        plan = make_plan(self._catalogue, self._request, self._corpora.root)
        self._summary.skipped = plan.skipped
        for line in plan.skipped:
            self._progress.line(f"skipped: {line}")
        for upstream, cells in plan.by_upstream().items():
            self._upstream(upstream, cells, plan)
            # Also where no cell was to do: a run may have been killed between these two.
            write_transfer_tables(self._folder, self._catalogue, self._request.seed, upstream)
        self._summary.seconds = time.perf_counter() - started
        return self._summary

    def _upstream(self, id: str, cells: list[Cell], plan: Plan) -> None:
        """All cells of one upstream: its features for all of them first, then the probes."""
        try:
            upstream = self._open(id)
        except ParalbenchError as error:
            self._fail_all(cells, "weights", error, plan)
            return
        description = upstream.description if upstream else None
        space = self._store.space(description) if description else None
        todo: list[tuple[Cell, str, Problem]] = []
        slots: dict[str, str] = {}
        refused: list[tuple[Cell, str, ParalbenchError]] = []
        for cell in cells:
            problem = self._problem(cell)
            key = cell_key(cell, problem, self._request, self._catalogue, description)
            slots[cell.slot] = key
            if isinstance(problem, ParalbenchError):
                refused.append((cell, key, problem))
            elif self._folder.done(key):
                self._summary.reused += 1
                self._tell(cell, plan)
            else:
                todo.append((cell, key, problem))
        self._folder.enter(slots, plan.skipped)
        for cell, key, error in refused:
            self._fail(cell, key, "split", error, plan)
        if not todo:
            return
        report = None
        if upstream is not None and space is not None:
            try:
                report = self._extract(upstream, cells)
            except FAULTS as error:
                for cell, key, _ in todo:
                    self._fail(cell, key, "encode", error, plan)
                return
            finally:
                upstream.unload()
        # All cells, not only those to do: a run that is gone on with trains on the same arrays.
        problems = ((cell, self._problem(cell)) for cell in cells)
        shared = SharedTraining((cell, one) for cell, one in problems if isinstance(one, Problem))
        context = Context(
            self._catalogue, self._request, upstream, space, shared, self._grams(todo), report
        )
        for cell, key, problem in todo:
            self._cell(cell, key, problem, context, plan)
            context = replace(context, report=None)  # its time is told of once

    def _cell(self, cell: Cell, key: str, problem: Problem, context: Context, plan: Plan) -> None:
        try:
            tables = run_cell(cell, key, problem, context)
        except FAULTS as error:
            self._fail(cell, key, "probe", error, plan)
            return
        self._folder.write(key, tables)
        self._summary.done += 1
        self._tell(cell, plan)

    def _grams(self, todo: list[tuple[Cell, str, Problem]]) -> "GramCache | None":
        """Where the cells' closed forms keep what they share; None where none has one."""
        if not any(isinstance(get_recipe(cell.recipe), ClosedForm) for cell, _, _ in todo):
            return None
        from paralbench.probes.gram import GramCache

        return GramCache(_GRAMS)

    def _open(self, id: str) -> Upstream | None:
        if id == NO_UPSTREAM:
            return None
        if id in self._own:
            return self._own[id]
        request = self._request
        self._progress.line(f"{id}: finding weights")
        card = self._catalogue.upstreams.get(id)
        upstream = Upstream.find(
            card, request.precision, request.weights, request.fetch, request.backend
        )
        _ = upstream.description  # a damaged checkpoint is told of here, before any decoding
        return upstream

    def _problem(self, cell: Cell) -> Problem | ParalbenchError:
        place = (cell.setting, cell.task, cell.train, cell.test)
        if place not in self._problems:
            try:
                self._problems[place] = build_problem(cell, self._catalogue, self._corpora)
            except ParalbenchError as error:
                self._problems[place] = error
        return self._problems[place]

    def _extract(self, upstream: Upstream, cells: list[Cell]) -> ExtractionReport:
        # All of the run's audio, not only that of the cells still to do: the batches are planned
        # over it, and a run that is resumed must make the same ones.
        problems = [self._problem(cell) for cell in cells]
        frames = [problem.frame for problem in problems if isinstance(problem, Problem)]
        contents = {content for frame in frames for content in frame["content"]}
        read = {get_recipe(cell.recipe).reads for cell in cells}
        report = extract_with(
            upstream,
            contents,
            self._corpora.cache,
            self._store,
            device=self._request.device,
            threads=self._request.threads,
            second_moments="moments" in read,
            frames_layer=self._request.frames_layer if "frames" in read else None,
            announce=lambda line: self._progress.line(f"{upstream.card.id}: {line}"),
            progress=lambda done, total: self._progress.work(
                f"{upstream.card.id}: encoding", done, total, "s of audio"
            ),
        )
        self._summary.encoded += report.encoded
        return report

    def _fail_all(self, cells: list[Cell], stage: str, error: ParalbenchError, plan: Plan) -> None:
        slots = {}
        for cell in cells:
            problem = self._problem(cell)
            slots[cell.slot] = cell_key(
                cell, problem, self._request, self._catalogue, {"unavailable": str(error)}
            )
        self._folder.enter(slots, plan.skipped)
        for cell in cells:
            self._fail(cell, slots[cell.slot], stage, error, plan)

    def _fail(self, cell: Cell, key: str, stage: str, error: BaseException, plan: Plan) -> None:
        when = datetime.now(UTC).isoformat(timespec="seconds")
        self._folder.fail(key, stage, error, when)
        self._summary.failed += 1
        self._summary.failures.append(f"{key}: {stage}: {error}")
        self._progress.line(f"failed: {key}: {stage}: {error}")
        self._tell(cell, plan)

    def _tell(self, cell: Cell, plan: Plan) -> None:
        self._cells_done += 1
        self._progress.work("cells", self._cells_done, len(plan.cells), "cells")
