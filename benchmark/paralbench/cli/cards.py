"""``list``, ``show`` and ``validate``: what there is. None of them imports torch."""

import json
from typing import Annotated, Any

import typer

from paralbench.cards import Catalogue, CorpusCard, load_catalogue
from paralbench.cards.crosscheck import problems
from paralbench.cli.options import CardsOption, JsonOption, catalogue
from paralbench.errors import CorpusNotFoundError, ParalbenchError, UnknownNameError

KINDS = ("upstreams", "tasks", "corpora", "harmonised", "probes", "suites")
_MOST_SHOWN = 5  # names of a list in a table for people; --json gives all


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("list")(list_cards)
    app.command("show")(show)
    app.command("validate")(validate)


def list_cards(
    kind: Annotated[str, typer.Argument(help=" | ".join(KINDS))],
    cards: CardsOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what can be named in a command."""
    if kind not in KINDS:
        raise UnknownNameError("kind of list", kind, KINDS)
    rows = probe_rows() if kind == "probes" else _rows(catalogue(cards), kind)
    if as_json:
        print(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    if not rows:
        print(f"no {kind}")
        return
    shown = [{key: _shown(value) for key, value in row.items()} for row in rows]
    shown.insert(0, {key: key.replace("_", " ") for key in rows[0]})
    widths = [max(len(row[key]) for row in shown) for key in rows[0]]
    for row in shown:
        cells = [cell.ljust(width) for cell, width in zip(row.values(), widths, strict=True)]
        print("  ".join(cells).rstrip())


def show(
    id: Annotated[str, typer.Argument(help="A card's id.")], cards: CardsOption = None
) -> None:
    """Print a card, as it was read."""
    import yaml

    for card in catalogue(cards).find(id):
        print(f"# {card.file}")
        print(yaml.safe_dump(card.content(), sort_keys=False, allow_unicode=True).rstrip())


def validate(cards: CardsOption = None) -> None:
    """Read every card and check that what they name exists."""
    from paralbench.corpora.readers import READERS, check_card
    from paralbench.upstreams.registry import FAMILIES

    found: list[str] = []
    shelves = load_catalogue(cards or (), faults=found)
    found += problems(shelves, families=FAMILIES.names(), readers=READERS.names())
    for card in shelves.corpora:
        if card.reader.name in READERS:
            try:
                check_card(card)
            except ParalbenchError as error:
                found.append(str(error))
    if found:
        raise ParalbenchError("\n".join(dict.fromkeys(found)))
    counts = [
        f"{len(shelves.upstreams)} upstreams",
        f"{len(shelves.corpora)} corpora",
        f"{len(shelves.tasks)} tasks",
        f"{len(shelves.harmonised)} harmonised maps",
        f"{len(shelves.suites)} suites",
    ]
    print(f"{', '.join(counts)}: every card is valid.")


def probe_rows() -> list[dict[str, Any]]:
    """The recipes, with what each one is."""
    from paralbench.features.sizes import frames_cost, moments_cost
    from paralbench.probes.recipes import RECIPES

    costs = {"frames": frames_cost(), "moments": moments_cost()}
    return [
        {
            "id": one.name,
            "reads": one.reads,
            "targets": list(one.targets),
            "seeds": one.n_seeds,
            "about": one.about,
            "costs": costs.get(one.reads),
        }
        for one in RECIPES.values()
    ]


def _whereabouts(card: CorpusCard) -> dict[str, str | None]:
    """Whether a corpus is on this machine, and else how to get it."""
    from paralbench.corpora.advice import how_in_short
    from paralbench.corpora.locate import locate

    try:
        return {"here": str(locate(card)), "get": None}
    except CorpusNotFoundError:
        return {"here": None, "get": how_in_short(card)}


def _shown(value: Any) -> str:
    """A value in a table for people.

    Whole numbers in groups of three, the beginning of a long list, what is unknown as ``-``.
    """
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        left = len(value) - _MOST_SHOWN
        more = f" and {left} more" if left > 0 else ""
        return " ".join(value[:_MOST_SHOWN]) + more
    return f"{value:,}" if isinstance(value, int) else str(value)


def _rows(shelves: Catalogue, kind: str) -> list[dict[str, Any]]:
    if kind == "upstreams":
        return [
            {
                "id": card.id,
                "tier": "core" if card.core else "extended",
                "family": card.family,
                "variant": card.variant,
                "layers": card.layers,
                "dim": card.dim,
                "parameters": card.parameters,
                "verified_on_real_weights": card.verified_on_real_weights
                if card.weights[0].source != "none"
                else None,
                "licence": card.licence,
            }
            for card in sorted(shelves.upstreams, key=lambda card: (not card.core, card.id))
        ]
    if kind == "tasks":
        here = {card.id: _whereabouts(card)["here"] is not None for card in shelves.corpora}
        return [
            {
                "id": card.id,
                "tier": "core" if card.core else "extended",
                "corpus": card.corpus,
                "label": card.label,
                "target": card.target
                if card.target == "regression"
                else f"{len(card.classes)} classes",
                "split": card.split.protocol,
                "metric": card.metrics[0],
                "span": card.span,
                "here": here.get(card.corpus, False),
            }
            for card in sorted(shelves.tasks, key=lambda card: (not card.core, card.id))
        ]
    if kind == "corpora":
        return [
            {
                "id": card.id,
                "access": card.access,
                "labels": " ".join(card.labels),
                "languages": " ".join(card.languages) if len(card.languages) < 6 else "many",
                "speakers": card.speakers,
                **_whereabouts(card),
            }
            for card in shelves.corpora
        ]
    if kind == "harmonised":
        return [
            {"id": card.id, "label": card.label, "domains": list(card.domains)}
            for card in shelves.harmonised
        ]
    return [
        {
            "id": card.id,
            "upstreams": list(card.upstreams),
            "tasks": list(card.tasks),
            "transfer": list(card.transfer),
        }
        for card in shelves.suites
    ]
