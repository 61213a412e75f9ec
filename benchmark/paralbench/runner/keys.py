"""A cell's key: a digest of everything that its scores depend on."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from paralbench.runner.plan import Cell
from paralbench.runner.problem import Problem
from paralbench.tables import slots

# Raised whenever the rows of a cell change for reasons that no other part of the key shows.
TABLES_VERSION = 3

_MOST_NAMED = 2  # training domains in a cell's name

_ROW_COLUMNS = ["corpus", "utterance", "content", "speaker", "session", "gender", "language"]


def digest(data: Any) -> str:
    """sha256 of plain data, in one canonical spelling."""
    text = json.dumps(data, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def rows_digest(problem: Problem) -> str:
    """sha256 of the utterances, their audio and labels, and the folds."""
    hashed = hashlib.sha256()
    columns = [*_ROW_COLUMNS, "target"]
    hashed.update(problem.frame[columns].to_csv(index=False).encode())
    for fold in problem.folds:
        hashed.update(fold.name.encode())
        for part in (fold.train, fold.test, fold.development):
            found = np.array([], dtype=np.int64) if part is None else part
            hashed.update(np.asarray(found, dtype=np.int64).tobytes() + b"|")
    return hashed.hexdigest()


def cards_digest(problem: Problem, recipe: Mapping[str, Any]) -> str:
    """sha256 of the cards and the recipe."""
    return digest([problem.content, recipe])


def cell_name(cell: Cell, parts: Mapping[str, Any]) -> str:
    """The cell's name in tables and files: readable, ending in the digest of its parts."""
    words = [cell.upstream, *_where(cell), cell.recipe]
    if cell.normalisation != "none":
        words.append(cell.normalisation)
    found = digest({"slot": cell.slot, "tables": TABLES_VERSION, **parts})
    return f"{'.'.join(words)}-{found[:12]}"


def _where(cell: Cell) -> list[str]:
    if cell.setting == "within":
        return [cell.task]
    trained = slots.domains_of(cell.train)
    # A file's name has at most 255 bytes; the digest tells longer lists apart.
    names = "+".join(trained) if len(trained) <= _MOST_NAMED else f"{len(trained)}-domains"
    return [cell.task, names, cell.test]
