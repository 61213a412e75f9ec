"""Options that several commands share, and how their values are read."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from paralbench.cards import Catalogue, load_catalogue
from paralbench.errors import ParalbenchError

CardsOption = Annotated[
    list[Path] | None,
    typer.Option("--cards", help="A folder of your own cards; may be given more than once."),
]
RootOption = Annotated[
    list[str] | None,
    typer.Option("--root", help="Where a corpus lies: ID=DIR; may be given more than once."),
]
WeightsOption = Annotated[
    list[str] | None, typer.Option("--weights", help="An upstream's checkpoint folder: ID=DIR.")
]
ExecutorOption = Annotated[
    str, typer.Option(help="local: on this machine; ray: on a Ray cluster, see --address.")
]
AddressOption = Annotated[
    str | None,
    typer.Option(help="The Ray cluster: auto, HOST:PORT, ray://HOST:PORT; else one starts here."),
]
StoreOption = Annotated[
    str | None,
    typer.Option(
        help="Of a Ray cluster whose nodes share no folder: the address (s3://BUCKET/FOLDER, ...) "
        "by which they exchange files."
    ),
]
DevicesOption = Annotated[
    str | None,
    typer.Option(help="One process for each: cuda (all GPUs here), or cuda:0,cuda:1, or cpu,cpu."),
]
AudioOption = Annotated[
    bool, typer.Option("--audio", help="Decoded audio too, where the corpora lie alike.")
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Say what is found; change nothing.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def catalogue(cards: Sequence[Path] | None) -> Catalogue:
    """The shipped cards and those of ``--cards``."""
    return load_catalogue(cards or ())


def assignments(given: Sequence[str] | None, option: str) -> dict[str, Path]:
    """``ID=DIR`` values as a mapping.

    Raises:
        ParalbenchError: a value without ``=``, or a folder that does not exist.
    """
    found: dict[str, Path] = {}
    for text in given or ():
        id, equals, folder = text.partition("=")
        path = Path(folder).expanduser()
        if not (id and equals and folder):
            raise ParalbenchError(f"{option}: {text!r} is not allowed; write {option} ID=DIR.")
        if not path.is_dir():
            raise ParalbenchError(f"{option}: {id}: no folder {path}.")
        found[id] = path.resolve()
    return found


def numbers(given: str | None, option: str) -> tuple[float, ...]:
    """A comma-separated list of numbers as a tuple.

    Raises:
        ParalbenchError: one of them is not a number.
    """
    found = []
    for word in words(given):
        try:
            found.append(float(word))
        except ValueError:
            raise ParalbenchError(f"{option}: {word!r} is not a number.") from None
    return tuple(found)


def words(given: str | None) -> tuple[str, ...]:
    """A comma-separated list as a tuple."""
    return tuple(word.strip() for word in (given or "").split(",") if word.strip())
