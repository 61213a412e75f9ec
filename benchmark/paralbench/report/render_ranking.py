"""A ranking as a terminal table, CSV, Markdown or JSON."""

import json
from typing import TYPE_CHECKING, Any

import pandas as pd

from paralbench.errors import ParalbenchError
from paralbench.report.ranking import Ranking
from paralbench.report.render import FORMATS, markdown_table
from paralbench.statistics.ranking import LEVEL
from paralbench.tables import frames

if TYPE_CHECKING:
    from rich.console import RenderableType

HEADS = ["upstream", "place", "without one task", "group", "mean rank", "win rate", "Borda"]
HEADS += ["skill", "first is better", "best in", "tied in"]


def lines(ranking: Ranking) -> list[list[str]]:
    """The cells of a table under :data:`HEADS`, best first.

    ``first is better`` is the probability that the first upstream is, by more than the rope.
    """
    pairs = frames.records(ranking.pairs)
    top = {pair["second"]: pair["probability_first"] for pair in pairs[: len(ranking.frame) - 1]}
    found = []
    for row in frames.records(ranking.frame):
        best, worst, skill = row["best_place"], row["worst_place"], row["skill"]
        found.append(
            [
                row["upstream"],
                str(row["place"]),
                str(best) if best == worst else f"{best} to {worst}",
                str(row["group"]),
                f"{row['mean_rank']:.2f}",
                f"{row['win_rate']:.2f}",
                f"{row['borda']:g}",
                _or_dash(skill, 3),
                _or_dash(top.get(row["upstream"]), 2),
                str(row["best_in"]),
                str(row["tied_in"]),
            ]
        )
    return found


def _or_dash(value: float | None, digits: int) -> str:
    return "-" if value is None or pd.isna(value) else f"{value:.{digits}f}"


def sentences(ranking: Ranking) -> list[str]:
    """What is to be said beside the table."""
    if not ranking.columns:
        return list(ranking.notes)
    said = [f"Ranked over {len(ranking.columns)}: {', '.join(ranking.columns)}."]
    test = ranking.friedman
    if test.p_value is None:
        said.append(f"Friedman's test: none: {test.reason}.")
    else:
        said.append(
            f"Friedman's test of equal ranks: chi squared {test.statistic:.2f}, "
            f"p = {test.p_value:.3g}."
        )
    said += [f"Not told apart: {', '.join(names)}." for names in ranking.cliques]
    different = sum(pair["different"] for pair in frames.records(ranking.pairs))
    said.append(
        f"{different} of {len(ranking.pairs)} pairs of upstreams differ (Wilcoxon's signed-rank "
        f"test on skills, corrected by Holm, at {100 * LEVEL:g} %)."
    )
    said.append(
        "Skill is the share of the way from chance to perfect; the first is better by the Bayesian "
        f"signed-rank test if by more than {ranking.rope:g} of it."
    )
    return [*said, *ranking.notes]


def markdown(ranking: Ranking) -> str:
    """A GitHub-flavoured table with its title and notes."""
    return markdown_table(ranking.title, HEADS, lines(ranking), sentences(ranking))


def terminal(ranking: Ranking) -> "RenderableType":
    """A rich table with what is to be said beneath."""
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(title=ranking.title, title_justify="left", box=box.SIMPLE_HEAD)
    for index, head in enumerate(HEADS):
        table.add_column(Text(head), justify="left" if index == 0 else "right")
    for line in lines(ranking):
        table.add_row(*map(Text, line))
    return Group(table, *(Text(f"  {text}", style="dim") for text in sentences(ranking)))


def data(ranking: Ranking) -> dict[str, Any]:
    """All of it as plain data."""
    ranks = ranking.ranks
    return {
        "title": ranking.title,
        "columns": list(ranking.columns),
        "upstreams": [
            {
                **row,
                "ranks": {column: float(ranks.loc[row["upstream"], column]) for column in ranks},
            }
            for row in _records(ranking.frame)
        ],
        "pairs": _records(ranking.pairs),
        "cliques": [list(names) for names in ranking.cliques],
        "friedman": {
            "statistic": ranking.friedman.statistic,
            "p_value": ranking.friedman.p_value,
            "reason": ranking.friedman.reason,
        },
        "rope": ranking.rope,
        "missing": [
            {"upstream": upstream, "column": column, "reason": reason}
            for (upstream, column), reason in sorted(ranking.missing.items())
        ],
        "notes": list(ranking.notes),
    }


def render(ranking: Ranking, format: str) -> str:
    """A ranking as text in one of :data:`paralbench.report.render.FORMATS` but ``table``.

    Raises:
        ParalbenchError: an unknown format.
    """
    if format == "csv":
        ranks = ranking.ranks.add_prefix("rank ").reset_index(drop=True)
        return pd.concat([ranking.frame, ranks], axis="columns").to_csv(index=False)
    if format == "markdown":
        return markdown(ranking) + "\n"
    if format == "json":
        return json.dumps(data(ranking), indent=1, ensure_ascii=False) + "\n"
    raise ParalbenchError(f"format: {format!r} is not allowed. Allowed: {', '.join(FORMATS)}.")


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return json.loads(frame.to_json(orient="records", double_precision=15) or "[]")
