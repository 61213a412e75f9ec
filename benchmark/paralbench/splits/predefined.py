"""Reading the utterance lists that define a split: a CSV with ``utterance,fold,part``."""

import csv
from collections.abc import Collection
from pathlib import Path

import numpy as np
import pandas as pd

from paralbench.errors import SplitError
from paralbench.splits.columns import some
from paralbench.splits.fold import Fold

COLUMNS = ("utterance", "fold", "part")
PARTS = ("train", "development", "test")


def predefined(frame: pd.DataFrame, file: Path, left_out: Collection[str] = ()) -> list[Fold]:
    """The folds that a file lists, in its order.

    An utterance of the frame that a fold does not list has no part in that fold.

    Args:
        frame: one row per utterance.
        file: a CSV with the columns ``utterance, fold, part``; others are not looked at.
        left_out: utterances that the file may list although the frame lacks them, because the
            audit or the task left them out.

    Raises:
        SplitError: the file cannot be read, lacks a column, has an unknown part, lists an
            utterance twice in a fold, or lists one that does not exist.
    """
    position = {str(name): place for place, name in enumerate(frame["utterance"])}
    parts: dict[str, dict[str, list[int]]] = {}
    seen: dict[tuple[str, str], int] = {}
    dangling: list[str] = []
    excused = set(left_out)
    for line, row in _rows(file):
        utterance, fold, part = (row[column] for column in COLUMNS)
        if part not in PARTS:
            raise SplitError(
                f"{file}:{line}: part {part!r} is not allowed. Allowed: {', '.join(PARTS)}."
            )
        first = seen.setdefault((utterance, fold), line)
        if first != line:
            raise SplitError(
                f"{file}:{line}: duplicate row: {utterance!r} is in fold {fold!r} since line "
                f"{first} already. Keep one of them."
            )
        lists = parts.setdefault(fold, {name: [] for name in PARTS})
        if utterance in position:
            lists[part].append(position[utterance])
        elif utterance not in excused:
            dangling.append(f"{utterance} (line {line})")
    if dangling:
        raise SplitError(
            f"{file}: {len(dangling)} rows name utterances that the corpus does not have: "
            f"{some(dangling)}. Remove them, or check that it is the list of this release."
        )
    if not parts:
        raise SplitError(f"{file}: no rows below the header.")
    return [
        Fold(
            name,
            _positions(lists["train"]),
            _positions(lists["test"]),
            _positions(lists["development"]) if lists["development"] else None,
        )
        for name, lists in parts.items()
    ]


def _rows(file: Path) -> list[tuple[int, dict[str, str]]]:
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream, strict=True)
            missing = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
            if missing:
                raise SplitError(
                    f"{file}: missing column {', '.join(missing)}; the header must have "
                    f"{', '.join(COLUMNS)}, and has {', '.join(reader.fieldnames or ()) or 'none'}."
                )
            rows = []
            for row in reader:
                values = {column: (row[column] or "").strip() for column in COLUMNS}
                empty = [column for column, value in values.items() if not value]
                if empty:
                    raise SplitError(f"{file}:{reader.line_num}: no {', '.join(empty)}.")
                rows.append((reader.line_num, values))
            return rows
    except FileNotFoundError:
        raise SplitError(
            f"{file}: there is no such file; `split.file` is relative to the card's folder."
        ) from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SplitError(f"{file}: cannot be read as a CSV in UTF-8: {error}.") from None


def _positions(rows: list[int]) -> np.ndarray:
    return np.array(sorted(rows), dtype=np.int64)
