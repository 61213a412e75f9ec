"""``corpora fetch | verify | path``."""

import json
import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from paralbench.cli.options import CardsOption, JsonOption, catalogue

IdArgument = Annotated[str, typer.Argument(help="A corpus id; see `paralbench list corpora`.")]
DirOption = Annotated[
    Path | None, typer.Option("--root", help="The corpus's folder, where it is not the usual one.")
]


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Fetch, verify and find corpora.", no_args_is_help=True)
    group.command("fetch")(fetch)
    group.command("verify")(verify)
    group.command("path")(path)
    app.add_typer(group, name="corpora")


def fetch(
    ids: Annotated[list[str], typer.Argument(help="Corpus ids.")], cards: CardsOption = None
) -> None:
    """Fetch corpora that can be fetched; for the others print what to sign and where to put it."""
    from paralbench.corpora.fetch import fetch as fetch_corpus

    shelf = catalogue(cards).corpora
    for card in [shelf.get(id) for id in ids]:
        tell = partial(print, file=sys.stderr, flush=True)
        print(f"{card.id}: {fetch_corpus(card, progress=tell)}")


def verify(
    id: IdArgument, root: DirOption = None, cards: CardsOption = None, as_json: JsonOption = False
) -> None:
    """Read a corpus, decode all of it, and compare it with its card."""
    from paralbench.audio.cache import AudioCache
    from paralbench.corpora.verify import verify as verify_corpus

    card = catalogue(cards).corpora.get(id)
    report = verify_corpus(card, _locate(card, root), AudioCache())
    print(json.dumps(report.to_json(), indent=1, ensure_ascii=False) if as_json else str(report))


def path(id: IdArgument, root: DirOption = None, cards: CardsOption = None) -> None:
    """Print where a corpus lies."""
    print(_locate(catalogue(cards).corpora.get(id), root))


def _locate(card, root: Path | None) -> Path:
    from paralbench.corpora.locate import locate

    return locate(card, {card.id: root} if root else {})
