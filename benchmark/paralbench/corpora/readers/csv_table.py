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

import csv
import re
from dataclasses import dataclass
from pathlib import Path

from paralbench.cards.corpus import CorpusCard
from paralbench.corpora.manifest import Exclusion, Manifest, make_manifest
from paralbench.corpora.readers.files import audio_files, require, without_suffix
from paralbench.corpora.readers.labels import Row, settle
from paralbench.corpora.readers.options import CsvOptions, allowed_columns
from paralbench.errors import CorpusError


def read(card: CorpusCard, root: Path, *, look: bool = True) -> Manifest:
    """Read a table's rows.

    Raises:
        CardError: the options are wrong; see :class:`CsvOptions`.
        CorpusError: see :func:`read_table`.
    """
    return read_table(card, root, CsvOptions.of(card))


def read_table(card: CorpusCard, root: Path, options: CsvOptions) -> Manifest:
    """Read a table's rows and find their audio.

    A row without audio is excluded as ``missing``, a row that says what an earlier one said of the
    same utterance as ``duplicate-row``, audio without a row as ``extra``.

    Raises:
        CorpusError: the table is absent, is no table, or lacks a column (the message lists those it
            has); or none of the listed files is there.
    """
    require(card.id, root, lambda folder: (folder / options.file).is_file(), f"{options.file} is")
    table = _open(card, root / options.file, options)
    sources = _sources(card, options, table)
    files = audio_files(root, options.suffixes)
    rows: list[Row] = []
    excluded: list[Exclusion] = []
    listed: set[str] = set()
    for record in table.records:
        given = _relative(_fill(options.path, record), root)
        found = files.find(given)
        raw: Row = dict(options.constants)
        raw.update({column: record[name] for column, name in sources.items()})
        raw |= {"utterance": _utterance(options, record, given, raw), "path": found or given}
        if found is None:
            excluded.append(Exclusion(str(raw["utterance"]), "missing", given))
            continue
        listed.add(found)
        row = settle(card, raw, options.values)
        (excluded if isinstance(row, Exclusion) else rows).append(row)  # type: ignore[arg-type]
    if table.records and not listed:
        raise CorpusError(_all_missing(card, root, excluded, len(files), next(iter(files), None)))
    excluded += files.unused(listed, f"not listed in {options.file}")
    return make_manifest(card.id, root, rows, excluded)


@dataclass(frozen=True)
class _Table:
    file: Path
    columns: list[str]
    records: list[dict[str, str]]


def _open(card: CorpusCard, file: Path, options: CsvOptions) -> _Table:
    separator = options.separator or ("\t" if file.suffix.lower() == ".tsv" else ",")
    quoting = csv.QUOTE_MINIMAL if options.quotes else csv.QUOTE_NONE
    try:
        with file.open(encoding=options.encoding, newline="") as stream:
            lines = csv.reader(stream, delimiter=separator, quoting=quoting, strict=True)
            columns = [name.strip() for name in next(lines, [])]
            records = []
            for cells in lines:
                if not any(cells):
                    continue
                if len(cells) > len(columns):
                    raise CorpusError(
                        f"{card.id}: {file}, line {lines.line_num}: {len(cells)} fields, but the "
                        f"header names {len(columns)} columns."
                    )
                cells += [""] * (len(columns) - len(cells))
                records.append(dict(zip(columns, cells, strict=True)))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CorpusError(f"{card.id}: {file} cannot be read as a table: {error}.") from None
    double = sorted({name for name in columns if columns.count(name) > 1 and name})
    if double:
        raise CorpusError(f"{card.id}: {file}: two columns are called {', '.join(double)}.")
    if not records:
        raise CorpusError(f"{card.id}: {file} has no rows below its header.")
    return _Table(file, columns, records)


def _sources(card: CorpusCard, options: CsvOptions, table: _Table) -> dict[str, str]:
    """Which column of the table fills which column of the manifest."""
    sources = {
        name: options.columns.get(name, name)
        for name in allowed_columns(card)
        if name != "utterance" and name not in options.constants
    }
    wanted = {*options.columns, *card.labels} - set(options.constants)
    needed = {sources[name]: name for name in sources if name in wanted}
    needed |= {name: "path" for name in _columns_in(options.path)}
    needed |= {name: "utterance" for name in _columns_in(options.utterance or "")}
    absent = [
        f"{name!r} (for {what})" for name, what in needed.items() if name not in table.columns
    ]
    if absent:
        message = (
            f"{card.id}: {table.file} has no column {', '.join(absent)}; it has "
            f"{', '.join(map(repr, table.columns))}."
        )
        if len(table.columns) == 1 and re.search(r"[;,\t|]", table.columns[0]):
            message += " Is the separator another one? Give it as reader.options.separator."
        raise CorpusError(message)
    return {name: source for name, source in sources.items() if source in table.columns}


def _columns_in(text: str) -> list[str]:
    """The columns that a text with columns in braces names; without braces it is a column."""
    return re.findall(r"\{([^{}]*)\}", text) if "{" in text else [text] if text else []


def _fill(text: str, record: dict[str, str]) -> str:
    if "{" not in text:
        return record[text].strip()
    return re.sub(r"\{([^{}]*)\}", lambda match: record[match[1]].strip(), text)


def _utterance(options: CsvOptions, record: dict[str, str], path: str, raw: Row) -> str:
    if options.utterance:
        return without_suffix(_fill(options.utterance, record), options.suffixes)
    times = "-".join(str(raw[end]).strip() for end in ("start", "end") if raw.get(end))
    name = without_suffix(path, options.suffixes)
    return f"{name}@{times}" if times else name


def _relative(path: str, root: Path) -> str:
    """A path as tables write it (absolute, or with backslashes), relative to the root."""
    plain = path.replace("\\", "/")
    if Path(plain).is_absolute() and Path(plain).is_relative_to(root.absolute()):
        return Path(plain).relative_to(root.absolute()).as_posix()
    return plain.removeprefix("./")


def _all_missing(
    card: CorpusCard,
    root: Path,
    excluded: list[Exclusion],
    n_files: int,
    first: tuple[str, str] | None,
) -> str:
    message = (
        f"{card.id}: none of the {len(excluded)} listed files is under {root}, such as "
        f"{excluded[0].detail!r}."
    )
    if first is not None:
        message += (
            f" There are {n_files} audio files, such as {first[1]!r}: adapt reader.options.path."
        )
    return message
