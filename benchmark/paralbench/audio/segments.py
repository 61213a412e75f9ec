"""What is asked of the audio cache: an utterance is a file or a part of one."""

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from paralbench.errors import AudioError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Segment:
    """One utterance.

    Attributes:
        utterance: its id.
        path: the file, relative to the corpus root, with forward slashes. Symbolic links are
            followed wherever they lead; people link large corpora.
        start: seconds; None: from the beginning.
        end: seconds; None: to the end.
    """

    utterance: str
    path: str
    start: float | None = None
    end: float | None = None

    def __post_init__(self):
        parts = PurePosixPath(self.path)
        if parts.is_absolute() or ".." in parts.parts:
            raise AudioError(
                f"{self.utterance}: the path {self.path!r} leaves the corpus root; it must be "
                "relative to the root and without '..'."
            )
        object.__setattr__(self, "start", _seconds(self.start))
        object.__setattr__(self, "end", _seconds(self.end))


def segments_of(frame: "pd.DataFrame") -> list[Segment]:
    """The rows of a manifest (``utterance, path, start, end``) as segments, in order."""
    columns = (
        frame["utterance"].astype(str),
        frame["path"].astype(str),
        frame["start"].astype("float64"),
        frame["end"].astype("float64"),
    )
    return [Segment(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]


def _seconds(value: float | None) -> float | None:
    """A plain float; tables say "not given" with NaN."""
    return None if value is None or value != value else float(value)
