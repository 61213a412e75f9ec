"""A cell's slot: what it is about. The runner writes it, reports read it."""

NO_UPSTREAM = "none"  # the upstream of the floors
FLOORS = ("majority", "duration")  # recipes that do not listen

KEYS = ("setting", "task", "train", "test", "upstream", "recipe", "normalisation")


def join(parts: tuple[str, ...]) -> str:
    """A slot from its parts, in the order of :data:`KEYS`."""
    return "|".join(parts)


def split(slot: str) -> dict[str, str]:
    """A slot's parts by name."""
    return dict(zip(KEYS, slot.split("|"), strict=True))
