"""A lazy registry: names are known at once, implementations are imported on first use."""

from collections.abc import Callable, Iterator
from functools import cached_property
from importlib import import_module
from importlib.metadata import entry_points
from typing import Generic, TypeVar, cast

from paralbench.errors import ParalbenchError, UnknownNameError

T = TypeVar("T")


class Registry(Generic[T]):
    """Named implementations of one kind, ours and those of installed packages.

    Listing the names imports none of them. A third party adds to a registry through an entry
    point in its group; a name that collides with one of ours is refused.

    Args:
        kind: the noun in error messages, such as ``"upstream family"``.
        group: the entry-point group for third parties, such as ``"paralbench.families"``.
        builtin: name to ``"module:attribute"``.
    """

    def __init__(self, kind: str, group: str, builtin: dict[str, str]):
        self.kind, self.group = kind, group
        self._builtin = dict(builtin)

    @cached_property
    def _targets(self) -> dict[str, Callable[[], T]]:
        targets: dict[str, Callable[[], T]] = {
            name: lambda where=where: cast(T, _load(where)) for name, where in self._builtin.items()
        }
        for point in entry_points(group=self.group):
            if point.name in targets:
                raise ParalbenchError(
                    f"{self.kind} {point.name!r} of {point.value!r} (entry point group "
                    f"{self.group!r}) is already taken; the package must choose another name."
                )
            targets[point.name] = point.load
        return targets

    def names(self) -> tuple[str, ...]:
        """All known names, sorted."""
        return tuple(sorted(self._targets))

    def __contains__(self, name: str) -> bool:
        return name in self._targets

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def get(self, name: str) -> T:
        """The implementation called ``name``.

        Raises:
            UnknownNameError: no such name; the message lists the known ones.
        """
        if name not in self._targets:
            raise UnknownNameError(self.kind, name, self.names())
        return self._targets[name]()


def _load(where: str) -> object:
    module, _, attribute = where.partition(":")
    return getattr(import_module(module), attribute)
