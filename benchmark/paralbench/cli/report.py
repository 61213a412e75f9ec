"""``report``, ``plot``, ``compare`` and ``site``: pages and figures of a run."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from paralbench.cli.results import RunArgument
from paralbench.errors import ParalbenchError
from paralbench.report.plots.kinds import ABOUT, WIDTHS

KindArgument = Annotated[str, typer.Argument(help="; ".join(f"{k}: {v}" for k, v in ABOUT.items()))]


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("report")(report)
    app.command("plot")(plot)
    app.command("compare")(compare)
    app.command("site")(site)


def report(
    run: RunArgument,
    out: Annotated[
        Path | None, typer.Option(help="The HTML file; report.html in the run's folder without it.")
    ] = None,
) -> None:
    """Write a run's report: one HTML file that needs no network."""
    from paralbench.report.page import write_page

    print(write_page(run, out or run / "report.html"))


def plot(
    run: RunArgument,
    kind: KindArgument,
    out: Annotated[Path, typer.Option(help="The file; its ending says pdf, svg or png.")],
    task: Annotated[
        str | None, typer.Option(help="A task, a harmonised label, or a transfer.")
    ] = None,
    upstream: Annotated[str | None, typer.Option(help="Of plots of one upstream.")] = None,
    probe: Annotated[
        str | None, typer.Option(help="Recipe; with 'paralbench, speaker-normalised' normalised.")
    ] = None,
    cost: Annotated[str, typer.Option(help="real-time, flops or parameters")] = "real-time",
    width: Annotated[
        str | None, typer.Option(help=f"{', '.join(WIDTHS)}, or inches; by kind without it.")
    ] = None,
) -> None:
    """Draw a figure of a run for a paper."""
    from paralbench.report.plots.draw import draw
    from paralbench.report.plots.options import Options

    options = Options(width=_inches(width), task=task, upstream=upstream, probe=probe, cost=cost)
    print(draw(run, kind, out, options))


def _inches(text: str | None) -> float | None:
    if text is None or text in WIDTHS:
        return WIDTHS.get(text or "")
    try:
        inches = float(text)
    except ValueError:
        inches = 0.0
    if not 1 <= inches <= 40:
        raise ParalbenchError(
            f"--width: {text!r} is not allowed; {', '.join(WIDTHS)}, or 1 to 40 inches."
        )
    return inches


def compare(
    first: Annotated[Path, typer.Argument(help="A run folder, the one that was before.")],
    second: Annotated[Path, typer.Argument(help="Another, or a CSV file of published figures.")],
    format: Annotated[str, typer.Option(help="table, csv, markdown or json")] = "table",
    every: Annotated[bool, typer.Option("--all-metrics", help="Not the first one alone.")] = False,
) -> None:
    """What changed between two runs, or how a run compares with published figures."""
    from paralbench.report.compare import compare_runs
    from paralbench.report.reference import compare_reference
    from paralbench.report.render import FORMATS
    from paralbench.report.render_compare import render, terminal

    if format not in FORMATS:
        raise ParalbenchError(
            f"--format: {format!r} is not allowed. Allowed: {', '.join(FORMATS)}."
        )
    if second.suffix == ".csv":
        changes = compare_reference(first, second)
    else:
        changes = compare_runs(first, second, every=every)
    if format != "table":
        sys.stdout.write(render(changes, format))
        return
    from rich.console import Console

    console = Console() if sys.stdout.isatty() else Console(width=180)
    console.print(terminal(changes))


def site(
    results: Annotated[Path, typer.Argument(help="The folder that holds published runs.")],
    out: Annotated[Path, typer.Option(help="Where the pages go.")],
) -> None:
    """Write a page for every published run, and an index of them."""
    from paralbench.report.site import write_site

    for file in write_site(results, out):
        print(file)
