"""What is done, apart from where: work that comes in parts, and what runs the parts.

The runner describes work (:class:`~paralbench.runner.extraction.Extraction`,
:class:`~paralbench.runner.cells.Cells`) and hands it to an executor with its parts. An executor
knows processes and machines, and nothing of features or probes.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar

from paralbench.errors import Fault, ParalbenchError

if TYPE_CHECKING:
    from paralbench.features.travelling import Wanted
    from paralbench.runner.request import Request

Part = TypeVar("Part")
Found = TypeVar("Found")

Tell = Callable[[Any], None]
Told = Callable[[int, Any], None]  # the part's position, and what was told of it
Results = Generator[tuple[int, Found | Fault], None, None]


class Work(ABC, Generic[Part, Found]):
    """Something that comes in parts, each of which can be done in any process.

    It travels to a process once, before the parts that are done there, so it holds what they
    share. A part that is done again, because the process that had it was lost, finds what is there
    already and goes on from it.
    """

    @property
    @abstractmethod
    def memory(self) -> int:
        """Bytes of main memory that a part may take, roughly."""

    def needs(self, part: Part) -> "Iterable[Wanted]":
        """The files that a part reads, for a machine that shares no folder with this one.

        It is asked where the run was begun, and before the part is.
        """
        return ()

    def arrive(self) -> None:
        """Work in this machine's home from now on, which holds what the parts need.

        It is told to a work that came from a machine with which this one shares no folder.
        """

    def made(self, part: Part) -> "Iterable[Path]":
        """The files of this machine's home that hold what came of a part, after it was done."""
        return ()

    @abstractmethod
    def do(self, part: Part, tell: Tell) -> Found:
        """Do a part.

        Args:
            part: plain data.
            tell: told of how far it is, in plain data; what is told may be lost or told twice.

        Raises:
            ParalbenchError: nothing more can be done; it ends the run.
        """


@dataclass(frozen=True)
class Place:
    """What each part has at its disposal.

    Attributes:
        slots: parts that are done at the same time; 1: there is nothing to gain from several.
        parts: how many to make for each slot. With more, all slots end at about the same time;
            with fewer, less is begun anew.
        patience: seconds until what a part has written is seen by all others; 0 on one machine.
    """

    slots: int
    parts: int = 4
    patience: float = 0.0

    @property
    def most_parts(self) -> int:
        """How many parts of a work are enough."""
        return self.parts * self.slots if self.slots > 1 else 1


class Executor(Protocol):
    """Where work is done. It is entered before use."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: Any) -> None: ...

    def settle(self, request: "Request") -> "tuple[Request, Place]":
        """The request with the device and threads that each part has, and how many run at once.

        Raises:
            ParalbenchError: what it asks for is not there.
        """
        ...

    def run(self, work: Work[Part, Found], parts: Sequence[Part], told: Told) -> Results[Found]:
        """Do the parts, in whatever order; those that are left are dropped if this is closed.

        Args:
            work: what they are parts of.
            parts: begun in their order.
            told: called with what parts tell, in this process.

        Yields:
            the position of a part and what came of it: a fault where whatever did it was lost
            again and again.

        Raises:
            ParalbenchError: what a part raised.
        """
        ...


class WorkerLostError(ParalbenchError):
    """A process or machine was lost with its work, and so were those that tried it again."""
