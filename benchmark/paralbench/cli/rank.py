"""``rank``: upstreams across tasks."""

import sys
from typing import Annotated

import typer

from paralbench.cli.results import RunArgument
from paralbench.errors import ParalbenchError

SETTINGS = ("within", "pair", "leave-one-corpus-out", "pooled")


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("rank")(rank)


def rank(
    run: RunArgument,
    format: Annotated[str, typer.Option(help="table, csv, markdown or json")] = "table",
    recipe: Annotated[str, typer.Option(help="Which probe recipe.")] = "paralbench",
    normalisation: Annotated[str, typer.Option(help="none or speaker")] = "none",
    setting: Annotated[str, typer.Option(help=", ".join(SETTINGS))] = "within",
    label: Annotated[
        str | None, typer.Option(help="Rank by one task or harmonised label alone.")
    ] = None,
    upstreams: Annotated[str | None, typer.Option(help="Comma-separated; all without it.")] = None,
) -> None:
    """Rank the upstreams of a run across tasks, and say what the tasks can tell apart."""
    from paralbench.cli.options import words
    from paralbench.report import ranking
    from paralbench.report.render import FORMATS
    from paralbench.report.render_ranking import render, terminal
    from paralbench.report.run_tables import RunTables
    from paralbench.tables import RunFolder

    for option, value, allowed in (
        ("--format", format, FORMATS),
        ("--setting", setting, SETTINGS),
    ):
        if value not in allowed:
            raise ParalbenchError(
                f"{option}: {value!r} is not allowed. Allowed: {', '.join(allowed)}."
            )
    found = ranking.rank(
        RunTables.read(RunFolder(run)),
        setting=setting,
        recipe=recipe,
        normalisation=normalisation,
        label=label,
        upstreams=words(upstreams),
    )
    if format != "table":
        sys.stdout.write(render(found, format))
        return
    from rich.console import Console

    console = Console() if sys.stdout.isatty() else Console(width=180)
    console.print(terminal(found))
