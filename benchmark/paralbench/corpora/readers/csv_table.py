"""The reader for a user's own corpus whose labels are in a CSV or TSV file.

.. code-block:: yaml

    reader:
      name: csv
      options:
        file: labels.csv
        path: 'wav/{id}'
        columns: {speaker: SpkrID, emotion: EmoClass}
        values: {emotion: {A: anger, N: neutral}}
"""

import re
from pathlib import Path
from typing import Any, cast

import pandas as pd

from paralbench.cards.corpus import CorpusCard
from paralbench.corpora.manifest import Manifest
from paralbench.corpora.readers import tables
from paralbench.corpora.readers.files import require, without_suffix
from paralbench.corpora.readers.listing import manifest_of_table
from paralbench.corpora.readers.options import CsvOptions, allowed_columns
from paralbench.errors import CorpusError

_WHERE = ""  # no column that a card can name is called so


def read(card: CorpusCard, root: Path, *, look: bool = True) -> Manifest:
    """Read a table's rows.

    Raises:
        CardError: the options are wrong; see :class:`CsvOptions`.
        CorpusError: see :func:`read_table`.
    """
    return read_table(card, root, CsvOptions.of(card), look=look)


def read_table(card: CorpusCard, root: Path, options: CsvOptions, *, look: bool = True) -> Manifest:
    """Read a table's rows and find their audio.

    A row without audio is excluded as ``missing``, a second row for an utterance as
    ``duplicate-row``, audio without a row as ``extra``.

    Raises:
        CorpusError: the table is absent, is no table, or lacks a column (the message lists those it
            has); or none of the listed files is there.
    """
    require(card.id, root, lambda folder: (folder / options.file).is_file(), f"{options.file} is")
    file = root / options.file
    separator = options.separator or ("\t" if file.suffix.lower() == ".tsv" else ",")
    given: dict[str, Any] = {
        "separator": separator,
        "quotes": options.quotes,
        "encodings": (options.encoding,),
    }
    names = tables.column_names(card.id, file, **given)
    sources = _sources(card, options, file, names)
    wanted = [*sources.values(), *columns_in(options.path), *columns_in(options.utterance or "")]
    table = tables.read_table(
        card.id, file, list(dict.fromkeys(wanted)), strict=options.quotes, where=_WHERE, **given
    )
    frame = pd.DataFrame({name: table[source] for name, source in sources.items()})
    for name, value in options.constants.items():
        frame[name] = pd.Series([value], dtype="string").repeat(len(table)).to_numpy()
    frame["path"] = _relative(_fill(options.path, table), root)
    frame["utterance"] = _utterances(options, table, frame)
    frame[tables.WHERE] = table[_WHERE]
    return manifest_of_table(
        card, root, frame, look=look, values=options.values, suffixes=options.suffixes
    )


def columns_in(text: str) -> list[str]:
    """The columns that a text with columns in braces names; without braces it is a column."""
    return re.findall(r"\{([^{}]*)\}", text) if "{" in text else [text] if text else []


def _sources(card: CorpusCard, options: CsvOptions, file: Path, names: list[str]) -> dict[str, str]:
    """Which column of the table fills which column of the manifest."""
    if not names:
        raise CorpusError(f"{card.id}: {file} has no rows below its header.")
    double = sorted({name for name in names if names.count(name) > 1 and name})
    if double:
        raise CorpusError(f"{card.id}: {file}: two columns are called {', '.join(double)}.")
    sources = {
        name: options.columns.get(name, name)
        for name in allowed_columns(card)
        if name != "utterance" and name not in options.constants
    }
    sources = {name: source for name, source in sources.items() if source}
    wanted = {*options.columns, *card.labels} - set(options.constants)
    needed = {sources[name]: name for name in sources if name in wanted}
    needed |= {name: "path" for name in columns_in(options.path)}
    needed |= {name: "utterance" for name in columns_in(options.utterance or "")}
    absent = [f"{name!r} (for {what})" for name, what in needed.items() if name not in names]
    if absent:
        message = (
            f"{card.id}: {file} has no column {', '.join(absent)}; it has "
            f"{', '.join(map(repr, names)) or 'none'}."
        )
        if len(names) == 1 and re.search(r"[;,\t|]", names[0]):
            message += " Is the separator another one? Give it as reader.options.separator."
        raise CorpusError(message)
    return {name: source for name, source in sources.items() if source in names}


def _fill(text: str, table: pd.DataFrame) -> pd.Series:
    """A text with columns in braces, for every row."""
    if "{" not in text:
        return cast(pd.Series, table[text])
    filled: Any = ""
    for part in re.split(r"(\{[^{}]*\})", text):
        filled = filled + (table[part[1:-1]] if part.startswith("{") else part)
    return filled


def _utterances(options: CsvOptions, table: pd.DataFrame, frame: pd.DataFrame) -> pd.Series:
    if options.utterance:
        return _bare(_fill(options.utterance, table), options.suffixes)
    names = _bare(cast(pd.Series, frame["path"]), options.suffixes)
    times: Any = [frame[end] for end in ("start", "end") if end in frame]
    if not times:
        return names
    joined = times[0]
    for more in times[1:]:
        joined = joined + ("-" + more).where((joined != "") & (more != ""), more)
    return names + ("@" + joined).where(joined != "", "")


def _bare(paths: pd.Series, suffixes: tuple[str, ...]) -> pd.Series:
    return pd.Series([without_suffix(path, suffixes) for path in paths], dtype="string")


def _relative(paths: pd.Series, root: Path) -> pd.Series:
    """Paths as tables write them (absolute, or with backslashes), relative to the root."""
    plain = paths.str.replace("\\", "/", regex=False)
    return plain.str.removeprefix(f"{root.absolute().as_posix()}/").str.removeprefix("./")
