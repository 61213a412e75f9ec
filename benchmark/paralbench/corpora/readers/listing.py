"""From a table of what the labels say to a manifest, by columns: a million rows in seconds."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pandas as pd

from paralbench.cards.corpus import CorpusCard, Label
from paralbench.corpora.columns import FIXED_COLUMNS
from paralbench.corpora.manifest import Exclusion, Manifest, manifest_of_frame
from paralbench.corpora.readers.files import AUDIO_SUFFIXES, audio_files, without_suffix
from paralbench.corpora.readers.labels import GENDERS, SPLITS
from paralbench.corpora.readers.tables import WHERE
from paralbench.errors import CorpusError

Values = Mapping[str, Mapping[str, str]]


def manifest_of_table(
    card: CorpusCard,
    root: Path,
    frame: pd.DataFrame,
    *,
    look: bool = True,
    values: Values | None = None,
    suffixes: tuple[str, ...] = AUDIO_SUFFIXES,
    folder: str = ".",
    excluded: tuple[Exclusion, ...] = (),
) -> Manifest:
    """The manifest of a table with one row per utterance.

    Args:
        card: the corpus card, whose labels say which values there are.
        root: the corpus folder.
        frame: ``utterance``, ``path`` (relative to the root) and whatever else the labels say, as
            text (times and number labels may be numbers); ``where`` says where each row comes
            from. Empty text is a missing value.
        look: whether the files are looked for: then a row without one is excluded as ``missing``,
            and a file without a row as ``extra``. A file with another audio suffix, as copies
            have, will do.
        values: column -> raw value -> value, applied to the values that it names.
        suffixes: what counts as audio.
        folder: the folder below the root that holds the audio and is searched.
        excluded: what the reader has left out itself.

    Returns:
        The manifest. Left out are, with a reason each: a second row for an utterance
        (``duplicate-row``), a label that the card does not name (``label-unknown``), a row without
        any of the card's labels (``label-missing``), a row without audio (``missing``).

    Raises:
        CorpusError: a time is no number, a split is none of ours, or nothing is left.
    """
    table = _Table(card, frame, values or {})
    table.fixed_columns()
    table.settle()
    if look:
        table.look(root, folder, suffixes, {one.utterance for one in excluded})
    return manifest_of_frame(card.id, root, table.frame(), [*excluded, *table.excluded])


class _Table:
    """The columns on their way; rows that are left out stay until the end, marked."""

    def __init__(self, card: CorpusCard, frame: pd.DataFrame, values: Values):
        self.card = card
        self.excluded: list[Exclusion] = []
        n = len(frame)
        self.where = _column(frame, WHERE) if WHERE in frame else _same("", n)
        self.columns = {
            str(name): _plain(_column(frame, name), values.get(str(name), {}))
            for name in frame.columns
            if name != WHERE
        }
        self.kept = pd.Series([True] * n, dtype=bool)

    def leave_out(self, which: pd.Series, reason: str, detail: pd.Series) -> None:
        """Exclude rows that are still in."""
        which = which.astype(bool) & self.kept
        names = self.columns["utterance"][which]
        self.excluded += [
            Exclusion(str(name), reason, str(told))
            for name, told in zip(names, detail[which], strict=True)
        ]
        self.kept &= ~which

    def fixed_columns(self) -> None:
        """Gender, split, times and language in the manifest's words."""
        columns = self.columns
        n = len(self.where)
        if len(self.card.languages) == 1:
            (only,) = self.card.languages
            given = columns.get("language")
            columns["language"] = _same(only, n) if given is None else given.fillna(only)
        if "gender" in columns:
            known = columns["gender"].str.lower().map(GENDERS)
            # Where gender is a label, what is not known has to show as such.
            other = columns["gender"] if "gender" in self.card.labels else None
            columns["gender"] = known if other is None else known.fillna(other)
        if "split" in columns:
            self._convert("split", columns["split"].str.lower().map(SPLITS), ", ".join(SPLITS))
        for name in ("start", "end"):
            if name in columns:
                self._convert(name, _numbers(columns[name]), "a number of seconds")
        for name in FIXED_COLUMNS:
            if name not in columns:
                columns[name] = _same(None, n)

    def _convert(self, name: str, new: pd.Series, allowed: str) -> None:
        wrong = self.columns[name].notna() & new.isna()
        if bool(wrong.any()):
            place = int(wrong.argmax())
            raise CorpusError(
                f"{self.card.id}: {self.where.iloc[place]}: {name}: "
                f"{self.columns[name].iloc[place]!r} is not allowed. Allowed: {allowed}."
            )
        self.columns[name] = new

    def settle(self) -> None:
        """Doubles and labels."""
        self.leave_out(self.columns["utterance"].duplicated(), "duplicate-row", self.where)
        n = len(self.where)
        none = pd.Series([True] * n, dtype=bool)
        for name, label in self.card.labels.items():
            given = self.columns.get(name)
            given = _same(None, n) if given is None else given
            settled, allowed = _settle(label, given)
            self.columns[name] = settled
            unknown = given.notna() & settled.isna()
            if bool(unknown.any()):
                told = self.where + ": " + name + ": " + given.astype("str") + "; " + allowed
                self.leave_out(unknown, "label-unknown", told)
            none &= settled.isna()
        self.leave_out(none, "label-missing", self.where)

    def look(self, root: Path, folder: str, suffixes: tuple[str, ...], known: set[str]) -> None:
        """Find each row's file, and the files that no row names."""
        files = audio_files(root / folder, suffixes)
        prefix = "" if folder == "." else f"{folder}/"
        asked = [str(path).removeprefix(prefix) for path in self.columns["path"]]
        found = [files.find(path) for path in asked]
        missing = pd.Series([path is None for path in found], dtype=bool)
        given = self.columns["path"]
        if files and bool(missing.all()):
            raise CorpusError(
                f"{self.card.id}: none of the {len(missing)} listed files is under {root}, such as "
                f"{given.iloc[0]!r}. There are {len(files)} audio files, such as "
                f"{prefix + next(iter(files))[1]!r}"
                + (": adapt reader.options.path." if self.card.reader.options else ".")
            )
        self.leave_out(missing, "missing", given + " (" + self.where + ")")
        self.columns["path"] = pd.Series(
            [old if path is None else prefix + path for old, path in zip(given, found, strict=True)]
        )
        used = {path for path in found if path is not None}
        listed = {without_suffix(path, suffixes) for path in asked} | known
        self.excluded += [
            one
            for one in files.unused(used, "no label names it")
            if one.utterance not in listed or one.reason == "copy"
        ]

    def frame(self) -> pd.DataFrame:
        """The rows that are left."""
        return pd.DataFrame({name: one[self.kept] for name, one in self.columns.items()})


def _column(frame: pd.DataFrame, name: Any) -> pd.Series:
    return cast(pd.Series, frame[name]).reset_index(drop=True)


def _plain(column: pd.Series, values: Mapping[str, str]) -> pd.Series:
    """Text without blanks around it, mapped; empty is missing. Numbers stay as they are."""
    if pd.api.types.is_numeric_dtype(column):
        return column
    text = column.astype("str").str.strip()
    if values:
        text = text.map(dict(values)).fillna(text)
    return text.mask(text == "")


def _same(value: str | None, n: int) -> pd.Series:
    return pd.Series([value], dtype="str").repeat(n).reset_index(drop=True)


def _numbers(column: pd.Series) -> pd.Series:
    return cast(pd.Series, pd.to_numeric(column, errors="coerce")).astype("float64")


def _settle(label: Label, given: pd.Series) -> tuple[pd.Series, str]:
    """A label's values, missing where the card does not allow them, and what it allows."""
    if label.kind == "class":
        allowed = f"the card allows {', '.join(label.values)}"
        return given.where(given.isin(label.values)), allowed
    numbers = _numbers(given)
    low = float("-inf") if label.low is None else label.low
    high = float("inf") if label.high is None else label.high
    allowed = f"the card allows numbers from {label.low} to {label.high}"
    return numbers.where((numbers >= low) & (numbers <= high)), allowed
