"""Finding the cards: the shipped ones, those of installed packages, those of ``--cards DIR``."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from importlib.resources import files
from pathlib import Path
from typing import Any, Generic, TypeVar

from paralbench.cards.base import Card
from paralbench.cards.corpus import CorpusCard
from paralbench.cards.task import CLASS_METRICS, HarmonisedCard, SuiteCard, TaskCard
from paralbench.cards.upstream import UpstreamCard
from paralbench.cards.yaml_reading import read_yaml
from paralbench.errors import CardError, UnknownNameError

C = TypeVar("C", bound=Card)

ENTRY_POINT_GROUP = "paralbench.cards"

KINDS: dict[str, type[Card]] = {
    "upstream": UpstreamCard,
    "corpus": CorpusCard,
    "task": TaskCard,
    "harmonised": HarmonisedCard,
    "suite": SuiteCard,
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
                f"{taken.file}; rename the file."
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
    package = Path(str(files("paralbench")))
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


def load_catalogue(extra: Iterable[Path] = ()) -> Catalogue:
    """Read every shipped card, those of installed packages, and those under ``extra``.

    Args:
        extra: folders of a user's own cards; see :func:`card_files` for their layout.

    Raises:
        CardError: a card is wrong (the message names file, key, value and what is allowed), an id
            is taken twice, or a folder holds no card.
    """
    catalogue, shipped = Catalogue(), shipped_folder()
    folders = [(shipped, ("upstreams", "tasks"))]
    folders += [(folder, None) for folder in [*_entry_point_folders(), *map(Path, extra)]]
    for folder, only in folders:
        found = list(card_files(folder, only))
        if not found:
            raise CardError(f"{folder}: holds no card (*.yaml); see README, 'Your own cards'.")
        for file, kind in found:
            for card in read_card(file, kind):
                catalogue.shelf(card.kind).add(card)  # type: ignore[attr-defined]
    return catalogue


def card_files(
    folder: Path, only: tuple[str, ...] | None = None
) -> Iterator[tuple[Path, str | None]]:
    """The card files under a folder and the kind that each one's place implies.

    A folder is laid out as ours (``upstreams/``, ``tasks/``, ``tasks/corpora/``,
    ``tasks/harmonised/``, ``tasks/suites/``), or flat, with a ``kind`` key in each card.
    """
    if not folder.is_dir():
        raise CardError(f"{folder}: no such folder of cards.")
    tops = [folder / name for name in only] if only else [folder]
    for file in sorted(file for top in tops for file in top.rglob("*.yaml")):
        places = file.relative_to(folder).parts[:-1]
        kind = None
        if "corpora" in places:
            kind = "corpus"
        elif "harmonised" in places:
            kind = "harmonised"
        elif "suites" in places:
            kind = "suite"
        elif "upstreams" in places:
            kind = "upstream"
        elif "tasks" in places:
            kind = "task"
        yield file, kind


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
    if given not in KINDS:
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
        CardError: a task names a label that the corpus does not have.
    """
    cards = []
    for task in corpus.tasks:
        label = corpus.labels.get(task.label)
        if label is None:
            raise CardError(
                f"{corpus.file or corpus.id}: tasks.label: {task.label!r} is not allowed. "
                f"Allowed: {', '.join(corpus.labels)}."
            )
        classes = label.kind == "class"
        data: dict[str, Any] = {
            "name": f"{task.label} on {corpus.name}",
            "corpus": corpus.id,
            "label": task.label,
            "target": "classes" if classes else "regression",
            "metrics": CLASS_METRICS[:3] if classes else ("ccc", "pearson", "mae"),
            "split": {"protocol": task.split, "folds": 5}
            if task.split == "speaker-k-fold"
            else {"protocol": task.split},
            "span": "short",
        }
        data |= {"classes": label.values} if classes else {"low": label.low, "high": label.high}
        cards.append(TaskCard.build(data, id=f"{corpus.id}-{task.label}", file=corpus.file))
    return cards


def _entry_point_folders() -> list[Path]:
    """The card folders of installed packages, from their entry points.

    An entry point's value is a package (``my_cards`` or ``my_package.cards``) whose folder is laid
    out like ours. It is found, not run: only the packages that contain it are imported.
    """
    return [
        Path(str(files(point.value.partition(":")[0])))
        for point in sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda point: point.name)
    ]
