"""Two runs side by side as a terminal table, CSV, Markdown or JSON."""

import json
from typing import TYPE_CHECKING, Any

from paralbench.errors import ParalbenchError
from paralbench.report.compare import Changes
from paralbench.report.figures.numbers import number, with_interval
from paralbench.report.render import FORMATS
from paralbench.tables import frames

if TYPE_CHECKING:
    from rich.console import RenderableType

HEADS = ["what", "upstream", "probe", "metric", "first", "second", "difference", "p (Holm)"]
HEADS += ["verdict", "changed, or why"]


def summary(changes: Changes) -> str:
    """The verdicts, counted: ``3 better, 1 worse, 12 equal``."""
    counts = changes.frame["verdict"].value_counts()
    return ", ".join(f"{count} {verdict}" for verdict, count in counts.items()) or "no scores"


def lines(changes: Changes) -> list[list[str]]:
    """The cells of a table under :data:`HEADS`."""
    return [
        [
            row["what"],
            row["upstream"],
            _probe(row),
            row["metric"],
            number(row["first"]),
            number(row["second"]),
            with_interval(row["difference"], row["low"], row["high"]),
            _p(row["p_holm"]),
            row["verdict"],
            "; ".join(one for one in (row["changed"], row["reason"]) if one and one == one),
        ]
        for row in frames.records(changes.frame)
    ]


def _probe(row: dict[str, Any]) -> str:
    if not isinstance(row["probe"], str):
        return ""
    layer = row["layer"]
    return row["probe"] if layer in ("mix", "chosen") else f"{row['probe']}, layer {layer}"


def _p(value: float | None) -> str:
    if value is None or value != value:
        return ""
    return "< .001" if value < 0.001 else number(value)


def render(changes: Changes, format: str) -> str:
    """Text in one of ``csv``, ``markdown`` and ``json``.

    Raises:
        ParalbenchError: an unknown format.
    """
    if format == "csv":
        return changes.frame.to_csv(index=False)
    if format == "json":
        rows = json.loads(changes.frame.to_json(orient="records"))
        data = {"first": changes.first, "second": changes.second, "notes": list(changes.notes)}
        return json.dumps({**data, "rows": rows}, indent=1, ensure_ascii=False) + "\n"
    if format == "markdown":
        from paralbench.report.render import markdown_table

        notes = [summary(changes) + ".", *changes.notes]
        return markdown_table(_title(changes), HEADS, lines(changes), notes) + "\n"
    raise ParalbenchError(f"format: {format!r} is not allowed. Allowed: {', '.join(FORMATS)}.")


def terminal(changes: Changes) -> "RenderableType":
    """A rich table of what is not equal, with a summary beneath."""
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(title=_title(changes), title_justify="left", box=box.SIMPLE_HEAD)
    for head in HEADS:
        right = head in ("first", "second", "difference", "p (Holm)")
        table.add_column(Text(head), justify="right" if right else "left")
    for line in lines(changes):
        if line[8] != "equal":
            dim = "dim" if line[8] == "not told apart" else None
            table.add_row(*(Text(cell) for cell in line), style=dim)
    notes = [Text(f"  {note}", style="dim") for note in (summary(changes), *changes.notes)]
    return Group(table, *notes)


def _title(changes: Changes) -> str:
    return f"{changes.first} (first) and {changes.second} (second)"
