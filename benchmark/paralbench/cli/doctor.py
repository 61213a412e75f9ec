"""``doctor``: what this machine has, and what of the suite can run on it."""

import json
import platform
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from paralbench.cli.options import (
    CardsOption,
    JsonOption,
    RootOption,
    WeightsOption,
    assignments,
    catalogue,
    words,
)
from paralbench.cli.tables import print_table
from paralbench.errors import ParalbenchError

if TYPE_CHECKING:
    from paralbench.cards import CorpusCard, UpstreamCard
    from paralbench.runner.examine import Examination

PACKAGES = (
    "paralbench",
    "torch",
    "torchaudio",
    "transformers",
    "librosa",
    "soundfile",
    "soxr",
    "av",
    "scikit-learn",
    "pandas",
    "opensmile",
)
HEADS = (
    "id",
    "core",
    "weights",
    "parameters",
    "verified on real weights",
    "exactness",
    "x real time",
)
RIGHT = ("parameters", "exactness", "x real time")

MeasureOption = Annotated[
    bool, typer.Option(help="Load and measure the upstreams whose weights are here, or only look.")
]
RandomOption = Annotated[
    bool, typer.Option("--random", help="Measure the others too, with random weights.")
]


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("doctor")(doctor)


def doctor(
    upstreams: Annotated[str | None, typer.Option(help="Only these ids; comma-separated.")] = None,
    measure: MeasureOption = True,
    random: RandomOption = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps")] = "auto",
    cards: CardsOption = None,
    root: RootOption = None,
    weights: WeightsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print devices, versions, which corpora and weights are here, and what upstreams do here."""
    from paralbench.runner.device import choose_device

    if random and not measure:
        raise ParalbenchError("--random measures, --no-measure does not: give one of them.")
    shelves = catalogue(cards)
    roots, folders = assignments(root, "--root"), assignments(weights, "--weights")
    chosen = [shelves.upstreams.get(id) for id in words(upstreams)] or list(shelves.upstreams)
    chosen.sort(key=lambda card: (not card.core, card.id))
    place = choose_device(device)
    machine = _machine()
    here = {card.id: _corpus(card, roots) for card in shelves.corpora}
    if not as_json:
        _print_machine(machine, here)
        print(f"upstreams, {_measured_how(measure, random, place)}:")
    rows = list(_examined(chosen, folders, measure=measure, random=random, device=place))
    if as_json:
        told = {"machine": machine, "corpora": here, "upstreams": [asdict(row) for row in rows]}
        print(json.dumps(told, indent=1, ensure_ascii=False))
        return
    print_table(HEADS, [_cells(row) for row in rows], right=RIGHT)
    for row in rows:
        if row.problem and (row.where or row.measured_on):
            print(f"{row.id}: {row.problem}")
    if any(row.where is None for row in rows):
        print("What is not here: `paralbench weights fetch ID` fetches it, or says how to get it.")


def _examined(
    cards: Iterable["UpstreamCard"],
    roots: Mapping[str, Path],
    *,
    measure: bool,
    random: bool,
    device: str,
) -> Iterable["Examination"]:
    """One upstream after the other, so that memory holds one at a time."""
    from paralbench.runner.examine import examine, find

    for card in cards:
        if not measure:
            yield find(card, roots=roots)
            continue
        print(f"measuring {card.id} ...", file=sys.stderr, flush=True)
        yield examine(card, roots=roots, random=random, device=device)


def _measured_how(measure: bool, random: bool, device: str) -> str:
    if not measure:
        return "looked for and not measured"
    others = "; where weights are not here, with random ones" if random else ""
    return f"measured on {device} in fp32{others}"


def _cells(row: "Examination") -> tuple[str, ...]:
    where, *more = (row.where or "not here").split(", ")
    where += f" and {len(more)} more" * bool(more)
    if row.measured_on == "random":
        where = "random (real ones are not here)"
    return (
        row.id,
        "core" if row.core else "extended",
        where,
        "-" if row.parameters is None else f"{row.parameters:,}",
        "yes" if row.verified else "no",
        exactness(row),
        "-" if row.speed is None else f"{row.speed:.1f}",
    )


def exactness(row: "Examination") -> str:
    """The batch error with the batching it holds for; ``failed`` where the upstream did."""
    if row.measured_on is None:
        return "-"
    if row.problem:
        return "failed"
    error = "" if row.batch_error is None else f"{row.batch_error:.1e}" if row.batch_error else "0"
    return error if row.batching == "any" else f"{row.batching} {error}".strip()


def _machine() -> dict[str, Any]:
    import torch

    from paralbench import paths
    from paralbench.torchaudio_cure import ensure_torchaudio, is_cured

    ensure_torchaudio()
    gpus = []
    for index in range(torch.cuda.device_count()):
        found = torch.cuda.get_device_properties(index)
        gpus.append(f"{found.name} ({found.total_memory / 2**30:.0f} GiB)")
    gpus += ["mps"] if torch.backends.mps.is_available() else []
    return {
        "python": platform.python_version(),
        "platform": f"{platform.machine()}, {platform.system()}",
        "packages": {name: _version(name) for name in PACKAGES},
        "torchaudio_stub": is_cured(),
        "threads": torch.get_num_threads(),
        "gpus": gpus,
        "home": str(paths.home()),
    }


def _print_machine(machine: dict[str, Any], corpora: Mapping[str, str | None]) -> None:
    print(f"python {machine['python']} on {machine['platform']}")
    print("packages: " + ", ".join(f"{name} {one}" for name, one in machine["packages"].items()))
    if machine["torchaudio_stub"]:
        print("torchaudio: its compiled part does not fit this torch; a stub stands in for it")
    print(f"CPU: {machine['threads']} threads")
    print(f"GPU: {', '.join(machine['gpus']) or 'none'}")
    print(f"home: {machine['home']}")
    print("corpora:")
    width = max(map(len, corpora), default=0)
    for id, folder in corpora.items():
        print(f"  {id.ljust(width)}  {folder or 'not here'}")
    if None in corpora.values():
        print("  `paralbench corpora path ID` says how to get one.")


def _corpus(card: "CorpusCard", roots: Mapping[str, Path]) -> str | None:
    """The corpus's folder; None where it is not on this machine."""
    from paralbench.corpora.locate import locate

    try:
        return str(locate(card, dict(roots)))
    except ParalbenchError:
        return None


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
