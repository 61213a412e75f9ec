"""The folder of a run: one Parquet file per cell and table, each written whole or not at all.

``scores/CELL.parquet`` is written last, so a cell whose scores are there is done. ``plan.json``
says which cell stands in which slot (upstream, task, setting, recipe ...): when a card changes, its
cell gets another key, takes over the slot, and the older rows are no longer read. It says the day
on which the run was begun too; no table does, so that the same run twice gives the same tables.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from paralbench.errors import Fault, StoreError
from paralbench.storage.atomic import clean_leftovers, write_file
from paralbench.tables.schema import TABLES

PLAN = "plan.json"
LAST = "scores"  # the table that marks a cell as done


class RunFolder:
    """The tables of one run.

    Args:
        path: the folder; made on the first write. A folder of published tables
            (``scores.parquet`` ..., see :meth:`publish`) is read the same way.
    """

    def __init__(self, path: Path | str):
        self.path = Path(path)

    def exists(self) -> bool:
        """Whether there is anything to read."""
        return (self.path / PLAN).is_file() or (self.path / "scores.parquet").is_file()

    # -- writing

    def enter(self, slots: Mapping[str, str], skipped: Iterable[str] = ()) -> None:
        """Record which cell stands in which slot, and what is skipped why, before cells are run."""
        for folder in (self.path, *(self.path / name for name in TABLES)):
            clean_leftovers(folder)
        plan = {
            "begun": self.begun or datetime.now(UTC).date().isoformat(),
            "slots": {**self.cells(), **slots},
            "skipped": list(skipped),
        }
        write_file(self.path, PLAN, json.dumps(plan, indent=1).encode())

    def write(self, cell: str, tables: Mapping[str, pd.DataFrame]) -> None:
        """Write a finished cell's tables; afterwards :meth:`done` is true and it has no failure.

        Raises:
            StoreError: a frame does not fit its table, or the disk refuses.
        """
        arrow = {name: TABLES[name].to_arrow(frame) for name, frame in tables.items()}
        for name in sorted(arrow, key=lambda name: name == LAST):
            self._write_table(name, cell, arrow[name])
        with suppress(FileNotFoundError):
            self._file("failures", cell).unlink()

    def pack(self, cell: str) -> dict[str, bytes]:
        """The files of a finished cell by table, for another machine's run folder."""
        files = {name: self._file(name, cell) for name in TABLES if name != "failures"}
        return {name: file.read_bytes() for name, file in files.items() if file.is_file()}

    def unpack(self, cell: str, tables: Mapping[str, bytes]) -> None:
        """Write what :meth:`pack` gave on another machine; as :meth:`write`."""
        for name in sorted(tables, key=lambda name: name == LAST):
            write_file(self.path / name, f"{cell}.parquet", tables[name])
        with suppress(FileNotFoundError):
            self._file("failures", cell).unlink()

    def fail(self, cell: str, stage: str, error: BaseException | Fault, when: str) -> None:
        """Record that a cell failed; other cells go on."""
        fault = error if isinstance(error, Fault) else Fault.of(error)
        row = {
            "cell": cell,
            "stage": stage,
            "error": fault.error,
            "message": fault.message,
            "when": when,
        }
        table = TABLES["failures"].to_arrow(pd.DataFrame([row]))
        self._write_table("failures", cell, table)

    def publish(self, target: Path, tables: Iterable[str] = tuple(TABLES)) -> list[Path]:
        """Write each table as one ``NAME.parquet`` and ``NAME.csv`` under ``target``.

        Class probabilities are published with four decimals, in a third of the space.
        """
        written = [write_file(target, PLAN, json.dumps(self._plan(), indent=1).encode())]
        for name in tables:
            frame = self.read(name)
            if not len(frame):
                continue
            prefix = TABLES[name].free_prefix
            if prefix is not None:
                free = [column for column in frame.columns if str(column).startswith(prefix)]
                frame[free] = frame[free].round(4)
            write_file(target, f"{name}.parquet", _parquet(TABLES[name].to_arrow(frame)))
            write_file(target, f"{name}.csv", frame.to_csv(index=False).encode())
            written += [target / f"{name}.parquet", target / f"{name}.csv"]
        return written

    # -- reading

    def done(self, cell: str) -> bool:
        """Whether the cell's scores are there."""
        return self._file(LAST, cell).is_file()

    def failed(self, cell: str) -> bool:
        """Whether the cell's last attempt failed."""
        return self._file("failures", cell).is_file()

    def published(self, table: str) -> bool:
        """Whether a table is one file for all cells, and not a file for each."""
        return self._whole(table).is_file()

    def read(self, table: str) -> pd.DataFrame:
        """All rows of a table, of the cells that now stand in the plan, in the order of cells.

        Raises:
            StoreError: the folder holds no run, or a file in it is damaged.
        """
        if not self.exists():
            raise StoreError(
                f"{self.path}: no run here (neither {PLAN} nor scores.parquet); "
                "give the folder that `paralbench run --out` wrote."
            )
        if self.published(table):
            return _read(self._whole(table), table)
        files = [self._file(table, cell) for cell in sorted(set(self.cells().values()))]
        frames = [_read(file, table) for file in files if file.is_file()]
        if not frames:
            return TABLES[table].empty()
        return pd.concat(frames, ignore_index=True)

    def read_cells(
        self, table: str, cells: Iterable[str], columns: Sequence[str] | None = None
    ) -> pd.DataFrame:
        """The rows of some cells, or some of their columns, without reading the rest.

        Raises:
            StoreError: a file is damaged or lacks a column.
        """
        names = None if columns is None else list(columns)
        wanted = set(cells)
        if self.published(table):
            return _read(self._whole(table), table, names, filters=[("cell", "in", wanted)])
        files = [self._file(table, cell) for cell in sorted(wanted)]
        frames = [_read(file, table, names) for file in files if file.is_file()]
        if not frames:
            return TABLES[table].empty().reindex(columns=names or TABLES[table].names)
        return pd.concat(frames, ignore_index=True)

    def cells(self) -> dict[str, str]:
        """Slot to cell, as last planned."""
        return dict(self._plan().get("slots", {}))

    def skipped(self) -> tuple[str, ...]:
        """What the last run left out, with the reasons."""
        return tuple(self._plan().get("skipped", ()))

    @property
    def begun(self) -> str | None:
        """The day of the first cell, as 2026-01-31 (UTC); None where it is not known."""
        return self._plan().get("begun")

    # -- files

    def _plan(self) -> dict[str, Any]:
        file = self.path / PLAN
        if not file.is_file():
            return {}
        try:
            return dict(json.loads(file.read_text()))
        except (json.JSONDecodeError, TypeError, OSError) as error:
            raise StoreError(
                f"{file}: cannot be read ({error}); delete it and run again."
            ) from None

    def _whole(self, table: str) -> Path:
        return self.path / f"{table}.parquet"

    def _file(self, table: str, cell: str) -> Path:
        return self.path / table / f"{cell}.parquet"

    def _write_table(self, name: str, cell: str, table: pa.Table) -> None:
        write_file(self.path / name, f"{cell}.parquet", _parquet(table))


def _parquet(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue().to_pybytes()


def _read(
    file: Path, table: str, columns: list[str] | None = None, filters: Any = None
) -> pd.DataFrame:
    """A file of a table; columns that came after it was written, and may be missing, are empty."""
    try:
        have = pq.read_schema(file).names
        wanted = TABLES[table].names if columns is None else columns
        optional = {column.name for column in TABLES[table].columns if column.optional}
        newer = [name for name in wanted if name in optional and name not in have]
        named = None if columns is None else [name for name in columns if name not in newer]
        frame = pq.read_table(file, columns=named, filters=filters).to_pandas()
    except (pa.ArrowInvalid, OSError) as error:
        raise StoreError(f"{file}: damaged ({error}); delete it and run again.") from None
    return frame.assign(**dict.fromkeys(newer))
