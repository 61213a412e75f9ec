"""The plan: which cells a request comes to, in the order that loads each upstream once."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from paralbench.cards import Catalogue, Domain, HarmonisedCard
from paralbench.cards.domains import shared_classes, why_no_ceiling
from paralbench.corpora.advice import VARIABLE
from paralbench.errors import CorpusNotFoundError, ParalbenchError
from paralbench.probes.recipes import Recipe, get_recipe
from paralbench.runner.request import Request
from paralbench.tables import slots
from paralbench.tables.slots import FLOORS, NO_UPSTREAM
from paralbench.transfer.adaptation import ACROSS
from paralbench.transfer.protocols import Ground, Setting, lay_out, ordered_pairs

Place = tuple[str, str, str, str, tuple[str, ...]]  # the first four parts of a slot, and corpora


@dataclass(frozen=True)
class Cell:
    """The unit of running, resuming and failing.

    ``train`` and ``test`` are corpus ids within a corpus; in a transfer setting ``test`` is a
    domain and ``train`` what :func:`paralbench.tables.slots.training` makes of several.
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
    places: list[Place] = []
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
        settings, told = _settings(catalogue.harmonised.get(id), request, catalogue, absent)
        lines += told
        places += settings
    if not places:
        raise ParalbenchError(_nothing(lines))
    lines += _unfit(request, places, catalogue)
    cells = tuple(_cells(request, places, catalogue))
    if not cells:
        raise ParalbenchError(_nothing(lines))
    return Plan(cells, tuple(lines))


def _settings(
    card: HarmonisedCard, request: Request, catalogue: Catalogue, absent: "_Absent"
) -> tuple[list[Place], list[str]]:
    """The transfer settings of the domains that are here, and a line for each that are not."""
    wanted = domains_of(card, request)
    lacks = {
        name: [corpus for corpus in domain.corpora if absent.error(corpus)]
        for name, domain in wanted.items()
    }
    here = [name for name in wanted if not lacks[name]]
    whole = {name: why_no_ceiling(card, name, catalogue) for name in here}
    ground = Ground(
        card,
        here,
        {name: shared_classes(card, name, catalogue) for name in here},
        {name: why for name, why in whole.items() if why is not None},
    )
    settings, lines = lay_out(ground, request.protocols, request.seed)
    missing = list(dict.fromkeys(corpus for found in lacks.values() for corpus in found))
    if missing:
        lines.insert(0, _missing(card, request, wanted, here, missing))
    return [_place(card, setting) for setting in settings], lines


def _place(card: HarmonisedCard, setting: Setting) -> Place:
    names = [*setting.train, setting.test]
    corpora = dict.fromkeys(id for name in names for id in card.domains[name].corpora)
    return setting.protocol, card.id, setting.training, setting.test, tuple(corpora)


def _missing(
    card: HarmonisedCard,
    request: Request,
    wanted: Collection[str],
    here: Collection[str],
    missing: list[str],
) -> str:
    """One line about the settings whose corpora are not here."""
    if "pair" in request.protocols:
        n_all, n_here = len(ordered_pairs(card, wanted)), len(ordered_pairs(card, here))
        what = f"{n_all - n_here} of {n_all} pairs"
    else:
        what = f"{len(wanted) - len(here)} of {len(wanted)} domains"
    return (
        f"transfer of {card.id}: {what}, for what is not on this machine: {', '.join(missing)}; "
        "`paralbench list corpora` says how to get it"
    )


def _unfit(request: Request, places: list[Place], catalogue: Catalogue) -> list[str]:
    """A line for each recipe that some tasks have no target for."""
    lines = []
    for name in request.recipes:
        recipe = get_recipe(name)
        tasks = dict.fromkeys(
            task for setting, task, *_ in places if not _fits(recipe, setting, task, catalogue)
        )
        if tasks:
            lines.append(
                f"recipe {name} for {', '.join(tasks)}: it takes targets of "
                f"{' and '.join(recipe.targets)} only"
            )
    return lines


def _fits(recipe: Recipe, setting: str, task: str, catalogue: Catalogue) -> bool:
    cards = catalogue.tasks if setting == "within" else catalogue.harmonised
    return cards.get(task).target in recipe.targets


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
    places: list[Place],
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
                    if normalisation in ACROSS and setting in ("within", "ceiling"):
                        continue  # there is one corpus
                    if not _fits(get_recipe(recipe), setting, task, catalogue):
                        continue
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
