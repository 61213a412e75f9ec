"""What a card asks of its family: a variant, options, a folder of weights."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from paralbench.cards import UpstreamCard
from paralbench.errors import CardError, WeightsError

PLAIN = "plain"  # the variant of a family that has only one

Option = TypeVar("Option", bool, int, float, str)


def check_variant(card: UpstreamCard, allowed: Iterable[str] | Mapping[str, str] = (PLAIN,)) -> str:
    """The card's variant.

    Args:
        card: the upstream's.
        allowed: the family's variants, or what each means by its name.

    Raises:
        CardError: it is none of the family's.
    """
    if card.variant in allowed:
        return card.variant
    told = [
        f"{name} ({allowed[name]})" if isinstance(allowed, Mapping) else name for name in allowed
    ]
    raise CardError(
        f"{card.file or card.id}: variant: {card.variant!r} is not allowed. "
        f"Allowed: {', '.join(told)}."
    )


def check_options(card: UpstreamCard, kinds: Mapping[str, type]) -> None:
    """Refuse options that the family does not have.

    Raises:
        CardError: an option has another name or another type than the family's.
    """
    for name, value in card.options.items():
        where = f"{card.file or card.id}: options.{name}"
        if name not in kinds:
            allowed = ", ".join(sorted(kinds)) or "none"
            raise CardError(f"{where}: unknown option. Allowed: {allowed}.")
        if type(value) is not kinds[name]:
            kind = kinds[name]
            wanted = "true or false" if kind is bool else f"a value of type {kind.__name__}"
            raise CardError(f"{where}: {value!r} is not allowed: {wanted}.")


def read_options(card: UpstreamCard, defaults: Mapping[str, Option]) -> dict[str, Option]:
    """The options of a card of a family without variants, over the defaults.

    Raises:
        CardError: an option has another name or another type than the defaults have, or the card
            asks for a variant.
    """
    check_variant(card)
    check_options(card, {name: type(value) for name, value in defaults.items()})
    return dict(defaults) | card.options  # pyright: ignore[reportReturnType]  # types are checked


def folder_of(card: UpstreamCard, folder: Path | None) -> Path:
    """The folder of a card's weights, for a family that cannot do without.

    Raises:
        WeightsError: there is none.
    """
    if folder is None:
        raise WeightsError(
            f"{card.file or card.id}: weights: the family {card.family!r} needs a folder."
        )
    return folder
