"""The manifest: one row per utterance, whatever the corpus looks like on disk."""

from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

import pandas as pd

from paralbench.errors import CorpusError

FIXED_COLUMNS = (
    "utterance",  # unique within the corpus, stable across machines
    "path",  # relative to the root, with forward slashes
    "start",  # seconds; missing: from the beginning
    "end",  # seconds; missing: to the end
    "speaker",  # missing where the corpus does not say
    "session",
    "split",  # train, development, test; missing where the owners give none
    "gender",  # female, male; missing where unknown
    "language",  # ISO 639 code
)


@dataclass(frozen=True)
class Exclusion:
    """An utterance that is left out, and why: counted and recorded, never silent."""

    utterance: str
    reason: str  # a word of the audit's vocabulary, such as "missing", "silent", "duplicate-row"
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
            frame = frame[frame[column].isin(values)]
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
        raise CorpusError(
            f"{corpus}: no utterance found under {root}; is it the folder as the owners "
            "distribute it, and not one level too high or too deep?"
        )
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
    frame = pd.DataFrame([seen[key] for key in sorted(seen)])
    for column in FIXED_COLUMNS:
        if column not in frame.columns:
            frame[column] = None
    others = [column for column in frame.columns if column not in FIXED_COLUMNS]
    frame = frame[[*FIXED_COLUMNS, *others]]
    for column in ("start", "end"):
        frame[column] = pd.to_numeric(frame[column]).astype("float64")
    for column in ("speaker", "session", "split", "gender", "language"):
        frame[column] = frame[column].astype("string")
    return Manifest(corpus, root, frame.reset_index(drop=True), tuple(dropped))
