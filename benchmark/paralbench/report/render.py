"""A leaderboard as a terminal table, CSV, Markdown or JSON."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from paralbench.errors import ParalbenchError
from paralbench.report.efficiency import Efficiency
from paralbench.report.leaderboard import Leaderboard, Score

if TYPE_CHECKING:
    from rich.console import RenderableType

FORMATS = ("table", "csv", "markdown", "json")
BOARD_FORMATS = (*FORMATS, "latex")

Board = Leaderboard | Efficiency


def cell_text(score: Score | None) -> str:
    """A score with its mark and interval, or a dash: ``.612* [.540, .684]``.

    The best of a column is marked ``*``, one that is not told apart from it ``≈``.
    """
    if score is None:
        return "-"
    value = _number(score.value) + ("*" if score.best else "≈" if score.tied else "")
    if score.low is None or score.high is None:
        return value
    return f"{value} [{_number(score.low)}, {_number(score.high)}]"


def _number(value: float) -> str:
    text = f"{value:.3f}" if abs(value) < 10 else f"{value:.2f}"
    return text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text


def grid(board: Board, *, pairs_as_rows: bool = False) -> tuple[list[str], list[list[str]]]:
    """Headings and rows of text; with ``pairs_as_rows`` upstreams become the columns."""
    if isinstance(board, Efficiency):
        return board.grid()
    if pairs_as_rows:
        heads = ["train -> test", "chance", *board.rows]
        lines = [
            [
                heading,
                "-" if chance is None else _number(chance),
                *(cell_text(scores.get(column)) for scores in board.rows.values()),
            ]
            for column, (heading, chance) in board.columns.items()
        ]
        return heads, lines
    heads = ["upstream", *(heading for heading, _ in board.columns.values()), "mean rank"]
    lines = []
    for name, scores in board.rows.items():
        rank = board.mean_rank.get(name)
        cells = [cell_text(scores.get(column)) for column in board.columns]
        lines.append([name, *cells, "" if rank is None else f"{rank:.1f}"])
    chances = ["-" if c is None else _number(c) for _, c in board.columns.values()]
    lines.append(["(chance)", *chances, ""])
    return heads, lines


def markdown(board: Board, *, pairs_as_rows: bool = False) -> str:
    """A GitHub-flavoured table with its title and notes."""
    heads, lines = grid(board, pairs_as_rows=pairs_as_rows)
    return markdown_table(board.title, heads, lines, board.notes)


def markdown_table(
    title: str, heads: Sequence[str], lines: Sequence[Sequence[str]], notes: Sequence[str]
) -> str:
    """A GitHub-flavoured table between its title and its notes, all given as plain text."""
    out = [f"**{title}**", "", _md_row(heads)]
    out.append("|" + "|".join(["---"] + ["---:"] * (len(heads) - 1)) + "|")
    out += [_md_row(line) for line in lines]
    if notes:
        out += ["", *(f"- {_escape(note)}" for note in notes)]
    return "\n".join(out)


def _md_row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(_escape(cell) for cell in cells) + " |"


def _escape(text: str) -> str:
    for mark in ("\\", "|", "*"):
        text = text.replace(mark, f"\\{mark}")
    return text.replace("<", "&lt;")


def terminal(board: Board, *, pairs_as_rows: bool = False) -> "RenderableType":
    """A rich table with the notes beneath."""
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    heads, lines = grid(board, pairs_as_rows=pairs_as_rows)
    table = Table(title=board.title, title_justify="left", box=box.SIMPLE_HEAD)
    for index, head in enumerate(heads):
        table.add_column(Text(head), justify="left" if index == 0 else "right")
    for line in lines:
        style = "dim" if line[0].startswith("(") else None
        table.add_row(*(Text(cell) for cell in line), style=style)
    notes = [Text(f"  {note}", style="dim") for note in board.notes]
    return Group(table, *notes)


def render(boards: Sequence[Board], format: str) -> str:
    """All boards as text in one of :data:`BOARD_FORMATS` but ``table``.

    Raises:
        ParalbenchError: an unknown format.
    """
    if format == "csv":
        import pandas as pd

        frames = [board.frame().assign(table=board.title) for board in boards]
        return pd.concat(frames, ignore_index=True).to_csv(index=False) if frames else ""
    if format == "markdown":
        texts = [markdown(b, pairs_as_rows=b.title.startswith("Transfer")) for b in boards]
        return "\n\n".join(texts) + "\n"
    if format == "latex":
        from paralbench.report.latex import latex

        texts = [latex(b, pairs_as_rows=b.title.startswith("Transfer")) for b in boards]
        return "\n\n".join(texts) + "\n"
    if format == "json":
        data = [
            {
                "title": board.title,
                "notes": list(board.notes),
                "rows": json.loads(board.frame().to_json(orient="records") or "[]"),
            }
            for board in boards
        ]
        return json.dumps(data, indent=1, ensure_ascii=False) + "\n"
    raise ParalbenchError(
        f"format: {format!r} is not allowed. Allowed: {', '.join(BOARD_FORMATS)}."
    )
