"""``weights fetch | verify``: checkpoints, before a run needs them.

Exit codes: 0 all is well, 1 something could not be had or does not fit, 2 the request is wrong.
"""

import json
import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from paralbench.cli.doctor import exactness
from paralbench.cli.options import CardsOption, JsonOption, catalogue
from paralbench.cli.tables import print_table
from paralbench.errors import ParalbenchError

if TYPE_CHECKING:
    from paralbench.cards import Catalogue, UpstreamCard

IdsArgument = Annotated[list[str] | None, typer.Argument(help="Upstream ids.")]
AllOption = Annotated[bool, typer.Option("--all", help="Every upstream that there is a card for.")]
SuiteOption = Annotated[str | None, typer.Option(help="The upstreams of this suite.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Fetch and verify checkpoints.", no_args_is_help=True)
    group.command("fetch")(fetch)
    group.command("verify")(verify)
    app.add_typer(group, name="weights")


def fetch(
    ids: IdsArgument = None,
    all: AllOption = False,
    suite: SuiteOption = None,
    cards: CardsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find or download the weights of upstreams, and print where they are."""
    from paralbench.runner.examine import FAILURES, told
    from paralbench.upstreams.weights import resolve

    rows: list[dict[str, Any]] = []
    failed: list[str] = []
    for card in _chosen(catalogue(cards), ids, all, suite):
        try:
            found = resolve(card, tell=partial(print, file=sys.stderr, flush=True))
        except FAILURES as error:
            print(f"{card.id}: {told(error)}", file=sys.stderr)
            failed.append(card.id)
            rows.append({"id": card.id, "problem": told(error)})
        else:
            folder = str(found.folder) if found.folder else None
            files = [str(path) for path in found.files]
            rows.append({"id": card.id, **asdict(found), "folder": folder, "files": files})
    if as_json:
        print(json.dumps(rows, indent=1, ensure_ascii=False))
    elif had := [row for row in rows if "problem" not in row]:
        heads = ("id", "source", "size", "sha256", "folder")
        cells = [
            (row["id"], row["where"], _size(row["size"]), row["sha256"][:16], row["folder"] or "-")
            for row in had
        ]
        print_table(heads, cells, right=("size",))
    _end(failed, "could not be had")


def verify(
    ids: IdsArgument = None,
    all: AllOption = False,
    suite: SuiteOption = None,
    folder: Annotated[
        Path | None, typer.Option(help="Weights in this folder instead of the card's.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps")] = "auto",
    cards: CardsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Load upstreams, compare them with their cards, measure exactness; nothing is downloaded."""
    from paralbench.features.exactness import TOLERANCE
    from paralbench.runner.device import choose_device
    from paralbench.runner.examine import examine, faults

    chosen = _chosen(catalogue(cards), ids, all, suite)
    if folder is not None and len(chosen) != 1:
        raise ParalbenchError(f"--folder: for one upstream; {len(chosen)} are named.")
    place = choose_device(device)
    rows: list[dict[str, Any]] = []
    failed: list[str] = []
    for card in chosen:
        roots = {card.id: folder} if folder else {}
        seen = examine(card, roots=roots, device=place, timed=False)
        wrong = faults(card, seen, TOLERANCE)
        rows.append({**asdict(seen), "faults": wrong})
        if wrong:
            failed.append(card.id)
        if as_json:
            continue
        real = "yes" if seen.verified else "no"
        if seen.problem is None:
            pinned = f"sha256 {seen.sha256[:16]}" if seen.sha256 else "-"
            counted = "?" if seen.parameters is None else f"{seen.parameters:,}"
            size = f"{seen.layers} layers x {seen.dim}, {counted} parameters"
            print(
                f"{card.id}: {size}, {seen.where}, {pinned}; exactness: {exactness(seen)}; "
                f"verified on real weights: {real}"
            )
        print(*(f"{card.id}: {one}" for one in wrong or ["as the card says"]), sep="\n")
    if as_json:
        print(json.dumps(rows, indent=1, ensure_ascii=False))
    _end(failed, "failed")


def _chosen(
    shelves: "Catalogue", ids: list[str] | None, all: bool, suite: str | None
) -> list["UpstreamCard"]:
    """The cards that the request names, in its order.

    Raises:
        ParalbenchError: it names none, or more than one way of naming them is used.
        UnknownNameError: there is no such upstream or suite.
    """
    if sum([bool(ids), all, suite is not None]) != 1:
        raise ParalbenchError("name upstreams in one way: their ids, --all, or --suite ID.")
    if all:
        return list(shelves.upstreams)
    names = ids or shelves.suites.get(suite or "").upstreams
    return [shelves.upstreams.get(id) for id in dict.fromkeys(names)]


def _end(failed: list[str], how: str) -> None:
    if failed:
        print(f"{len(failed)} {how}: {', '.join(failed)}", file=sys.stderr)
        raise typer.Exit(1)


def _size(size: int) -> str:
    return f"{size / 1e6:,.1f} MB" if size else "-"
