"""The plan: which cells a request comes to, in the order that loads each upstream once."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from paralbench.cards import Catalogue, Domain, HarmonisedCard
from paralbench.corpora.advice import VARIABLE
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
            this machine. A transfer setting without it is skipped, as is a task of a suite, and
            told; a task that was asked for by name makes it an error.

    Raises:
        UnknownNameError: an id that no card has.
        CorpusNotFoundError: the corpus of a task that was asked for by name is not here.
        ParalbenchError: nothing is left to run.
    """
    for upstream in request.upstreams:
        catalogue.upstreams.get(upstream)
    absent = _Absent(find)
    places: list[tuple[str, str, str, str, tuple[str, ...]]] = []
    for id in request.tasks:
        corpus = catalogue.tasks.get(id).corpus
        error = absent.error(corpus)
        if error is None:
            places.append(("within", id, corpus, corpus, (corpus,)))
        elif request.suite is None:
            raise error
        else:
            absent.wanted(corpus, id)
    lines = absent.lines()
    for id in request.transfer:
        card = catalogue.harmonised.get(id)
        pairs, line = _pairs(card, domains_of(card, request), absent)
        lines += [line] if line else []
        for train, test in pairs:
            needs = (*card.domains[train].corpora, *card.domains[test].corpora)
            places.append(("pair", id, train, test, tuple(dict.fromkeys(needs))))
    if not places:
        raise ParalbenchError(_nothing(lines))
    return Plan(tuple(_cells(request, places, catalogue)), tuple(lines))


def _pairs(
    card: HarmonisedCard, wanted: Collection[str], absent: "_Absent"
) -> tuple[list[tuple[str, str]], str | None]:
    """The pairs of domains that are here, and one line about those that are not."""
    lacks = {
        name: [corpus for corpus in card.domains[name].corpora if absent.error(corpus)]
        for name in wanted
    }
    everything = ordered_pairs(card, wanted)
    pairs = ordered_pairs(card, [name for name in wanted if not lacks[name]])
    missing = list(dict.fromkeys(corpus for found in lacks.values() for corpus in found))
    if not missing:
        return pairs, None
    return pairs, (
        f"transfer of {card.id}: {len(everything) - len(pairs)} of {len(everything)} pairs, for "
        f"what is not on this machine: {', '.join(missing)}; `paralbench list corpora` says how to "
        "get it"
    )


def _nothing(lines: list[str]) -> str:
    if not lines:
        return "nothing to run: no task and no transfer setting was asked for."
    listed = "\n".join(f"  {line}" for line in lines)
    return (
        f"nothing to run with the corpora on this machine; what lacks:\n{listed}\n"
        "Where you have a corpus, name its folder with --root ID=DIR, or put the folder into one "
        f"that ${VARIABLE} lists."
    )


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
    """Asks once per corpus whether it is here, and keeps what is wanted of those that are not."""

    def __init__(self, find: Callable[[str], object]):
        self._find = find
        self._errors: dict[str, CorpusNotFoundError | None] = {}
        self._wanted: dict[str, list[str]] = {}

    def error(self, corpus: str) -> CorpusNotFoundError | None:
        if corpus not in self._errors:
            try:
                self._find(corpus)
                self._errors[corpus] = None
            except CorpusNotFoundError as error:
                self._errors[corpus] = error
        return self._errors[corpus]

    def wanted(self, corpus: str, task: str) -> None:
        self._wanted.setdefault(corpus, []).append(task)

    def lines(self) -> list[str]:
        """A line for each corpus that is wanted and not here."""
        found = []
        for corpus, tasks in self._wanted.items():
            error = self._errors[corpus]
            how = error.short if error else ""
            found.append(f"{corpus} ({', '.join(tasks)}): not on this machine: {how}")
        return found
