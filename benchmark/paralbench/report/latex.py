"""A leaderboard as a LaTeX table for a paper, with the rules of the package booktabs."""

import re
from collections.abc import Sequence

from paralbench.report.leaderboard import Leaderboard, Score
from paralbench.report.render import Board, cell_text, grid

ESCAPES = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "→": r"$\rightarrow$",
    "≈": r"$\approx$",
    "|": r"\textbar{}",
}
MARKS = "Bold is the best of its column, underlined what is not told apart from it."


def latex(board: Board, *, pairs_as_rows: bool = False) -> str:
    r"""A ``table*`` with ``\toprule``, ``\midrule`` and ``\bottomrule``; needs booktabs.

    The best score of a column is bold, those that are not told apart from it are underlined, and
    intervals are small. The notes are comments.

    Args:
        board: the leaderboard, a transfer table, or what upstreams cost.
        pairs_as_rows: pairs of corpora down, upstreams across.
    """
    heads, lines = grid(board, pairs_as_rows=pairs_as_rows)
    scores = _scores(board, pairs_as_rows) if isinstance(board, Leaderboard) else {}
    body = [
        _row([_cell(text, scores.get((i, j))) for j, text in enumerate(line)])
        for i, line in enumerate(lines)
    ]
    marked = any(score.best or score.tied for score in scores.values())
    caption = escape(board.title) + (f". {MARKS}" if marked else "")
    out = [
        r"\begin{table*}[t]",
        r"\centering\small",
        rf"\caption{{{caption}}}",
        rf"\begin{{tabular}}{{l{'r' * (len(heads) - 1)}}}",
        r"\toprule",
        _row([escape(head) for head in heads]),
        r"\midrule",
        *_with_rule(body, lines),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table*}",
        *(f"% {line}" for note in board.notes for line in note.splitlines()),
    ]
    return "\n".join(out) + "\n"


def escape(text: str) -> str:
    """A text in which nothing means anything to LaTeX."""
    pattern = "|".join(map(re.escape, ESCAPES))
    return re.sub(pattern, lambda found: ESCAPES[found.group()], " ".join(text.split()))


def _scores(board: Leaderboard, pairs_as_rows: bool) -> dict[tuple[int, int], Score]:
    """The score in each field of :func:`grid`, by line and column."""
    found = {}
    for i, scores in enumerate(board.rows.values()):
        for j, column in enumerate(board.columns):
            if column in scores:
                # In front of pairs stand their name and chance, in front of tasks the upstream.
                found[(j, i + 2) if pairs_as_rows else (i, j + 1)] = scores[column]
    return found


def _cell(text: str, score: Score | None) -> str:
    if score is None:
        return escape(text)
    value, _, interval = cell_text(score).partition(" ")
    value = escape(value.rstrip("*≈"))
    if score.best:
        value = rf"\textbf{{{value}}}"
    elif score.tied:
        value = rf"\underline{{{value}}}"
    return rf"{value} {{\scriptsize {escape(interval)}}}" if interval else value


def _with_rule(body: Sequence[str], lines: Sequence[Sequence[str]]) -> list[str]:
    """A thin rule above the floors and chance, which stand in brackets."""
    found = []
    for index, (row, line) in enumerate(zip(body, lines, strict=True)):
        if index and line[0].startswith("(") and not lines[index - 1][0].startswith("("):
            found.append(r"\midrule")
        found.append(row)
    return found


def _row(cells: Sequence[str]) -> str:
    return " & ".join(cells) + r" \\"
