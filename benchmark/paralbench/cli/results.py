"""``leaderboard`` and ``export``: reading a run folder."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from paralbench.errors import ParalbenchError

if TYPE_CHECKING:
    from paralbench.report.render import Board

RunArgument = Annotated[Path, typer.Argument(help="A run folder, or a folder of tables.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("leaderboard")(leaderboard)
    app.command("export")(export)


def leaderboard(
    run: RunArgument,
    format: Annotated[str, typer.Option(help="table, csv, markdown, latex or json")] = "table",
    recipe: Annotated[str, typer.Option(help="Which probe recipe.")] = "paralbench",
    normalisation: Annotated[str, typer.Option(help="none or speaker")] = "none",
    efficiency: Annotated[
        bool, typer.Option("--efficiency", help="Also what the upstreams cost, beneath.")
    ] = False,
    into: Annotated[
        Path | None,
        typer.Option(help="Put it, as Markdown, between this file's leaderboard marks instead."),
    ] = None,
) -> None:
    """Print the leaderboard and the transfer tables of a run."""
    if into is None:
        show(run, format, recipe, normalisation, efficiency=efficiency)
        return
    from paralbench.report.render import render
    from paralbench.report.splice import splice

    boards, skipped = _boards(run, recipe, normalisation, efficiency)
    lines = [f"- skipped: {line.splitlines()[0]}" for line in skipped]
    splice(into, render(boards, "markdown") + "\n".join(["", *lines]))


def show(
    run: Path,
    format: str,
    recipe: str = "paralbench",
    normalisation: str = "none",
    *,
    efficiency: bool = False,
) -> None:
    """Print a run's leaderboard in one of the formats.

    Raises:
        ParalbenchError: no run there, an unknown format, or nothing of that recipe.
    """
    from paralbench.report.render import BOARD_FORMATS, render, terminal

    if format not in BOARD_FORMATS:
        raise ParalbenchError(
            f"--format: {format!r} is not allowed. Allowed: {', '.join(BOARD_FORMATS)}."
        )
    boards, skipped = _boards(run, recipe, normalisation, efficiency)
    if format != "table":
        sys.stdout.write(render(boards, format))
        return
    from rich.console import Console

    # A pipe has no width of its own; wide enough that no number is cut.
    console = Console() if sys.stdout.isatty() else Console(width=180)
    for board in boards:
        console.print(terminal(board, pairs_as_rows=board.title.startswith("Transfer")))
    for line in skipped:
        console.print(f"skipped: {line.splitlines()[0]}", style="dim", markup=False)


def _boards(
    run: Path, recipe: str, normalisation: str, costs: bool
) -> "tuple[list[Board], tuple[str, ...]]":
    from paralbench.report.efficiency import efficiency
    from paralbench.report.generalisation import generalisation_tables
    from paralbench.report.leaderboard import RunTables
    from paralbench.report.leaderboard import leaderboard as make
    from paralbench.report.reading import Run
    from paralbench.report.transfer import transfer_tables
    from paralbench.tables import RunFolder

    tables = RunTables.read(RunFolder(run))
    boards = [make(tables, recipe=recipe, normalisation=normalisation)]
    boards += transfer_tables(tables, recipe=recipe, normalisation=normalisation)
    boards += generalisation_tables(tables, recipe=recipe, normalisation=normalisation)
    found: list[Board] = [board for board in boards if board.rows or board.notes]
    if not found:
        raise ParalbenchError(f"{run}: no scores of recipe {recipe!r}, {normalisation!r}.")
    return [*found, efficiency(Run.open(run))] if costs else found, tables.skipped


def export(
    run: RunArgument,
    out: Annotated[Path, typer.Option(help="The folder to write NAME.parquet and NAME.csv to.")],
    tables: Annotated[str | None, typer.Option(help="Comma-separated; all without it.")] = None,
) -> None:
    """Write each table of a run as one Parquet and one CSV file."""
    from paralbench.cli.options import words
    from paralbench.errors import UnknownNameError
    from paralbench.tables import TABLES, RunFolder

    names = words(tables) or tuple(TABLES)
    for name in names:
        if name not in TABLES:
            raise UnknownNameError("table", name, tuple(TABLES))
    for file in RunFolder(run).publish(out, names):
        print(file)
