"""One process for each device of this machine, fed from one queue.

The processes are started anew (spawn). A script that calls this needs the
``if __name__ == "__main__"`` guard.
"""

import multiprocessing
import os
import signal
import sys
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING, Any, Literal, Self

from paralbench.errors import Fault, ParalbenchError
from paralbench.runner.device import choose_device
from paralbench.runner.executors.work import (
    Found,
    Part,
    Place,
    Results,
    Told,
    Work,
    WorkerLostError,
)

if TYPE_CHECKING:
    from paralbench.runner.request import Request

TRIES = 3  # of a part whose process dies
_SECONDS_TO_END = 20.0  # to store what is encoded, when told to end
_VISIBLE = "CUDA_VISIBLE_DEVICES"

# What a process says: of its part, what came of it, what it raised; or of it, that it died.
Said = tuple[Literal["told", "found", "raised", "died"], Any]


class Processes:
    """A process for each device.

    Args:
        devices: such as ``cuda:0, cuda:1``, all of one kind; ``cuda`` stands for all of them. One
            may be named more than once.
        say: told when a process was lost.
    """

    def __init__(self, devices: Sequence[str], say: Callable[[str], None]):
        self._asked, self._say = tuple(devices), say
        self._workers: list[_Worker] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: Any) -> None:
        for worker in self._workers:
            worker.end()

    def settle(self, request: "Request") -> "tuple[Request, Place]":
        """The request with the kind of device, and the threads of each process.

        Raises:
            ParalbenchError: a device is not here, or they are of several kinds.
        """
        devices = spelt_out(self._asked)
        kinds = sorted({device.partition(":")[0] for device in devices})
        if len(kinds) > 1:
            raise ParalbenchError(
                f"devices: {', '.join(devices)} are of several kinds, and features differ between "
                f"kinds in the last bits. Give those of one: {' or '.join(kinds)}."
            )
        self._workers = [_Worker(device) for device in devices]
        threads = request.threads or max(1, (os.cpu_count() or 1) // len(devices))
        return replace(request, device=kinds[0], threads=threads), Place(len(devices), parts=16)

    def run(self, work: Work[Part, Found], parts: Sequence[Part], told: Told) -> Results[Found]:
        """Do the parts; the next goes to the process that is free first."""
        waiting = deque(range(len(parts)))
        tries: Counter[int] = Counter()
        for worker in self._workers[: len(parts)]:
            worker.start()  # all at once, before the first is waited for
        try:
            while True:
                for worker in self._workers:
                    if waiting and worker.at is None:
                        index = waiting.popleft()
                        worker.give(work, index, parts[index])
                for worker, index in _heard(self._workers):
                    what, said = worker.receive()
                    if what == "told":
                        told(index, said)
                    elif what == "found":
                        yield index, said
                    elif what == "raised":
                        raise said
                    else:
                        tries[index] += 1
                        if tries[index] < TRIES:
                            self._say(f"{said}; its work is begun again")
                            waiting.appendleft(index)
                        else:
                            yield index, Fault.of(_lost(said))
                if not waiting and all(worker.at is None for worker in self._workers):
                    return
        finally:
            for worker in self._workers:
                if worker.at is not None:
                    worker.end()


class _Worker:
    """A process that does one part after the other.

    Attributes:
        at: the position of the part that it does; None while it does nothing.
    """

    def __init__(self, device: str):
        self.at: int | None = None
        self._device = device
        self._running: tuple[BaseProcess, Connection] | None = None
        self._has: Work[Any, Any] | None = None

    @property
    def connection(self) -> Connection:
        """To the process, which is started."""
        return self.start()[1]

    def start(self) -> tuple[BaseProcess, Connection]:
        """Start the process, if it does not run."""
        if self._running is None:
            context = multiprocessing.get_context("spawn")
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs, _visible(self._device)))
            process.start()
            theirs.close()  # so that the process's end closes the last one
            self._running, self._has = (process, ours), None
        return self._running

    def give(self, work: Work[Any, Any], index: int, part: Any) -> None:
        """Give it a part to do."""
        self.at = index
        connection = self.connection
        with suppress(BrokenPipeError, ConnectionResetError):  # it died: receiving tells
            if self._has is not work:
                connection.send(("work", work))
                self._has = work
            connection.send(("part", part))

    def receive(self) -> Said:
        """What it says next."""
        process, connection = self.start()
        try:
            said: Said = connection.recv()
        except (EOFError, ConnectionResetError):
            process.join()
            connection.close()
            self._running = self.at = None
            return "died", f"the process for {self._device} ended ({_how(process.exitcode)})"
        if said[0] != "told":
            self.at = None
        return said

    def end(self) -> None:
        """End it; what it has encoded is stored first."""
        if self._running is None:
            return
        process, connection = self._running
        connection.close()
        if self.at is not None:
            process.terminate()
        process.join(_SECONDS_TO_END)
        if process.is_alive():
            process.kill()
            process.join()
        self._running = self._has = self.at = None


def _heard(workers: Iterable[_Worker]) -> list[tuple[_Worker, int]]:
    """Those that have something to say, with the position of their part; waits for the first."""
    busy = [(worker, worker.at) for worker in workers if worker.at is not None]
    heard = wait([worker.connection for worker, _ in busy])
    return [(worker, index) for worker, index in busy if worker.connection in heard]


def _lost(said: str) -> WorkerLostError:
    return WorkerLostError(
        f"{said}, as those before it that began this work. If it was for want of memory, name "
        "fewer devices."
    )


def _how(code: int | None) -> str:
    if code is None or code >= 0:
        return f"exit code {code}; what it says of it stands above"
    return signal.Signals(-code).name


def _serve(connection: Connection, visible: str | None) -> None:
    """Do what comes, in a process of its own, until the other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the runner is interrupted too, and ends us
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if visible is not None:
        os.environ[_VISIBLE] = visible
    work: Work[Any, Any] | None = None
    # Also at a terminal that is gone: nobody is left to do it for.
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            what, given = connection.recv()
            if what == "work":
                work = given
            elif work is not None:
                connection.send(_done(work, given, connection))


def _done(work: Work[Any, Any], part: Any, connection: Connection) -> Said:
    try:
        return "found", work.do(part, lambda event: connection.send(("told", event)))
    except ParalbenchError as error:
        return "raised", error


def spelt_out(asked: Sequence[str]) -> list[str]:
    """Devices by number where they have one; ``cuda`` stands for all.

    Raises:
        ParalbenchError: one is not on this machine.
    """
    import torch

    devices = []
    for name in asked:
        device = choose_device(name)
        if device == "cuda":
            devices += [f"cuda:{index}" for index in range(torch.cuda.device_count())]
        else:
            devices.append(device)
    return devices


def _visible(device: str) -> str | None:
    """The one GPU that a process sees, as this process's environment names it."""
    kind, _, number = device.partition(":")
    if kind != "cuda":
        return None
    visible = [name.strip() for name in os.environ.get(_VISIBLE, "").split(",") if name.strip()]
    return visible[int(number)] if visible else number
