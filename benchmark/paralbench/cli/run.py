"""``run``, ``transfer`` and ``demo``."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from paralbench.cards.task import ProtocolName
from paralbench.cli.options import (
    AddressOption,
    CardsOption,
    DevicesOption,
    ExecutorOption,
    JsonOption,
    RootOption,
    StoreOption,
    WeightsOption,
    assignments,
    catalogue,
    numbers,
    words,
)
from paralbench.errors import ParalbenchError
from paralbench.features.precision import PRECISIONS

if TYPE_CHECKING:
    from paralbench.cards import Catalogue
    from paralbench.runner.progress import Progress
    from paralbench.runner.request import Request

Ids = typer.Option(help="Comma-separated ids; see `paralbench list`.")
UpstreamsOption = Annotated[str | None, Ids]
OutOption = Annotated[Path, typer.Option(help="The run folder; an existing one is gone on with.")]
DeviceOption = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps")]
PrecisionOption = Annotated[str, typer.Option(help=f"auto (fp32), {', '.join(PRECISIONS)}")]
BackendOption = Annotated[
    str, typer.Option(help="torch; openvino: the same features sooner, on a CPU in fp32.")
]
CompileOption = Annotated[
    str,
    typer.Option(
        "--compile", help="auto (on a GPU that has long to work), yes, no: torch's compiler."
    ),
]
RecipesOption = Annotated[str | None, typer.Option(help="Comma-separated; `list probes`.")]
NormalisationsOption = Annotated[
    str | None,
    typer.Option(
        help="none; transductive: speaker, and across corpora corpus, coral; comma-separated."
    ),
]
ProtocolsOption = Annotated[
    str | None,
    typer.Option(help=f"Of transfer: {', '.join(get_args(ProtocolName))}; comma-separated."),
]
LimitOption = Annotated[
    int | None, typer.Option(help="At most so many utterances of each corpus.", min=2)
]
SeedOption = Annotated[int | None, typer.Option(help="Seed of samples, splits and resamples.")]
SeedsOption = Annotated[int | None, typer.Option(help="How many probe seeds.", min=1)]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Print the plan and an estimate; with --json as JSON.")
]
LeakageOption = Annotated[
    bool, typer.Option("--allow-leakage", help="Run splits that leak, and stamp their rows.")
]
PartialOption = Annotated[
    bool, typer.Option("--partial", help="Go on where a corpus is not whole; record what lacks.")
]
SharesOption = Annotated[
    str | None,
    typer.Option(help="Learning curves: shares of the training speakers, as .25,.5."),
]
FramesLayerOption = Annotated[
    int, typer.Option(help="The layer whose frames recipes read that need them; -1: the last.")
]
ThreadsOption = Annotated[int | None, typer.Option(help="CPU threads.", min=1)]


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("run")(run)
    app.command("transfer")(transfer)
    app.command("demo")(demo)


def run(
    out: OutOption,
    suite: Annotated[str | None, typer.Option(help="A suite's id.")] = None,
    upstreams: UpstreamsOption = None,
    tasks: Annotated[str | None, Ids] = None,
    harmonised: Annotated[
        str | None, typer.Option("--transfer", help="Harmonised labels; comma-separated.")
    ] = None,
    protocols: ProtocolsOption = None,
    recipes: RecipesOption = None,
    normalisations: NormalisationsOption = None,
    root: RootOption = None,
    weights: WeightsOption = None,
    cards: CardsOption = None,
    device: DeviceOption = "auto",
    devices: DevicesOption = None,
    executor: ExecutorOption = "local",
    address: AddressOption = None,
    store: StoreOption = None,
    precision: PrecisionOption = "auto",
    backend: BackendOption = "torch",
    compiling: CompileOption = "auto",
    limit: LimitOption = None,
    seed: SeedOption = None,
    seeds: SeedsOption = None,
    train_shares: SharesOption = None,
    frames_layer: FramesLayerOption = -1,
    threads: ThreadsOption = None,
    allow_leakage: LeakageOption = False,
    partial: PartialOption = False,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Extract features, train probes, write the tables. The same command again goes on."""
    shelves = catalogue(cards)
    given: dict[str, Any] = {
        "upstreams": words(upstreams),
        "tasks": words(tasks),
        "transfer": words(harmonised),
        "protocols": words(protocols),
        "recipes": words(recipes),
        "normalisations": words(normalisations),
        "roots": assignments(root, "--root"),
        "weights": assignments(weights, "--weights"),
        "device": device,
        "devices": words(devices),
        "executor": executor,
        "address": address,
        "store": store,
        "precision": precision,
        "backend": backend,
        "compile": compiling,
        "limit": limit,
        "seed": seed,
        "seeds": seeds,
        "train_shares": numbers(train_shares, "--train-shares"),
        "frames_layer": frames_layer,
        "threads": threads,
        "allow_leakage": allow_leakage,
        "partial": partial,
    }
    sys.exit(_execute(shelves, _request(shelves, suite, given), out, dry_run, as_json))


def transfer(
    out: OutOption,
    label: Annotated[str, typer.Option(help="A harmonised label; see `list harmonised`.")],
    upstreams: UpstreamsOption = None,
    protocols: ProtocolsOption = "pair,ceiling",
    recipes: RecipesOption = None,
    normalisations: NormalisationsOption = None,
    root: RootOption = None,
    cards: CardsOption = None,
    device: DeviceOption = "auto",
    devices: DevicesOption = None,
    executor: ExecutorOption = "local",
    address: AddressOption = None,
    store: StoreOption = None,
    precision: PrecisionOption = "auto",
    backend: BackendOption = "torch",
    compiling: CompileOption = "auto",
    limit: LimitOption = None,
    seed: SeedOption = None,
    partial: PartialOption = False,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Train on one corpus (or several), test on another that shares the label."""
    shelves = catalogue(cards)
    given: dict[str, Any] = {
        "upstreams": words(upstreams),
        "transfer": words(label),
        "protocols": words(protocols),
        "recipes": words(recipes),
        "normalisations": words(normalisations),
        "roots": assignments(root, "--root"),
        "device": device,
        "devices": words(devices),
        "executor": executor,
        "address": address,
        "store": store,
        "precision": precision,
        "backend": backend,
        "compile": compiling,
        "limit": limit,
        "seed": seed,
        "partial": partial,
    }
    sys.exit(_execute(shelves, _request(shelves, None, given), out, dry_run, as_json))


def demo(
    out: OutOption = Path("runs/demo"),
    root: RootOption = None,
    cards: CardsOption = None,
    device: DeviceOption = "auto",
    fetch: Annotated[bool, typer.Option(help="Fetch the corpora that can be fetched.")] = True,
) -> None:
    """The whole of it on real speech, in minutes, on a laptop."""
    from paralbench.runner.demo import fetch_for

    shelves = catalogue(cards)
    roots = assignments(root, "--root")
    request = _request(shelves, "demo", {"roots": roots, "device": device})
    with progress_display() as progress:
        if fetch:
            fetch_for(shelves, request, progress)
    code = _execute(shelves, request, out)
    from paralbench.cli.results import show

    show(out, "table")
    print(f"The tables are in {out}; `paralbench leaderboard {out} --format markdown` and")
    print(f"`paralbench export {out} --out DIR` give them in other forms.")
    _page(out)
    sys.exit(code)


def _page(out: Path) -> None:
    """Write the run's page and say where it is, or what is not installed."""
    from paralbench.errors import MissingExtraError
    from paralbench.report.page import write_page

    try:
        page = write_page(out, out / "report.html")
    except MissingExtraError as error:
        print(f"No page was written: {error}")
        return
    print(f"The page with every table and figure: {page}")


def _request(shelves: "Catalogue", suite: str | None, given: dict[str, Any]) -> "Request":
    from paralbench.runner.request import Request, from_suite

    if suite is not None:
        return from_suite(shelves, suite, **given)
    if not (given["upstreams"] or given.get("recipes")):
        raise ParalbenchError("nothing to run: give --suite, or --upstreams with --tasks.")
    kept = {key: value for key, value in given.items() if value not in (None, (), {})}
    return Request(**{"upstreams": (), **kept})


def _execute(
    shelves: "Catalogue",
    request: "Request",
    out: Path,
    dry_run: bool = False,
    as_json: bool = False,
) -> int:
    """Run a request and say what came of it; the exit code."""
    if dry_run:
        from paralbench.runner.estimate import estimate

        found = estimate(shelves, request)
        print(json.dumps(found.to_json(), indent=1, ensure_ascii=False) if as_json else found)
        return 0
    if as_json:
        raise ParalbenchError("--json is for --dry-run; the tables of a run are in its folder.")
    from paralbench.runner.execute import execute

    with progress_display() as progress:
        summary = execute(shelves, request, out, progress=progress)
    print(summary, file=sys.stderr)
    return 1 if summary.failed else 0


@contextmanager
def progress_display() -> "Iterator[Progress]":
    """One display in a terminal, plain lines elsewhere; on the standard error."""
    from paralbench.runner.progress import Bars, Lines

    if sys.stderr.isatty():
        with Bars() as bars:
            yield bars
    else:
        yield Lines()


@contextmanager
def megabytes_display(what: str) -> "Iterator[Callable[[int, int], None]]":
    """Show how many megabytes are done, of how many."""
    with progress_display() as display:
        yield lambda done, total: display.work(what, done / 1e6, total / 1e6, "MB")
