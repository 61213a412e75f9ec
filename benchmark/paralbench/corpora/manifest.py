"""The manifest: one row per utterance, whatever the corpus looks like on disk."""

from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from paralbench.corpora.columns import FIXED_COLUMNS
from paralbench.errors import CorpusError

__all__ = ["FIXED_COLUMNS", "Exclusion", "Manifest", "make_manifest"]

# Labels have the type that their values have.
_DTYPES: dict[str, Any] = {
    **dict.fromkeys(("start", "end"), "float64"),
    **dict.fromkeys(("speaker", "session", "split", "gender", "language"), "string"),
}


@dataclass(frozen=True)
class Exclusion:
    """An utterance that is left out, and why: counted and recorded, never silent."""

    utterance: str
    reason: str  # a word of the audit's vocabulary; those of readers are in columns.REASONS
    detail: str = ""


@dataclass(frozen=True)
class Manifest:
    """The utterances of one corpus.

    Attributes:
        corpus: the corpus id.
        root: the folder that ``path`` is relative to.
        frame: one row per utterance: the columns of :data:`FIXED_COLUMNS`, one column per label
            of the corpus card (strings for classes, floats for numbers, missing where an utterance
            has no such label), and ``transcript`` where the corpus has one.
        excluded: what the label files list and the manifest leaves out.
    """

    corpus: str
    root: Path
    frame: pd.DataFrame
    excluded: tuple[Exclusion, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def labels(self) -> list[str]:
        """The label columns."""
        return [c for c in self.frame.columns if c not in (*FIXED_COLUMNS, "transcript")]

    def where(self, conditions: dict[str, tuple[str, ...]]) -> "Manifest":
        """The rows whose columns hold one of the given values.

        Raises:
            CorpusError: a column does not exist.
        """
        frame = self.frame
        for column, values in conditions.items():
            if column not in frame.columns:
                raise CorpusError(
                    f"{self.corpus}: where: no column {column!r}; it has "
                    f"{', '.join(map(str, frame.columns))}."
                )
            frame = frame.loc[frame[column].isin(list(values))]
        return replace(self, frame=frame.reset_index(drop=True))


def make_manifest(
    corpus: str, root: Path, rows: list[dict[str, object]], excluded: list[Exclusion]
) -> Manifest:
    """Build a manifest from a reader's rows: sorted by utterance, typed, checked.

    A row needs ``utterance`` and ``path``; other fixed columns may be absent. A second row for an
    utterance is excluded as ``duplicate-row``.

    Raises:
        CorpusError: there are no rows, or a path is absolute or leaves the root.
    """
    if not rows:
        raise CorpusError(_nothing(corpus, root, excluded))
    seen: dict[str, dict[str, object]] = {}
    dropped = list(excluded)
    for row in rows:
        utterance = str(row["utterance"])
        if utterance in seen:
            dropped.append(Exclusion(utterance, "duplicate-row", str(row["path"])))
            continue
        path = PurePosixPath(str(row["path"]))
        if path.is_absolute() or ".." in path.parts:
            raise CorpusError(f"{corpus}: {utterance}: the path {str(path)!r} leaves the root.")
        seen[utterance] = {**row, "utterance": utterance, "path": str(path)}
    ordered = list(seen.values())
    others = dict.fromkeys(name for row in ordered for name in row if name not in FIXED_COLUMNS)
    frame = pd.DataFrame(
        {
            name: pd.Series([row.get(name) for row in ordered], dtype=_DTYPES.get(name))
            for name in (*FIXED_COLUMNS, *others)
        }
    )
    return _sorted(corpus, root, frame, dropped)


def manifest_of_frame(
    corpus: str, root: Path, frame: pd.DataFrame, excluded: list[Exclusion]
) -> Manifest:
    """Build a manifest from a table with all of the fixed columns, one row per utterance.

    Raises:
        CorpusError: there are no rows, or a path is absolute or leaves the root.
    """
    if frame.empty:
        raise CorpusError(_nothing(corpus, root, excluded))
    paths = frame["path"].astype("string")
    wrong = paths.str.startswith("/") | paths.str.contains(r"(?:^|/)\.\.(?:/|$)")
    if wrong.any():
        name, path = frame.loc[wrong, ["utterance", "path"]].iloc[0]
        raise CorpusError(f"{corpus}: {name}: the path {path!r} leaves the root.")
    others = [name for name in frame.columns if name not in FIXED_COLUMNS]
    typed = pd.DataFrame(
        {
            name: frame[name].astype(_DTYPES[name]) if name in _DTYPES else frame[name]
            for name in (*FIXED_COLUMNS, *others)
        }
    )
    return _sorted(corpus, root, typed, excluded)


def _sorted(corpus: str, root: Path, frame: pd.DataFrame, excluded: list[Exclusion]) -> Manifest:
    frame = frame.sort_values("utterance", ignore_index=True)
    return Manifest(corpus, root, frame, tuple(excluded))


def _nothing(corpus: str, root: Path, excluded: list[Exclusion]) -> str:
    if not excluded:
        return (
            f"{corpus}: no utterance found under {root}; is it the folder as the owners "
            "distribute it, and not one level too high or too deep?"
        )
    counts = Counter(one.reason for one in excluded)
    first = {one.reason: one for one in reversed(excluded)}
    listed = "; ".join(
        f"{reason} {counts[reason]}, such as {first[reason].utterance}"
        + (f" ({first[reason].detail})" if first[reason].detail else "")
        for reason in sorted(counts)
    )
    return f"{corpus}: nothing under {root} can be used; everything was left out: {listed}."
