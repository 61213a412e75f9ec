"""The plan: which cells a request comes to, in the order that loads each upstream once."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from paralbench.cards import Catalogue, Domain, HarmonisedCard
from paralbench.errors import CorpusNotFoundError, ParalbenchError
from paralbench.runner.request import Request
from paralbench.tables import slots
from paralbench.tables.slots import FLOORS, NO_UPSTREAM
from paralbench.transfer.pairs import ordered_pairs


@dataclass(frozen=True)
class Cell:
    """The unit of running, resuming and failing.

    ``train`` and ``test`` are corpus ids within a corpus, and domain names in a pair.
    """

    setting: str
    task: str
    train: str
    test: str
    upstream: str
    recipe: str
    normalisation: str
    corpora: tuple[str, ...]  # corpus ids whose audio it needs

    @property
    def slot(self) -> str:
        """What the cell is about, whatever the cards say: see ``tables/run_folder.py``."""
        parts = (self.setting, self.task, self.train, self.test)
        return slots.join((*parts, self.upstream, self.recipe, self.normalisation))


@dataclass(frozen=True)
class Plan:
    """Cells in running order, and what was left out, each with its reason."""

    cells: tuple[Cell, ...]
    skipped: tuple[str, ...]

    @property
    def corpora(self) -> tuple[str, ...]:
        """Every corpus that is needed, in order of first use."""
        return tuple(dict.fromkeys(corpus for cell in self.cells for corpus in cell.corpora))

    def by_upstream(self) -> dict[str, list[Cell]]:
        """Cells by upstream, floors first."""
        groups: dict[str, list[Cell]] = {}
        for cell in self.cells:
            groups.setdefault(cell.upstream, []).append(cell)
        return groups


def make_plan(catalogue: Catalogue, request: Request, find: Callable[[str], object]) -> Plan:
    """Lay out the cells of a request.

    Args:
        catalogue: the cards.
        request: what was asked for.
        find: given a corpus id, raises :class:`CorpusNotFoundError` where the corpus is not on
            this machine. In a suite such a corpus is skipped, with the reason; a task that was
            asked for by name makes it an error.

    Raises:
        UnknownNameError: an id that no card has.
        CorpusNotFoundError: a corpus that was asked for by name is not here.
        ParalbenchError: nothing is left to run.
    """
    for upstream in request.upstreams:
        catalogue.upstreams.get(upstream)
    absent = _Absent(find, strict=request.suite is None)
    places: list[tuple[str, str, str, str, tuple[str, ...]]] = []
    for id in request.tasks:
        task = catalogue.tasks.get(id)
        if absent.reason(task.corpus, f"task {id}") is None:
            places.append(("within", id, task.corpus, task.corpus, (task.corpus,)))
    for id in request.transfer:
        card = catalogue.harmonised.get(id)
        wanted = domains_of(card, request)
        here = [
            name
            for name, domain in wanted.items()
            if not any([absent.reason(corpus, f"{id} on {name}") for corpus in domain.corpora])
        ]
        for train, test in ordered_pairs(card, here):
            needs = (*card.domains[train].corpora, *card.domains[test].corpora)
            places.append(("pair", id, train, test, tuple(dict.fromkeys(needs))))
    if not places:
        why = "\n".join(absent.lines) or "no task and no transfer setting was asked for."
        raise ParalbenchError(f"nothing to run:\n{why}")
    return Plan(tuple(_cells(request, places, catalogue)), tuple(absent.lines))


def domains_of(card: HarmonisedCard, request: Request) -> dict[str, Domain]:
    """The domains of a label map that a request asks for."""
    asked = set(request.corpora)
    return {
        name: domain
        for name, domain in card.domains.items()
        if not asked or asked.issuperset(domain.corpora)
    }


def _cells(
    request: Request,
    places: list[tuple[str, str, str, str, tuple[str, ...]]],
    catalogue: Catalogue,
) -> Iterable[Cell]:
    for recipe in request.recipes:
        if recipe in FLOORS:
            for setting, task, train, test, corpora in places:
                yield Cell(setting, task, train, test, NO_UPSTREAM, recipe, "none", corpora)
    for upstream in request.upstreams:
        for recipe in request.recipes:
            if recipe in FLOORS:
                continue
            if recipe == "layers" and catalogue.upstreams.get(upstream).layers == 1:
                continue  # the mix of one layer is that layer
            for normalisation in request.normalisations:
                for setting, task, train, test, corpora in places:
                    yield Cell(setting, task, train, test, upstream, recipe, normalisation, corpora)


class _Absent:
    """Asks once per corpus whether it is here, and keeps the reasons of those that are not."""

    def __init__(self, find: Callable[[str], object], strict: bool):
        self._find, self._strict = find, strict
        self._reasons: dict[str, str | None] = {}
        self._wanted: dict[str, list[str]] = {}

    def reason(self, corpus: str, wanted_by: str) -> str | None:
        if corpus not in self._reasons:
            try:
                self._find(corpus)
                self._reasons[corpus] = None
            except CorpusNotFoundError as error:
                if self._strict:
                    raise
                self._reasons[corpus] = str(error)
        if self._reasons[corpus] is not None:
            self._wanted.setdefault(corpus, []).append(wanted_by)
        return self._reasons[corpus]

    @property
    def lines(self) -> list[str]:
        lines = []
        for corpus, wanted in self._wanted.items():
            # What is missing in one line, how to get it in the next.
            what, _, how = (self._reasons[corpus] or "").partition(". ")
            lines.append(f"{corpus} ({', '.join(wanted)}): {what}.\n  {how}".rstrip())
        return lines
