"""Machines that share no folder: what parts read and make goes by way of an address.

Each machine works in its own home. What a part needs is sent before any part is begun, and fetched
where it is done; what it made is sent there, and fetched here before the part counts as done. What
the address or the other side has already does not travel again.
"""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from paralbench import paths
from paralbench.errors import Fault
from paralbench.features.travelling import Wanted, fetch_files, of_home
from paralbench.runner.executors.work import Executor, Found, Part, Place, Results, Tell, Told, Work
from paralbench.storage.downloads import locked
from paralbench.storage.remote import Remote

if TYPE_CHECKING:
    from paralbench.runner.request import Request

_LOCK = ".fetching"


class Exchanging:
    """An executor whose machines share no folder.

    Args:
        executor: does the parts, wherever.
        address: see :class:`~paralbench.storage.remote.Remote`.
        home: PARALBENCH_HOME of this machine.
    """

    def __init__(self, executor: Executor, address: str, home: Path):
        self._executor, self._address, self._home = executor, address, home
        self._remote = Remote(address)

    def __enter__(self) -> Self:
        self._remote.look()
        self._executor.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._executor.__exit__(*error)

    def settle(self, request: "Request") -> "tuple[Request, Place]":
        """As the executor's; nothing is waited for, as nothing is seen late."""
        request, place = self._executor.settle(request)
        return request, replace(place, patience=0.0)

    def run(self, work: Work[Part, Found], parts: Sequence[Part], told: Told) -> Results[Found]:
        """Do the parts; what each made is in this machine's home when it is yielded.

        Raises:
            StoreError: a file cannot be sent or fetched, or is damaged.
        """
        files: dict[str, Wanted] = {}
        loads = []
        for part in parts:
            wanted = list(work.needs(part))
            files.update((one.name, one) for one in wanted)
            loads.append(_Load(part, tuple((one.name, one.sha256) for one in wanted)))
        remote = self._remote.reconnected()
        remote.send({name: one.path for name, one in files.items()})
        with closing(self._executor.run(_Carried(work, self._address), loads, told)) as results:
            for index, found in results:
                if isinstance(found, Fault):
                    yield index, found
                    continue
                remote = self._remote.reconnected()
                fetch_files(remote, [(name, None) for name in found.made], self._home)
                yield index, found.found


@dataclass(frozen=True)
class _Load:
    """A part, and the files that it needs: name, and checksum where the name does not tell it."""

    part: Any
    needs: tuple[tuple[str, str | None], ...]


@dataclass(frozen=True)
class Made:
    """What came of a part, and the names of the files that it made."""

    found: Any
    made: tuple[str, ...]


@dataclass
class _Carried(Work[_Load, Made]):
    """Work on another machine, which fetches what it needs and sends what it makes."""

    work: Work[Any, Any]
    address: str
    _remote: Remote | None = field(default=None, init=False, repr=False)

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_remote": None}  # it is opened where it is used

    @property
    def memory(self) -> int:
        """As of the work."""
        return self.work.memory

    def do(self, part: _Load, tell: Tell) -> Made:
        """Do a part in this machine's home.

        Raises:
            ParalbenchError: what the work raises, or a file that cannot be fetched or sent.
        """
        home = paths.home()
        if self._remote is None:
            self._remote = Remote(self.address)
            self.work.arrive()
        with locked(home / _LOCK):  # two parts on one machine often need the same
            fetch_files(self._remote.reconnected(), part.needs, home)
        found = self.work.do(part.part, tell)
        made = {one.name: one.path for one in of_home(self.work.made(part.part), home)}
        self._remote.reconnected().send(made)
        return Made(found, tuple(made))
