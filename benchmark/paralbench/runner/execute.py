"""Runs a plan: for each upstream its features for all cells, then the cells and their tables.

What is done is here; where it is done is the executor's (:mod:`paralbench.runner.executors`). A
cell whose scores are in the run folder is not run again. One that fails leaves a row in
``failures`` and the rest goes on.
"""

import time
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from paralbench.cards import Catalogue
from paralbench.errors import FAULTS, Fault, ParalbenchError
from paralbench.features.compiling import pays
from paralbench.features.extract import ExtractionReport
from paralbench.features.store import FeatureSpace, FeatureStore
from paralbench.probes.recipes import get_recipe
from paralbench.runner.cell import cell_key
from paralbench.runner.cells import CellDone, Cells, Keyed, gather, now
from paralbench.runner.data import Corpora
from paralbench.runner.device import choose_backend, choose_precision
from paralbench.runner.executors.choose import choose_executor
from paralbench.runner.executors.work import Executor, Place
from paralbench.runner.extract_in_parts import extract_in_parts
from paralbench.runner.extraction import Extraction
from paralbench.runner.plan import Cell, Plan, make_plan
from paralbench.runner.problem import Problem, build_problem
from paralbench.runner.progress import Progress, Quiet
from paralbench.runner.request import Request
from paralbench.runner.shared_folder import await_files, identity
from paralbench.runner.shared_training import SharedTraining
from paralbench.runner.timings import flops_of
from paralbench.runner.transfer_tables import write_transfer_tables
from paralbench.runner.upstream import Upstream
from paralbench.tables import RunFolder
from paralbench.tables.run_folder import LAST
from paralbench.tables.slots import NO_UPSTREAM
from paralbench.upstreams.base import SAMPLE_RATE


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
    progress = progress or Quiet()
    corpora = Corpora.of(catalogue, request, progress.line)
    plan = make_plan(catalogue, request, corpora.root)
    request = replace(request, precision=choose_precision(request.precision))
    with choose_executor(request, Path(out), progress.line) as executor:
        request, place = executor.settle(request)
        choose_backend(request.backend, request.device, request.precision)
        given = {upstream.card.id: upstream for upstream in own}
        run = _Run(
            catalogue, request, plan, corpora, executor, place, progress, RunFolder(out), given
        )
        return run.go()


@dataclass
class _Run:
    catalogue: Catalogue
    request: Request  # settled: with the device and threads of each part of the work
    plan: Plan
    corpora: Corpora
    executor: Executor
    place: Place
    progress: Progress
    folder: RunFolder
    own: Mapping[str, Upstream]
    store: FeatureStore = field(default_factory=FeatureStore)
    problems: dict[tuple[str, ...], Problem | ParalbenchError] = field(default_factory=dict)
    told: set[Cell] = field(default_factory=set)  # cells whose end was told of

    def __post_init__(self):
        self.summary = Summary(self.folder.path, skipped=self.plan.skipped)

    def go(self) -> Summary:
        """Run everything."""
        started = time.perf_counter()
        for line in self.plan.skipped:
            self.progress.line(f"skipped: {line}")
        for id, cells in self.plan.by_upstream().items():
            self._upstream(id, cells)
            # Also where no cell was to do: a run may have been killed between these two.
            write_transfer_tables(self.folder, self.catalogue, self.request.seed, id)
        self.summary.seconds = time.perf_counter() - started
        return self.summary

    def _upstream(self, id: str, cells: list[Cell]) -> None:
        """All cells of one upstream: its features for all of them first, then the probes."""
        try:
            upstream = self._open(id)
        except ParalbenchError as error:
            keyed = self._enter(cells, {"unavailable": str(error)})
            self._fail(keyed, "weights", Fault.of(error))
            return
        todo = self._to_do(self._enter(cells, upstream.description if upstream else None))
        if not todo:
            return
        space = report = None
        if upstream is not None:
            space = self.store.space(upstream.description)
            report = self._extract(upstream, space, cells)
            if isinstance(report, Fault):
                self._fail(todo, "encode", report)
                return
        self._train(upstream, space, cells, todo, report)

    def _open(self, id: str) -> Upstream | None:
        if id == NO_UPSTREAM:
            return None
        if id in self.own:
            return self.own[id]
        request = self.request
        self.progress.line(f"{id}: finding weights")
        card = self.catalogue.upstreams.get(id)
        upstream = Upstream.find(
            card, request.precision, request.weights, request.fetch, request.backend
        )
        _ = upstream.description  # a damaged checkpoint is told of here, before any decoding
        return upstream

    def _problem(self, cell: Cell) -> Problem | ParalbenchError:
        place = (cell.setting, cell.task, cell.train, cell.test)
        if place not in self.problems:
            try:
                self.problems[place] = build_problem(cell, self.catalogue, self.corpora)
            except ParalbenchError as error:
                self.problems[place] = error
        return self.problems[place]

    def _usable(self, cells: Iterable[Cell]) -> list[tuple[Cell, Problem]]:
        found = ((cell, self._problem(cell)) for cell in cells)
        return [(cell, problem) for cell, problem in found if isinstance(problem, Problem)]

    def _enter(self, cells: list[Cell], description: Mapping[str, Any] | None) -> list[Keyed]:
        """The cells with their keys, which the run folder is told of."""
        keyed = [
            (cell, cell_key(cell, self._problem(cell), self.request, self.catalogue, description))
            for cell in cells
        ]
        self.folder.enter({cell.slot: key for cell, key in keyed}, self.plan.skipped)
        return keyed

    def _to_do(self, keyed: list[Keyed]) -> list[Keyed]:
        """Those that are not done and can be."""
        todo = []
        for cell, key in keyed:
            problem = self._problem(cell)
            if isinstance(problem, ParalbenchError):
                self._fail([(cell, key)], "split", Fault.of(problem))
            elif self.folder.done(key):
                self.summary.reused += 1
                self._tell(cell)
            else:
                todo.append((cell, key))
        return todo

    def _extract(
        self, upstream: Upstream, space: FeatureSpace, cells: list[Cell]
    ) -> ExtractionReport | Fault | None:
        """Store the features of all cells; None if they are stored already."""
        # All of the run's audio, not only that of the cells still to do: the batches are planned
        # over it, and a run that is resumed must make the same ones.
        lengths = _lengths([problem for _, problem in self._usable(cells)])
        read = {get_recipe(cell.recipe).reads for cell in cells}
        work = Extraction(
            upstream,
            self.request.device,
            self.request.threads,
            second_moments="moments" in read,
            frames_layer=self.request.frames_layer if "frames" in read else None,
            patience=self.place.patience,
            cache=self.corpora.cache,
        )
        try:
            work.compiled = self._compiled(upstream, lengths)
            report = extract_in_parts(
                work, space, lengths, self.executor, self.place, self.progress
            )
        except FAULTS as error:
            return Fault.of(error)
        finally:
            upstream.unload()
        if isinstance(report, ExtractionReport):
            self.summary.encoded += report.encoded
        return report

    def _compiled(self, upstream: Upstream, lengths: Mapping[str, int]) -> bool:
        """Whether blocks are compiled."""
        if self.request.compile != "auto":
            return self.request.compile == "yes"
        if not self.request.device.startswith("cuda"):
            return False
        flops = flops_of(upstream)
        done = None if flops is None else sum(map(flops.of, lengths.values()))
        return pays(done, self.request.device)

    def _train(
        self,
        upstream: Upstream | None,
        space: FeatureSpace | None,
        cells: list[Cell],
        todo: list[Keyed],
        report: ExtractionReport | None,
    ) -> None:
        # All cells, not only those to do: a run that is gone on with trains on the same arrays.
        shared = SharedTraining(self._usable(cells))
        work = Cells(
            self.catalogue,
            self.request,
            self.folder.path,
            upstream,
            space,
            {cell.slot: problem for cell, problem in self._usable(cell for cell, _ in todo)},
            shared,
            report,
            paid_by=todo[0][1],
            patience=self.place.patience,
            apart=None if self.request.store is None else identity(self.folder.path)[1],
        )
        keys, cell_of = dict(todo), {key: cell for cell, key in todo}
        parts = [
            tuple((cell, keys[cell]) for cell in part)
            for part in gather(shared.together(keys), self.place.most_parts)
        ]

        def told(_: int, done: CellDone) -> None:
            self._take(done)
            self._tell(cell_of[done.key], done)

        with closing(self.executor.run(work, parts, told)) as results:
            for index, found in results:
                if isinstance(found, Fault):
                    found = self._lost(parts[index], found)
                for done in found:
                    self._take(done)
                    self._count(cell_of[done.key], done)
                finished = [f"{done.key}.parquet" for done in found if done.fault is None]
                await_files(self.folder.path / LAST, finished, self.place.patience)

    def _take(self, done: CellDone) -> None:
        """Write what a machine sent that does not share the run folder; it may come twice."""
        if self.request.store is None:
            return
        if done.fault is not None:
            self.folder.fail(done.key, done.stage, done.fault, now())
        elif done.tables is not None and not self.folder.done(done.key):
            self.folder.unpack(done.key, done.tables)

    def _lost(self, part: Iterable[Keyed], fault: Fault) -> list[CellDone]:
        """What came of the cells of a part that was lost: those that were done stay done."""
        found = []
        for _, key in part:
            lost = not self.folder.done(key)
            if lost:
                self.folder.fail(key, "probe", fault, now())
            found.append(CellDone(key, "probe", fault if lost else None))
        return found

    def _fail(self, keyed: Iterable[Keyed], stage: str, fault: Fault) -> None:
        for cell, key in keyed:
            self.folder.fail(key, stage, fault, now())
            self._count(cell, CellDone(key, stage, fault))

    def _count(self, cell: Cell, done: CellDone) -> None:
        if done.fault is None:
            self.summary.done += 1
        else:
            self.summary.failed += 1
            self.summary.failures.append(str(done))
        self._tell(cell, done)

    def _tell(self, cell: Cell, done: CellDone | None = None) -> None:
        """Tell of a cell's end, once."""
        if cell in self.told:
            return
        self.told.add(cell)
        if done is not None and done.fault is not None:
            self.progress.line(f"failed: {done}")
        self.progress.work("cells", len(self.told), len(self.plan.cells), "cells")


def _lengths(problems: Iterable[Problem]) -> dict[str, int]:
    """The samples of all audio of some problems, by content."""
    lengths: dict[str, int] = {}
    for frame in {id(problem.frame): problem.frame for problem in problems}.values():
        samples = (frame["seconds"] * SAMPLE_RATE).round().astype("int64")
        lengths.update(zip(frame["content"], samples, strict=True))
    return lengths
