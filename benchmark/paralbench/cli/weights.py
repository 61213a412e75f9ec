"""``weights fetch | verify``: checkpoints, before a run needs them."""

from pathlib import Path
from typing import Annotated

import typer

from paralbench.cli.options import CardsOption, catalogue

IdsArgument = Annotated[list[str], typer.Argument(help="Upstream ids.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Fetch and verify checkpoints.", no_args_is_help=True)
    group.command("fetch")(fetch)
    group.command("verify")(verify)
    app.add_typer(group, name="weights")


def fetch(ids: IdsArgument, cards: CardsOption = None) -> None:
    """Find or download the weights of upstreams, and print where they are."""
    from paralbench.upstreams.weights import resolve

    shelf = catalogue(cards).upstreams
    for card in [shelf.get(id) for id in ids]:
        weights = resolve(card)
        print(f"{card.id}: {weights.folder or '-'} ({weights.where}, sha256 {weights.sha256[:16]})")


def verify(
    ids: IdsArgument,
    folder: Annotated[
        Path | None, typer.Option(help="Weights in this folder instead of the card's.")
    ] = None,
    cards: CardsOption = None,
) -> None:
    """Load upstreams and check them against their cards; nothing is downloaded."""
    from paralbench.upstreams.loading import load_encoder
    from paralbench.upstreams.weights import resolve

    shelf = catalogue(cards).upstreams
    for card in [shelf.get(id) for id in ids]:
        roots = {card.id: folder} if folder else {}
        weights = resolve(card, fetch=False, roots=roots)
        encoder = load_encoder(card, weights)
        print(
            f"{card.id}: {encoder.n_layers} layers x {encoder.dim}, {weights.where}, "
            f"sha256 {weights.sha256[:16]}: as the card says"
        )
