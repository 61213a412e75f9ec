"""A lazy registry: names are known at once, implementations are imported on first use."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Generic, TypeVar, cast

from paralbench.errors import ParalbenchError, UnknownNameError

T = TypeVar("T")


class Registry(Generic[T]):
    """Named implementations of one kind, ours and those of installed packages.

    Listing the names imports none of them. A third party adds to a registry through an entry
    point in its group; a name that is already taken is refused.

    Args:
        kind: the noun in error messages, such as ``"upstream family"``.
        group: the entry-point group for third parties, such as ``"paralbench.families"``.
        builtin: name to ``"module:attribute"``.
    """

    def __init__(self, kind: str, group: str, builtin: Mapping[str, str]):
        self.kind, self.group = kind, group
        self._builtin = dict(builtin)

    @cached_property
    def _targets(self) -> dict[str, str | EntryPoint]:
        targets: dict[str, str | EntryPoint] = dict(self._builtin)
        for point in sorted(entry_points(group=self.group), key=lambda point: point.value):
            if point.name in targets:
                raise ParalbenchError(
                    f"the {self.kind} {point.name!r} is there twice: {_described(point)} and "
                    f"{_described(targets[point.name])}; one of the packages must choose another "
                    "name, or be uninstalled."
                )
            targets[point.name] = point
        return targets

    def names(self) -> tuple[str, ...]:
        """All known names, sorted.

        Raises:
            ParalbenchError: an installed package brings a name that is taken.
        """
        return tuple(sorted(self._targets))

    def __contains__(self, name: str) -> bool:
        return name in self._targets

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def get(self, name: str) -> T:
        """The implementation called ``name``.

        Raises:
            UnknownNameError: no such name; the message lists the known ones.
            ParalbenchError: an installed package brings a name that is taken, or names what it
                does not hold.
        """
        if name not in self._targets:
            raise UnknownNameError(self.kind, name, self.names())
        target = self._targets[name]
        if isinstance(target, str):
            module, _, attribute = target.partition(":")
            return cast(T, getattr(import_module(module), attribute))
        try:
            return target.load()
        except (ImportError, AttributeError) as error:
            raise ParalbenchError(
                f"the {self.kind} {name!r} cannot be loaded from {_described(target)}: {error}; "
                "mend or uninstall that package."
            ) from error


def installed_as(point: EntryPoint) -> str:
    """The distribution an entry point comes from, in words."""
    return f"the package {point.dist.name!r}" if point.dist else "an installed package"


def _described(target: str | EntryPoint) -> str:
    if isinstance(target, str):
        return f"{target!r} of paralbench"
    return f"{target.value!r} of {installed_as(target)}"
