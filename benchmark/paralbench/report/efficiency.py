"""What the upstreams of a run cost: a small table beneath its leaderboard."""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from paralbench.report.figures.costs import parameters, speed
from paralbench.report.reading import Frame, Run
from paralbench.tables import frames

TITLE = "Efficiency: encoding on this run's machine"
_NONE = "-"


@dataclass(frozen=True)
class Column:
    """A column: its id, its heading, and how a value is written."""

    id: str
    heading: str
    text: Callable[[float], str]


def _digits(value: float) -> str:
    """Three digits, or all before the point."""
    return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"


def _count(value: float) -> str:
    """In millions (M) or billions (B) where it is large."""
    for unit, factor in (("B", 1e9), ("M", 1e6)):
        if value >= factor:
            return f"{value / factor:.3g} {unit}"
    return f"{value:.0f}"


COLUMNS = (
    Column("x_real_time", "x real time ↑", _digits),
    Column("parameters", "parameters", _count),
    Column("gflops", "GFLOP per second of audio", _digits),
    Column("share_of_device", "share of the device's rate ↑", lambda share: f"{100 * share:.2g} %"),
    Column("peak_memory_bytes", "peak memory", lambda size: f"{size / 1e9:.2f} GB"),
    Column("joules", "J per second of audio", _digits),
)


@dataclass(frozen=True)
class Efficiency:
    """Costs by upstream.

    Attributes:
        title: what it shows.
        rows: ``name, device, precision`` and the columns of :data:`COLUMNS`, the fastest first.
        notes: what a reader has to know.
    """

    title: str
    rows: Frame
    notes: tuple[str, ...]

    @property
    def columns(self) -> tuple[Column, ...]:
        """Those of which something is known."""
        return tuple(one for one in COLUMNS if self.rows[one.id].notna().any())

    def grid(self) -> tuple[list[str], list[list[str]]]:
        """Headings and rows of text."""
        heads = ["upstream", *(one.heading for one in self.columns), "device", "precision"]
        lines = [
            [
                row["name"],
                *(_NONE if pd.isna(row[one.id]) else one.text(row[one.id]) for one in self.columns),
                row["device"] or _NONE,
                row["precision"] or _NONE,
            ]
            for row in frames.records(self.rows)
        ]
        return heads, lines

    def frame(self) -> pd.DataFrame:
        """The same as a tidy frame: a row per upstream and column, in plain units."""
        return pd.DataFrame(
            [
                {
                    "upstream": row["name"],
                    "column": one.id,
                    "heading": one.heading,
                    "value": float(row[one.id]),
                    "device": row["device"],
                    "precision": row["precision"],
                }
                for row in frames.records(self.rows)
                for one in self.columns
                if not pd.isna(row[one.id])
            ]
        )


def efficiency(run: Run) -> Efficiency:
    """What the upstreams of a run cost, each in the way that most of its audio was encoded.

    An upstream whose features were in the store before has no time, for it took none in this run.
    """
    main = speed(run).sort_values("audio_seconds", ascending=False).drop_duplicates("name")
    counted = parameters(run)
    names = pd.DataFrame({"name": run.upstreams, "parameters": map(counted.get, run.upstreams)})
    rows = names.astype({"parameters": float}).merge(main, on="name", how="left")
    rows = rows.sort_values(["x_real_time", "name"], ascending=[False, True], ignore_index=True)
    text = ["device", "precision"]
    rows[text] = rows[text].astype(object).where(rows[text].notna(), None)
    idle = sorted(rows["name"][rows["x_real_time"].isna()])
    notes = [
        "Times hold loading, reading and pooling too; they compare upstreams of one run, not two "
        "machines. Operations are of each clip alone, a multiply-add counting 2."
    ]
    if idle:
        notes.append(f"Not timed, their features were in the store: {', '.join(idle)}.")
    if len(rows["joules"].dropna()):
        notes.append("Energy is of the GPU alone, or of the processors with all that ran on them.")
    return Efficiency(TITLE, rows, tuple(notes))
