"""``corpora fetch | verify | path | new``."""

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
    group.command("new")(new)
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
    id: IdArgument,
    root: DirOption = None,
    cards: CardsOption = None,
    audit: Annotated[
        bool, typer.Option(help="Decode the audio; without, labels and file names alone.")
    ] = True,
    as_json: JsonOption = False,
) -> None:
    """Read a corpus, decode all of it, and compare it with its card."""
    from paralbench.audio.cache import AudioCache
    from paralbench.corpora.verify import verify as verify_corpus

    card = catalogue(cards).corpora.get(id)
    report = verify_corpus(card, _locate(card, root), AudioCache() if audit else None)
    print(json.dumps(report.to_json(), indent=1, ensure_ascii=False) if as_json else str(report))


def path(id: IdArgument, root: DirOption = None, cards: CardsOption = None) -> None:
    """Print where a corpus lies."""
    print(_locate(catalogue(cards).corpora.get(id), root))


def new(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of your corpus.")],
    id: Annotated[str | None, typer.Option("--id", help="Its id; else after the folder.")] = None,
    out: Annotated[Path, typer.Option(help="The folder of your own cards.")] = Path("cards"),
) -> None:
    """Look at your own corpus and write a first card for it, with tasks."""
    import shlex

    from paralbench.corpora.draft import draft, id_of

    taken = catalogue(None).corpora.ids()
    made = draft(folder, id or id_of(folder, taken), out, taken)
    print("\n".join(made.lines))
    cards = f"--cards {shlex.quote(str(out))}"
    partial = " --partial" if made.faults else ""
    print(f"\nWritten to {made.file}; look at its lines with `# check:`. Then:")
    print(f"  paralbench corpora verify {made.card.id} {cards}")
    if made.card.tasks:
        tasks = ",".join(f"{made.card.id}-{task.label}" for task in made.card.tasks)
        out_run = f"--out runs/{made.card.id}"
        print(f"  paralbench run --upstreams fbank --tasks {tasks} {cards}{partial} {out_run}")


def _locate(card, root: Path | None) -> Path:
    from paralbench.corpora.locate import locate

    return locate(card, {card.id: root} if root else {})
