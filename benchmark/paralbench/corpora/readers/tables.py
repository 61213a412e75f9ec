"""Label tables as owners write them: any line ends, blanks around cells, an old encoding."""

import csv
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from paralbench.errors import CorpusError

# utf-8-sig reads UTF-8 with and without a byte order mark.
ENCODINGS = ("utf-8-sig", "cp1252")

WHERE = "where"  # the column that says where a row comes from, for messages


def read_table(
    corpus: str,
    file: Path,
    columns: Sequence[str],
    *,
    separator: str = ",",
    header: bool = True,
    quotes: bool = True,
    encodings: Sequence[str] = ENCODINGS,
) -> pd.DataFrame:
    """A table of text: the columns asked for, blanks around names and cells dropped.

    Args:
        corpus: the corpus id, for messages.
        file: the table.
        columns: those that are wanted, found whatever their case; without a header, the names of
            all columns in order.
        separator: between cells.
        header: whether the first line names the columns.
        quotes: whether quotation marks enclose cells.
        encodings: tried in turn.

    Returns:
        One row per line that is not empty: the columns (``""`` for an empty cell), and
        ``where``: file and line.

    Raises:
        CorpusError: the file is absent or no text, lacks a column (the message lists those it
            has), or a line has another number of cells (the message names it).
    """
    text = read_text(corpus, file, encodings)
    quoting = csv.QUOTE_MINIMAL if quotes else csv.QUOTE_NONE
    lines = csv.reader(
        text.splitlines(keepends=True), delimiter=separator, quoting=quoting, skipinitialspace=True
    )
    names = [name.strip() for name in next(lines, [])] if header else list(columns)
    places = _places(corpus, file, names, columns)
    found: list[list[str]] = [[] for _ in columns]
    where: list[str] = []
    for cells in lines:
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(names) and any(cell.strip() for cell in cells[len(names) :]):
            raise CorpusError(
                f"{corpus}: {file}, line {lines.line_num}: {len(cells)} cells, but "
                f"{len(names)} columns."
            )
        if len(cells) < max(places) + 1:
            raise CorpusError(
                f"{corpus}: {file}, line {lines.line_num}: only {len(cells)} of {len(names)} "
                "cells; the line is cut off."
            )
        for column, place in zip(found, places, strict=True):
            column.append(cells[place].strip())
        where.append(f"{file.name}, line {lines.line_num}")
    if not where:
        raise CorpusError(f"{corpus}: {file} has no rows{' below its header' if header else ''}.")
    data = dict(zip(columns, found, strict=True)) | {WHERE: where}
    return pd.DataFrame(data, dtype="string")


def lookup(table: pd.DataFrame, key: str, value: str) -> dict[str, str]:
    """One column of a table by another; of several rows with one key the first counts."""
    return dict(zip(reversed(table[key].tolist()), reversed(table[value].tolist()), strict=True))


def read_text(corpus: str, file: Path, encodings: Sequence[str] = ENCODINGS) -> str:
    """A text file, in the first encoding that fits.

    Raises:
        CorpusError: it is absent, cannot be read, or fits no encoding.
    """
    try:
        raw = file.read_bytes()
    except FileNotFoundError:
        raise CorpusError(f"{corpus}: {file} is missing.") from None
    except OSError as error:
        raise CorpusError(f"{corpus}: {file} cannot be read: {error.strerror}.") from None
    for encoding in encodings:
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise CorpusError(f"{corpus}: {file} is not text in {' or '.join(encodings)}.")


def first_file(corpus: str, root: Path, names: Iterable[str]) -> Path:
    """The first of several names that is a file under the root, as releases differ in them.

    Raises:
        CorpusError: none is there; the message lists the names.
    """
    tried = list(names)
    for name in tried:
        if (root / name).is_file():
            return root / name
    raise CorpusError(f"{corpus}: {root} holds none of {', '.join(tried)}.")


def _places(corpus: str, file: Path, names: list[str], columns: Sequence[str]) -> list[int]:
    """Where each column stands; a case that differs is accepted where it is unambiguous."""
    lower = [name.lower() for name in names]
    absent = [column for column in columns if column.lower() not in lower]
    if absent:
        message = (
            f"{corpus}: {file} has no column {', '.join(map(repr, absent))}; it has "
            f"{', '.join(map(repr, names)) or 'none'}."
        )
        if len(names) == 1 and re.search(r"[;,\t|]", names[0]):
            message += " Is the separator another one than the owners'?"
        raise CorpusError(message)
    return [
        names.index(column) if column in names else lower.index(column.lower())
        for column in columns
    ]
