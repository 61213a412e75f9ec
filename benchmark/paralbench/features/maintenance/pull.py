"""Taking from an address the features and decoded audio that a home lacks.

As in merging, a row that is here stays. A shard is not fetched if all its rows are here already,
also in other shards; its keys, which come first in it, tell.
"""

import tempfile
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from paralbench.cards import UpstreamCard
from paralbench.errors import StoreError
from paralbench.features.keys import content_of
from paralbench.features.maintenance.exchange import NO_DESCRIPTION, Exchanged, Rows, rows_of
from paralbench.features.maintenance.gc import may_be_of
from paralbench.features.maintenance.spaces import (
    ENCODERS,
    Progress,
    adding_up,
    remembered_upstreams,
)
from paralbench.features.store import DESCRIPTION, FeatureStore
from paralbench.features.travelling import fetch_file, is_shard, travels
from paralbench.storage.maintenance import known_keys, read_keys, take_rows
from paralbench.storage.remote import Remote
from paralbench.storage.rows import layout_of
from paralbench.storage.shards import DamagedShardError, list_shards
from paralbench.storage.sorted_keys import ABSENT, SortedKeys


def pull_store(
    home: Path,
    remote: Remote,
    *,
    audio: bool = False,
    upstreams: Collection[str] = (),
    cards: Iterable[UpstreamCard] = (),
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Exchanged:
    """Take the features that an address has and a home lacks.

    Every file is checked before it is taken. Doing it again takes nothing, so it can be interrupted
    and repeated.

    Args:
        home: the PARALBENCH_HOME that takes.
        remote: where they are; it is only read.
        audio: take decoded audio too, and what is known of the files it came from. Without it a
            run here decodes its corpora again, and finds the features by the audio's content.
        upstreams: take only what these make, by the ids of their cards; all by default. Where
            weights are not here, all of their family, variant and options is taken.
        cards: every upstream card there is.
        dry_run: only count.
        progress: told the bytes that were dealt with, and those of all there is.

    Raises:
        StoreError: there is no store at the address, it cannot be read, or nothing can be written.
    """
    sizes = remote.sizes("features", below=True)
    if audio:
        sizes.update(remote.sizes("audio", below=True))
    if not any(map(travels, sizes)):
        raise StoreError(
            f"{remote}: no features here. Name the address that `paralbench store push` was given."
        )
    pull = _Pull(home, remote, dry_run, adding_up(sum(sizes.values()), progress))
    spaces = pull.sort_out(sizes)
    heard, known = spaces.pop("", {}), remembered_upstreams(home / "features")
    wanted = may_be_of(upstreams, cards)
    for key, names in sorted(spaces.items()):
        description = pull.description(key, names)
        if description is None:
            continue
        if not upstreams or known.get(key) in upstreams or wanted(description):
            pull.space(key, description, names)
    pull.shards("audio", heard)
    pull.others(heard)
    return pull.done


class _Lacking(NamedTuple):
    """A shard with rows that lack here; ``whole``: all of them do."""

    name: str
    rows: int
    whole: bool


@dataclass
class _Pull:
    home: Path
    remote: Remote
    dry_run: bool
    read: Callable[[int], None]
    done: Exchanged = field(default_factory=Exchanged)

    def sort_out(self, sizes: Mapping[str, int]) -> dict[str, dict[str, int]]:
        """The files that travel by their space, those of audio under an empty key."""
        spaces: dict[str, dict[str, int]] = {}
        for name, size in sizes.items():
            top, second = name.split("/")[:2]
            if travels(name):
                spaces.setdefault(second if top == "features" else "", {})[name] = size
            elif second != ENCODERS:  # what runs remember of encoders stays where it is
                self.done.refused[f"{self.remote}/{name}"] = "no file of a store has such a name"
        return spaces

    def description(self, key: str, names: Mapping[str, int]) -> dict[str, Any] | None:
        """The description of a space, if it is its own."""
        name = f"features/{key}/{DESCRIPTION}"
        data = self.remote.read(name) if name in names else b""
        found = content_of(data, key)
        if found is None:
            self.done.refused[f"{self.remote}/features/{key}"] = NO_DESCRIPTION
            return None
        return found

    def space(self, key: str, description: Mapping[str, Any], names: Mapping[str, int]) -> None:
        """Take what lacks of a space."""
        self.done.spaces += 1
        mine = FeatureStore(self.home / "features").space(description)  # refuses a tampered one
        if not self.dry_run:
            mine.write_description()
        parts: dict[str, dict[str, int]] = {}
        for name, size in names.items():
            part = name.removeprefix(f"features/{key}/").rpartition("/")[0]
            parts.setdefault(part, {})[name] = size
        # Exclusions last: an utterance has features in a space or is excluded, and what is here
        # holds.
        for part in sorted(parts, key=lambda part: (part == "excluded", part)):
            instead = mine.folder / ("means" if part == "excluded" else "excluded")
            self.shards(part, parts[part], instead)
            self.others(parts[part])

    def shards(self, part: str, names: Mapping[str, int], instead: Path | None = None) -> None:
        """Take the rows of some shards of one folder that lack here.

        Args:
            part: for the account.
            names: with their bytes; what is no shard is passed over.
            instead: a folder of shards whose keys are not wanted.
        """
        sizes = {name: size for name, size in names.items() if is_shard(name)}
        if not sizes:
            return
        lacking = self._lacking(sizes, instead)
        faults = self._each(
            lambda one: self._take(one, instead), lacking, lambda one: self.read(sizes[one.name])
        )
        for (name, rows, _), why in zip(lacking, faults, strict=True):
            if why is None:
                self.done.add(part, rows, sizes[name])
            else:
                self.done.damaged[f"{self.remote}/{name}"] = why

    def others(self, names: Iterable[str]) -> None:
        """Take plans, budgets and lists of files; shards are passed over."""
        lacking = [name for name in names if not is_shard(name) and not (self.home / name).exists()]
        faults = self._each(self._fetch, lacking)
        for name, why in zip(lacking, faults, strict=True):
            if why is None:
                self.done.files += 1
            else:
                self.done.damaged[f"{self.remote}/{name}"] = why

    def _lacking(self, sizes: dict[str, int], instead: Path | None) -> list[_Lacking]:
        """The shards with rows that lack here, and are in no other of them."""
        folder = (self.home / next(iter(sizes))).parent
        known = known_keys(folder)
        without = SortedKeys() if instead is None else known_keys(instead)
        layout = _layout(folder)
        found = []
        for name, rows in zip(sizes, rows_of(self.remote, sizes, self.home), strict=True):
            if not isinstance(rows, Rows):
                self.done.damaged[f"{self.remote}/{name}"] = rows
                continue
            fresh = (known.find(rows.keys) == ABSENT) & (without.find(rows.keys) == ABSENT)
            new = int(fresh.sum())
            self.done.known += len(fresh) - new
            layout = layout or layout_of(rows.header)
            if layout_of(rows.header) != layout:
                why = f"holds {layout_of(rows.header)}, the others here {layout}"
                self.done.refused[f"{self.remote}/{name}"] = why
            elif new:
                known.add(rows.keys[fresh], np.arange(new))
                found.append(_Lacking(name, new, new == len(fresh)))
                continue
            self.read(sizes[name])
        return found

    def _each(
        self,
        do: Callable[[Any], str | None],
        items: list[Any],
        done: Callable[[Any], None] = lambda _item: None,
    ) -> list[str | None]:
        """What is wrong with each of some files, which are taken unless it is only to be told."""
        return [None for _ in items] if self.dry_run else self.remote.each(do, items, done)

    def _take(self, one: _Lacking, instead: Path | None) -> str | None:
        """Take the rows of a shard that lack here; why not, if it is damaged."""
        if one.whole:
            return self._fetch(one.name)
        with tempfile.TemporaryDirectory(prefix="paralbench-") as aside:
            why = self._fetch(one.name, Path(aside))
            if why is None:
                folder = (self.home / one.name).parent
                without = None if instead is None else known_keys(instead)
                take_rows((Path(aside) / one.name).parent, folder, without=without)
        return why

    def _fetch(self, name: str, home: Path | None = None) -> str | None:
        """Fetch a file; why not, if it is damaged."""
        try:
            fetch_file(self.remote, name, None, home or self.home)
        except DamagedShardError as error:
            return str(error).removeprefix(f"{self.remote}/{name}: ")
        return None


def _layout(folder: Path) -> tuple[str, ...] | None:
    """What the arrays of a folder's shards are; None while there are none."""
    read = (read_keys(path) for path in list_shards(folder))
    return next((layout_of(one[1]) for one in read if one is not None), None)
