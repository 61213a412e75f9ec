"""Kaldi's lists: on each line a key, a blank and a value."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from paralbench.corpora.readers.tables import WHERE, read_text
from paralbench.errors import CorpusError


def read_list(corpus: str, file: Path) -> pd.DataFrame:
    """A list such as ``wav.scp``, ``text`` or ``utt2spk``.

    Returns:
        One row per line that is not empty: ``key``, ``value`` (``""`` where there is none; it may
        hold blanks), and ``where``: file and line.

    Raises:
        CorpusError: the file is absent, no text in UTF-8, or empty.
    """
    text = read_text(corpus, file, ("utf-8-sig",))
    lines = [line.split(maxsplit=1) for line in text.split("\n")]
    kept = [number for number, parts in enumerate(lines) if parts]
    if not kept:
        raise CorpusError(f"{corpus}: {file} has no rows.")
    place = f"{file.parent.name}/{file.name}"
    return pd.DataFrame(
        {
            "key": [lines[number][0] for number in kept],
            "value": [lines[number][1].strip() if lines[number][1:] else "" for number in kept],
            WHERE: [f"{place}, line {number + 1}" for number in kept],
        },
        dtype="string",
    )


def values_of(table: pd.DataFrame, keys: Iterable[str]) -> list[str]:
    """The values of some keys, ``""`` where there is none; of several lines the first counts."""
    found: dict[str, str] = {}
    for key, value in zip(table["key"].tolist(), table["value"].tolist(), strict=True):
        found.setdefault(key, value)
    return [found.get(key, "") for key in keys]
