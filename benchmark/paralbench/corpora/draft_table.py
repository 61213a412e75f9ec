"""Recognising a corpus whose labels are in a table."""

import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any, cast

import pandas as pd

from paralbench.corpora.columns import FIXED_COLUMNS
from paralbench.corpora.draft_words import Role, label, roles_called
from paralbench.corpora.readers.files import AudioFiles, without_suffix
from paralbench.corpora.readers.tables import ENCODINGS, column_names, read_table
from paralbench.errors import CorpusError

_SUFFIXES = (".csv", ".tsv", ".txt", ".tab")
_SEPARATORS = (",", "\t", ";", "|")
_DEPTH = 2
_MOST_BYTES = 500_000_000
_LOOKED_AT = 300  # rows by which the path is found
_ENOUGH = 0.5  # of the rows, or of the audio files


@dataclass
class Reading:
    """How a folder can be read.

    Attributes:
        reader: the card's ``reader``.
        roles: table column or group of the pattern -> what it is taken for.
        found: what was recognised, for people.
        passed_over: what was not, for people.
        checks: key of the reader's options -> what should be looked at.
        not_read: columns of a table that are called as the manifest's and are something else.
    """

    reader: dict[str, Any]
    roles: dict[str, Role]
    found: list[str]
    passed_over: list[str] = field(default_factory=list)
    checks: dict[str, str] = field(default_factory=dict)
    not_read: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Table:
    file: str
    separator: str
    quotes: bool
    encoding: str
    frame: pd.DataFrame


def from_tables(root: Path, audio: AudioFiles, looked_at: list[str]) -> Reading | None:
    """The table that names most audio files and has a label; None if there is none.

    Args:
        root: the corpus folder.
        audio: its audio files.
        looked_at: what was looked at is added to it, with the reason why it does not serve.
    """
    best: tuple[float, Reading] | None = None
    for file in _files(root):
        try:
            table = _open(root, file)
        except CorpusError as error:
            looked_at.append(str(error).replace(f"{root}/", ""))
            continue
        template, rate = _template(table.frame, audio)
        if template is None:
            looked_at.append(f"{file}: no column names audio files")
            continue
        reading = _reading(table, template, rate, audio)
        if not any(role.kind for role in reading.roles.values()):
            looked_at.append(f"{file}: names audio files, but has no column of labels")
        elif best is None or rate * len(table.frame) > best[0]:
            if best is not None:
                looked_at.append(f"{best[1].reader['options']['file']}: names fewer audio files")
            best = (rate * len(table.frame), reading)
        else:
            looked_at.append(f"{file}: names fewer audio files than another table; one is read")
    return None if best is None else best[1]


def _files(root: Path) -> Iterator[str]:
    for folder, below, files in os.walk(root, followlinks=True):
        place = Path(folder).relative_to(root)
        below[:] = (
            sorted(one for one in below if one[0] != ".") if len(place.parts) < _DEPTH else []
        )
        for file in sorted(files):
            path = Path(folder) / file
            if path.suffix.lower() in _SUFFIXES and path.stat().st_size <= _MOST_BYTES:
                yield (place / file).as_posix()


def _open(root: Path, name: str) -> _Table:
    """A table in the encoding, separator and quoting that fit.

    Raises:
        CorpusError: none fits.
    """
    file = root / name
    encoding = _encoding(file)
    given: dict[str, Any] = {"encodings": (encoding,)}
    ways = [(one, _names(file, one, encoding)) for one in _SEPARATORS]
    separator, names = max(ways, key=lambda way: len(way[1]))
    double = {one for one in names if names.count(one) > 1}
    if len(names) < 2 or double or not all(re.search(r"[^\W\d]", one) for one in names if one):
        raise CorpusError(f"{name}: its first line is no header of columns")
    names = [one for one in names if one]
    given |= {"separator": separator}
    try:
        frame = read_table("", file, names, strict=True, where="", **given)
        return _Table(name, separator, True, encoding, frame)
    except CorpusError:
        pass
    try:
        frame = read_table("", file, names, quotes=False, where="", **given)
    except CorpusError as error:
        raise CorpusError(f"{name}{str(error).partition(str(file))[2]}") from None
    return _Table(name, separator, False, encoding, frame)


def _names(file: Path, separator: str, encoding: str) -> list[str]:
    """The columns, with one separator; none where quotation marks speak against it."""
    try:
        return column_names("", file, separator=separator, encodings=(encoding,))
    except CorpusError:
        return []


def _encoding(file: Path) -> str:
    for encoding in ENCODINGS:
        try:
            with file.open(encoding=encoding) as stream:
                for _ in stream:
                    pass
        except UnicodeDecodeError:
            continue
        return encoding
    raise CorpusError(f"{file.name}: is not text in {' or '.join(ENCODINGS)}")


def _template(frame: pd.DataFrame, audio: AudioFiles) -> tuple[str | None, float]:
    """The path of a row's audio, in columns, and the share of the rows that have audio."""
    below: dict[str, list[str]] = {}
    for name in audio.paths:
        below.setdefault(name.rpartition("/")[2], []).append(name)
    step = max(1, len(frame) // _LOOKED_AT)
    rows = frame.iloc[::step].to_dict("records")
    votes: Counter[str] = Counter()
    for row in rows:
        ways = (one for column in frame.columns for one in _paths(row, column, below, audio))
        votes.update(dict.fromkeys(ways, 1))  # in the order of the columns, which decides ties
    best: tuple[str | None, float] = (None, 0.0)
    # Few columns first: a folder's name is a name where all rows have it. A file's name rather than
    # a speaker's, where each speaker has one file.
    ordered = sorted(
        votes, key=lambda way: (-votes[way], way.count("{"), not _has_suffix(way, rows, audio))
    )
    for template in ordered[:5]:
        paths = filled(template, frame)
        there = sum(without_suffix(path, audio.suffixes) in audio.paths for path in paths)
        if there / len(frame) > best[1]:
            best = (template, there / len(frame))
    enough = best[1] >= _ENOUGH or best[1] * len(frame) >= _ENOUGH * len(audio)
    return best if enough else (None, 0.0)


def _has_suffix(template: str, rows: list[dict[Any, str]], audio: AudioFiles) -> bool:
    """Whether the column at a template's end names files with their suffix."""
    column = template.rpartition("{")[2].removesuffix("}")
    return all(without_suffix(row[column], audio.suffixes) != row[column] for row in rows)


def _paths(
    row: dict[Any, str], column: str, below: dict[str, list[str]], audio: AudioFiles
) -> Iterator[str]:
    """The ways to write the path of a row's audio with this column at its end."""
    given = row[column].replace("\\", "/").removeprefix("./")
    name = without_suffix(given, audio.suffixes)
    for found in below.get(name.rpartition("/")[2], ())[:20] if name else ():
        if found != name and not found.endswith(f"/{name}"):
            continue
        folders = [one for one in found[: len(found) - len(name)].split("/") if one]
        ways = [
            [one, *(f"{{{other}}}" for other in row if other != column and row[other] == one)]
            for one in folders
        ]
        for way in product(*ways):
            yield "/".join([*way, f"{{{column}}}"])


def filled(template: str, frame: pd.DataFrame) -> list[str]:
    """A template with columns in braces, for every row."""
    parts = re.split(r"\{([^{}]*)\}", template)
    columns = [
        frame[part].tolist() if n % 2 else [part] * len(frame) for n, part in enumerate(parts)
    ]
    return [
        "".join(row).replace("\\", "/").removeprefix("./") for row in zip(*columns, strict=True)
    ]


def _reading(table: _Table, template: str, rate: float, audio: AudioFiles) -> Reading:
    options: dict[str, Any] = {"file": table.file}
    if table.separator != ("\t" if table.file.lower().endswith(".tsv") else ","):
        options["separator"] = "\\t" if table.separator == "\t" else table.separator
    if table.encoding != ENCODINGS[0]:
        options["encoding"] = table.encoding
    if not table.quotes:
        options["quotes"] = False
    options["path"] = template
    there = round(rate * len(table.frame))
    found = [f"table {table.file}: {len(table.frame)} rows, {there} with audio at {template}"]
    reading = Reading({"name": "csv", "options": options}, {}, found)
    if "cp1252" in options.values():
        reading.checks["encoding"] = "accents in class names, if there are any"
    last = template.rpartition("{")[2].removesuffix("}")
    fixed = {column for column in (*FIXED_COLUMNS, "transcript") if column in table.frame.columns}
    names = [name for name in table.frame.columns if name not in ("", last)]
    columns = {name: cast(pd.Series, table.frame[name]) for name in names}
    known = roles_called(columns)
    for name, values in columns.items():
        role = known[name] if name in known else label(_label_name(name), values, name)
        if role is None or role.column in {one.column for one in reading.roles.values()}:
            given = [value for value in dict.fromkeys(values.tolist()) if value]
            such = f", such as {given[0][:40]!r}" if given else ""
            reading.passed_over.append(f"column {name}: {len(given)} values{such}")
        else:
            reading.roles[name] = role
    # A column that is called as one of the manifest's is read as that one, unless told otherwise.
    taken = {role.column for role in reading.roles.values()}
    reading.not_read = sorted(fixed - taken - {"path", "utterance", "gender"})
    return reading


def _label_name(name: str) -> str:
    """A column's name as part of a task's id."""
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "label"
    return f"{plain}-label" if plain in (*FIXED_COLUMNS, "transcript") else plain
