"""What of a home can go without a run having to compute anything again.

A space goes only where it is certain that no card makes it now: the code of its family or of the
pooling is another version, no card has its options, or every card that has them is here with other
weights. Where that cannot be told (the weights of such a card are not here, the family is not
installed, a user's own module made it), the space stays, and is named with the reason.
"""

import shutil
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paralbench.cards import UpstreamCard
from paralbench.errors import (
    FetchError,
    MissingExtraError,
    StoreError,
    UnknownNameError,
    WeightsError,
)
from paralbench.features.keys import POOLING
from paralbench.features.maintenance.spaces import (
    bytes_of,
    part_folders,
    read_description,
    remembered_upstreams,
    space_folders,
    text_folders,
)
from paralbench.storage.atomic import clean_leftovers, explain
from paralbench.storage.compacting import compact
from paralbench.storage.maintenance import DAMAGED
from paralbench.upstreams.registry import FAMILIES
from paralbench.upstreams.weights import resolve

# A space that is being removed: under this name no store looks into it.
DROPPED = ".dropped-"


@dataclass(frozen=True)
class Item:
    """Something that can go.

    Attributes:
        path: a space, a file, or a folder of shards that can be made fewer.
        kind: ``space``, ``damaged``, ``leftover`` or ``shards``.
        nbytes: what going frees, about.
        why: for a person.
    """

    path: Path
    kind: str
    nbytes: int
    why: str


@dataclass(frozen=True)
class Plan:
    """What can go, and which spaces stay only because it is not certain that they can."""

    items: tuple[Item, ...]
    kept: Mapping[Path, str]

    @property
    def nbytes(self) -> int:
        """Bytes that it frees, about."""
        return sum(item.nbytes for item in self.items)


def plan_gc(
    home: Path,
    cards: Iterable[UpstreamCard],
    *,
    roots: Mapping[str, Path] | None = None,
    upstreams: Collection[str] = (),
    keep: Collection[str] = (),
) -> Plan:
    """Find what can go; nothing is changed.

    Args:
        home: a PARALBENCH_HOME.
        cards: every upstream card there is, also a user's own.
        roots: folders of weights of the user's own, by upstream id.
        upstreams: look only at the spaces of these; all by default.
        keep: beginnings of keys of spaces that stay, such as the ``features_key`` of a run's rows.

    Raises:
        StoreError: the home cannot be read.
    """
    features, cards = home / "features", list(cards)
    names = remembered_upstreams(features)
    judge = _Judge(cards, roots or {})
    items: list[Item] = []
    kept: dict[Path, str] = {}
    staying: list[Path] = []
    for space in space_folders(features):
        description = read_description(space)
        if upstreams and not _is_of(upstreams, names.get(space.name), description, cards):
            continue
        goes, why = judge(description)
        if goes and any(space.name.startswith(key) for key in keep if key):
            goes, why = False, f"{why}; a run that is kept read it"
        if goes:
            items.append(Item(space, "space", bytes_of(space), why))
            continue
        staying.append(space)
        if why:
            kept[space] = why
    folders = [part for space in staying for part in part_folders(space)]
    if not upstreams:
        folders.append(home / "audio" / "pcm")
        items += [
            Item(path, "leftover", bytes_of(path), "was being removed")
            for path in sorted(features.glob(f"{DROPPED}*"))
        ]
    texts = [path for space in staying for path in (space, *text_folders(space))]
    lists = [] if upstreams else sorted((home / "audio" / "files").glob("*/"))
    for folder in (*folders, *texts, *lists):
        items += _files(folder)
    for folder in folders:
        items += _shards(folder)
    return Plan(tuple(items), kept)


def carry_out(plan: Plan) -> int:
    """Remove what a plan names; returns the bytes freed, about.

    Raises:
        StoreError: something cannot be removed; the rest of the plan is not done.
    """
    freed = 0
    for item in plan.items:
        try:
            if item.kind == "shards":
                freed += compact(item.path).nbytes
                continue
            _remove(item.path)
        except FileNotFoundError:
            continue  # another process was first
        except OSError as error:
            raise explain(item.path, error) from error
        freed += item.nbytes
    return freed


class _Judge:
    """Whether a card makes a description now."""

    def __init__(self, cards: Iterable[UpstreamCard], roots: Mapping[str, Path]):
        self._cards, self._roots = list(cards), roots
        self._weights: dict[str, str | None] = {}

    def __call__(self, description: Mapping[str, Any] | None) -> tuple[bool, str]:
        """Whether the space can go, and why; without a reason where a card does make it."""
        if description is None:
            return False, "it cannot be told what made it (no description that is its own)"
        family = description.get("family")
        version = self._version(family)
        if version is None:
            return False, f"its family {family!r} is not one of those installed here"
        made_by = description.get("family_version")
        if made_by != version:
            return True, f"made by version {made_by} of the family {family}, which is now {version}"
        if description.get("pooling") != POOLING:
            return True, f"pooled by another version of the code: {description.get('pooling')}"
        candidates = [card for card in self._cards if _fits(card, description)]
        if not candidates:
            return True, f"no card of the family {family} has its variant and options"
        found = {card.id: self.sha256(card) for card in candidates}
        if description.get("weights") in found.values():
            return False, ""
        unknown = sorted(id for id, sha256 in found.items() if sha256 is None)
        if unknown:
            return False, f"it may be of {', '.join(unknown)}, whose weights are not here"
        return True, f"made with other weights than {', '.join(sorted(found))} has now"

    def _version(self, family: object) -> int | None:
        try:
            return FAMILIES.get(str(family)).version
        except (UnknownNameError, MissingExtraError, ImportError):
            return None

    def sha256(self, card: UpstreamCard) -> str | None:
        """The checksum of a card's weights; None if they are not here."""
        if card.id not in self._weights:
            self._weights[card.id] = None
            with suppress(WeightsError, MissingExtraError, FetchError, StoreError):
                found = resolve(card, fetch=False, roots=self._roots)
                self._weights[card.id] = found.sha256
        return self._weights[card.id]


def _fits(card: UpstreamCard, description: Mapping[str, Any]) -> bool:
    """Whether a card and a description agree in all that needs no weights."""
    return (
        card.family == description.get("family")
        and card.variant == description.get("variant")
        and card.options == description.get("options")
    )


def may_be_of(
    ids: Collection[str], cards: Iterable[UpstreamCard]
) -> Callable[[Mapping[str, Any]], bool]:
    """Tells of a description whether one of these upstreams made it, or may have.

    May have: its weights are not here.
    """
    mine = [card for card in cards if card.id in ids]
    judge = _Judge(mine, {})

    def may(description: Mapping[str, Any]) -> bool:
        fitting = (card for card in mine if _fits(card, description))
        return any(judge.sha256(card) in (None, description.get("weights")) for card in fitting)

    return may


def _is_of(
    ids: Collection[str],
    remembered: str | None,
    description: Mapping[str, Any] | None,
    cards: Iterable[UpstreamCard],
) -> bool:
    if remembered is not None or description is None:
        return remembered in ids
    return any(card.id in ids and card.family == description.get("family") for card in cards)


def _files(folder: Path) -> list[Item]:
    """Damaged files that were set aside, and what dead writers left."""
    aside = sorted(folder.glob(f"*{DAMAGED}"))
    left = clean_leftovers(folder, remove=False)
    return [
        *(Item(path, "damaged", bytes_of(path), "set aside as damaged") for path in aside),
        *(Item(path, "leftover", bytes_of(path), "its writer died") for path in left),
    ]


def _shards(folder: Path) -> list[Item]:
    found = compact(folder, dry_run=True)
    if not found.before:
        return []
    doubles = f", {found.doubles} rows that are there twice" if found.doubles else ""
    return [Item(folder, "shards", found.nbytes, f"{found.before} become {found.after}{doubles}")]


def _remove(path: Path) -> None:
    if not path.is_dir():
        path.unlink()
        return
    if not path.name.startswith(DROPPED):
        # Out of every store's sight first: then a kill leaves no half of a space.
        path = path.rename(path.with_name(f"{DROPPED}{path.name}"))
    shutil.rmtree(path)
