"""A cell's slot: what it is about. The runner writes it, reports read it."""

from collections.abc import Iterable

NO_UPSTREAM = "none"  # the upstream of the floors
FLOORS = ("majority", "duration")  # recipes that do not listen

KEYS = ("setting", "task", "train", "test", "upstream", "recipe", "normalisation")


def join(parts: tuple[str, ...]) -> str:
    """A slot from its parts, in the order of :data:`KEYS`."""
    return "|".join(parts)


def split(slot: str) -> dict[str, str]:
    """A slot's parts by name."""
    return dict(zip(KEYS, slot.split("|"), strict=True))


def training(domains: Iterable[str], classes: Iterable[str] = ()) -> str:
    """What trains, as slots and tables have it: ``a+b``, or ``a+b[anger,fear]``.

    Args:
        domains: corpora or domains.
        classes: those that the setting is restricted to, where it does not take all it could.
    """
    names, restricted = "+".join(domains), ",".join(classes)
    return f"{names}[{restricted}]" if restricted else names


def domains_of(train: str) -> tuple[str, ...]:
    """The domains in what :func:`training` gives."""
    return tuple(train.partition("[")[0].split("+"))


def classes_of(train: str) -> tuple[str, ...]:
    """The classes in what :func:`training` gives; empty where it is not restricted."""
    restricted = train.partition("[")[2].removesuffix("]")
    return tuple(restricted.split(",")) if restricted else ()
