"""Finding the cards: the shipped ones, those of installed packages, those of ``--cards DIR``."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Generic, TypeVar

from paralbench.cards.base import Card
from paralbench.cards.corpus import CorpusCard
from paralbench.cards.task import (
    CLASS_METRICS,
    NUMBER_METRICS,
    HarmonisedCard,
    SuiteCard,
    TaskCard,
)
from paralbench.cards.upstream import UpstreamCard
from paralbench.cards.yaml_reading import read_yaml
from paralbench.errors import CardError, UnknownNameError
from paralbench.registry import installed_as

C = TypeVar("C", bound=Card)

ENTRY_POINT_GROUP = "paralbench.cards"

KINDS: dict[str, type[Card]] = {
    "upstream": UpstreamCard,
    "corpus": CorpusCard,
    "task": TaskCard,
    "harmonised": HarmonisedCard,
    "suite": SuiteCard,
}
# The folder that implies a kind; the innermost wins, as corpora/ does under tasks/.
_PLACES = {
    "corpora": "corpus",
    "harmonised": "harmonised",
    "suites": "suite",
    "upstreams": "upstream",
    "tasks": "task",
}


class Shelf(Generic[C]):
    """The cards of one kind by id, in the order of their ids."""

    def __init__(self, kind: str):
        self.kind = kind
        self._cards: dict[str, C] = {}

    def add(self, card: C) -> None:
        """Put a card on the shelf; an id that is taken is refused, naming both files."""
        taken = self._cards.get(card.id)
        if taken is not None:
            raise CardError(
                f"{card.file or card.id}: the {self.kind} id {card.id!r} is already taken by "
                f"{taken.file}; rename one of them."
            )
        self._cards[card.id] = card

    def get(self, id: str) -> C:
        """The card called ``id``.

        Raises:
            UnknownNameError: there is none; the message lists what there is.
        """
        if id not in self._cards:
            raise UnknownNameError(self.kind, id, self.ids())
        return self._cards[id]

    def ids(self) -> tuple[str, ...]:
        """All ids, sorted."""
        return tuple(sorted(self._cards))

    def __iter__(self) -> Iterator[C]:
        return (self._cards[id] for id in self.ids())

    def __len__(self) -> int:
        return len(self._cards)

    def __contains__(self, id: str) -> bool:
        return id in self._cards


@dataclass(frozen=True)
class Catalogue:
    """Every card that can be used."""

    upstreams: Shelf[UpstreamCard] = field(default_factory=lambda: Shelf("upstream"))
    corpora: Shelf[CorpusCard] = field(default_factory=lambda: Shelf("corpus"))
    tasks: Shelf[TaskCard] = field(default_factory=lambda: Shelf("task"))
    harmonised: Shelf[HarmonisedCard] = field(default_factory=lambda: Shelf("harmonised map"))
    suites: Shelf[SuiteCard] = field(default_factory=lambda: Shelf("suite"))

    def shelf(self, kind: str) -> Shelf[Any]:
        """The shelf of a card kind, as in a card's ``kind`` key."""
        return {
            "upstream": self.upstreams,
            "corpus": self.corpora,
            "task": self.tasks,
            "harmonised": self.harmonised,
            "suite": self.suites,
        }[kind]

    def find(self, id: str) -> list[Card]:
        """Every card with this id, whatever its kind.

        Raises:
            UnknownNameError: no card has it.
        """
        found = [self.shelf(kind).get(id) for kind in KINDS if id in self.shelf(kind)]
        if not found:
            known = [card.id for kind in KINDS for card in self.shelf(kind)]
            raise UnknownNameError("card", id, known)
        return found


def shipped_folder() -> Path:
    """The folder that holds ``upstreams/`` and ``tasks/``: in the wheel, else the checkout.

    Raises:
        CardError: neither is there, so the installation is broken.
    """
    package = Path(__file__).resolve().parents[1]
    installed = package / "_cards"
    if installed.is_dir():
        return installed
    checkout = package.parents[1]
    if (checkout / "pyproject.toml").is_file() and (checkout / "upstreams").is_dir():
        return checkout
    raise CardError(
        f"no cards: neither {installed} nor a checkout around {package} holds them; "
        "install paralbench again."
    )


def load_catalogue(extra: Iterable[Path] = (), faults: list[str] | None = None) -> Catalogue:
    """Read every shipped card, those of installed packages, and those under ``extra``.

    Args:
        extra: folders of a user's own cards; see :func:`card_files` for their layout.
        faults: where given, the message of each bad card is appended to it and the card is left
            out, so that all of them can be shown; where not, the first one is raised.

    Raises:
        CardError: a card is wrong (the message names file, key, value and what is allowed), an id
            is taken twice, or a folder holds no card.
    """
    catalogue, shipped = Catalogue(), shipped_folder()
    folders = [(shipped, top) for top in ("upstreams", "tasks")]
    folders += [(folder, ".") for folder in [*entry_point_folders(), *map(Path, extra)]]
    for folder, top in folders:
        found = list(card_files(folder, top))
        if not found:
            raise CardError(
                f"{folder / top}: holds no card (*.yaml); see README, 'Your own cards'."
            )
        for file, kind in found:
            try:
                for card in read_card(file, kind):
                    catalogue.shelf(kind_of(card)).add(card)
            except CardError as error:
                if faults is None:
                    raise
                faults.append(str(error))
    return catalogue


def kind_of(card: Card) -> str:
    """The kind of a card, as in its ``kind`` key."""
    return next(kind for kind, model in KINDS.items() if isinstance(card, model))


def card_files(folder: Path, top: str = ".") -> Iterator[tuple[Path, str | None]]:
    """The card files under a folder, or a part of it, and the kind that each one's place implies.

    A folder is laid out as ours (``upstreams/``, ``tasks/``, ``tasks/corpora/``,
    ``tasks/harmonised/``, ``tasks/suites/``), or flat, with a ``kind`` key in each card. Hidden
    files and folders are not looked into.

    Raises:
        CardError: there is no such folder, or a file in it ends in ``.yml``.
    """
    if not folder.is_dir():
        what = "is a file; name the folder" if folder.is_file() else "no such folder"
        raise CardError(f"{folder}: {what} of cards.")
    for file in sorted((folder / top).rglob("*")):
        *places, name = file.relative_to(folder).parts
        if any(part.startswith(".") for part in (*places, name)) or not file.is_file():
            continue
        if file.suffix.lower() in (".yml", ".yaml") and file.suffix != ".yaml":
            raise CardError(f"{file}: a card's file name ends in .yaml; rename it.")
        if file.suffix == ".yaml":
            yield file, next((_PLACES[one] for one in reversed(places) if one in _PLACES), None)


def read_card(file: Path, kind: str | None = None) -> list[Card]:
    """Read one card file; a corpus card also brings the tasks it declares.

    Args:
        file: the YAML file; its name without the suffix is the card's id.
        kind: the kind its folder implies; without one the card's ``kind`` key says it.

    Raises:
        CardError: see :func:`load_catalogue`.
    """
    data = read_yaml(file)
    given = data.get("kind", kind)
    if given is None:
        raise CardError(
            f"{file}: kind: missing; a card outside the folders upstreams/, tasks/, corpora/, "
            f"harmonised/ and suites/ needs it. Allowed: {', '.join(KINDS)}."
        )
    if not isinstance(given, str) or given not in KINDS:
        raise CardError(f"{file}: kind: {given!r} is not allowed. Allowed: {', '.join(KINDS)}.")
    if kind is not None and given != kind:
        raise CardError(f"{file}: kind: {given!r} lies in a folder of {kind!r} cards.")
    card = KINDS[given].build(data, id=file.stem, file=file)
    if isinstance(card, CorpusCard):
        return [card, *inline_tasks(card)]
    return [card]


def inline_tasks(corpus: CorpusCard) -> list[TaskCard]:
    """The task cards that a corpus card declares in its ``tasks`` key, with usual metrics.

    Raises:
        CardError: a task lacks what its kind of label needs.
    """
    return [_inline_task(corpus, number) for number in range(len(corpus.tasks))]


def _inline_task(corpus: CorpusCard, number: int) -> TaskCard:
    task = corpus.tasks[number]
    label = corpus.labels[task.label]
    data: dict[str, Any] = {
        "name": f"{task.label} on {corpus.name}",
        "corpus": corpus.id,
        "label": task.label,
        "split": {"protocol": task.split},
        "span": "short",
    }
    if task.split == "speaker-k-fold":
        data["split"]["folds"] = 5
    if label.kind == "class":
        data |= {"target": "classes", "classes": label.values, "metrics": CLASS_METRICS[:3]}
    else:
        data |= {"target": "regression", "low": label.low, "high": label.high}
        data["metrics"] = NUMBER_METRICS
    try:
        return TaskCard.build(data, id=f"{corpus.id}-{task.label}", file=corpus.file)
    except CardError as error:
        raise CardError(f"{error} (the task of tasks.{number}, label {task.label!r})") from None


def entry_point_folders() -> list[Path]:
    """The card folders of installed packages, from their entry points.

    An entry point's value is a package (``my_cards`` or ``my_package.cards``) whose folder is laid
    out like ours. It is found, not run: only the packages that contain it are imported.

    Raises:
        CardError: an entry point names nothing that is installed.
    """
    folders = []
    for point in sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda point: point.name):
        module = point.value.partition(":")[0]
        try:
            spec = find_spec(module)
        except ImportError as error:
            spec, why = None, f"{error}"
        else:
            why = "it is no folder"
        if spec is None or not spec.submodule_search_locations:
            raise CardError(
                f"the cards {point.value!r} of {installed_as(point)} cannot be found ({why}); "
                "mend or uninstall that package."
            )
        folders += map(Path, spec.submodule_search_locations)
    return folders
