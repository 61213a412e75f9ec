"""Label tables as owners write them: any line ends, blanks around cells, an old encoding."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import pandas as pd

from paralbench.corpora.readers.noted import read_noted
from paralbench.errors import CorpusError

# utf-8-sig reads UTF-8 with and without a byte order mark.
ENCODINGS = ("utf-8-sig", "cp1252")

WHERE = "where"  # the column that says where a row comes from, for messages


# Rows that are Python objects at once; the rest is Arrow's, a tenth of the size.
_AT_ONCE = 100_000


def read_table(
    corpus: str,
    file: Path,
    columns: Sequence[str],
    *,
    separator: str = ",",
    header: bool = True,
    quotes: bool = True,
    strict: bool = False,
    encodings: Sequence[str] = ENCODINGS,
    where: str = WHERE,
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
        strict: whether quotation marks that do not enclose a whole cell are an error.
        encodings: tried in turn.
        where: the name of the column that says where a row comes from.

    Returns:
        One row per line that is not empty: the columns (``""`` for an empty cell), and
        ``where``: file and line.

    Raises:
        CorpusError: the file is absent or no text, lacks a column (the message lists those it
            has), or a line has another number of cells (the message names it).
    """
    text = read_text(corpus, file, encodings)
    lines = _lines(text, separator, quotes, strict)
    try:
        names = _header(lines) if header else list(columns)
        places = _places(corpus, file, names, columns)
        rows = _rows(corpus, file, lines, len(names), places)
        parts = []
        while found := list(islice(rows, _AT_ONCE)):
            cells = dict(zip((*columns, where), zip(*found, strict=True), strict=True))
            parts.append(pd.DataFrame(cells, dtype="string"))
    except csv.Error as error:
        raise CorpusError(
            f"{corpus}: {file}, line {lines.line_num}: cannot be read as a table: {error}."
        ) from None
    if not parts:
        raise CorpusError(f"{corpus}: {file} has no rows{' below its header' if header else ''}.")
    return pd.concat(parts, ignore_index=True)


def column_names(
    corpus: str,
    file: Path,
    *,
    separator: str = ",",
    quotes: bool = True,
    encodings: Sequence[str] = ENCODINGS,
) -> list[str]:
    """The names that a table's first line gives its columns.

    Raises:
        CorpusError: the file is absent or no text.
    """
    text = read_text(corpus, file, encodings)
    try:
        return _header(_lines(text, separator, quotes, strict=True))
    except csv.Error as error:
        raise CorpusError(f"{corpus}: {file} cannot be read as a table: {error}.") from None


def _lines(text: str, separator: str, quotes: bool, strict: bool):
    return csv.reader(
        io.StringIO(text, newline=""),  # lines end as in files: other breaks belong to cells
        delimiter=separator,
        quoting=csv.QUOTE_MINIMAL if quotes else csv.QUOTE_NONE,
        skipinitialspace=True,
        strict=strict,
    )


def _header(lines: Iterator[list[str]]) -> list[str]:
    return [name.strip() for name in next(lines, [])]


def _rows(corpus: str, file: Path, lines, width: int, places: list[int]) -> Iterator[list[str]]:
    """The wanted cells of each line, and where it is."""
    name, last = file.name, max(places, default=-1)
    for cells in lines:
        if len(cells) != width or not cells[0]:
            if not any(cell.strip() for cell in cells):
                continue
            if any(cell.strip() for cell in cells[width:]):
                raise CorpusError(
                    f"{corpus}: {file}, line {lines.line_num}: {len(cells)} cells, but "
                    f"{width} columns."
                )
            if len(cells) <= last:
                raise CorpusError(
                    f"{corpus}: {file}, line {lines.line_num}: only {len(cells)} of {width} "
                    "cells; the line is cut off."
                )
        row = [cells[place].strip() for place in places]
        row.append(f"{name}, line {lines.line_num}")
        yield row


def lookup(table: pd.DataFrame, key: str, value: str) -> dict[str, str]:
    """One column of a table by another; of several rows with one key the first counts."""
    return dict(zip(reversed(table[key].tolist()), reversed(table[value].tolist()), strict=True))


def read_text(corpus: str, file: Path, encodings: Sequence[str] = ENCODINGS) -> str:
    """A text file, in the first encoding that fits.

    Raises:
        CorpusError: it is absent, cannot be read, or fits no encoding.
    """
    try:
        raw = read_noted(file)
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
