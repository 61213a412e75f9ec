"""A Ray cluster: each part of the work is a task that asks for a GPU, processors and memory.

A task whose node or process is lost is begun again by Ray elsewhere, and goes on from what it had
stored. All nodes see one PARALBENCH_HOME and one run folder, which is checked on each; or each has
its own, and they reach an address by which they exchange files, which is checked too.
"""

import importlib.util
import itertools
import logging
import os
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from paralbench import __version__
from paralbench.errors import Fault, MissingExtraError, ParalbenchError, StoreError
from paralbench.runner.executors.work import (
    Found,
    Part,
    Place,
    Results,
    Told,
    Work,
    WorkerLostError,
)
from paralbench.runner.shared_folder import PATIENCE, await_content, identity
from paralbench.storage.remote import Remote

if TYPE_CHECKING:
    from paralbench.runner.request import Request

_own_home = os.environ.get("PARALBENCH_HOME")  # of this node, before a run's was set

RETRIES = 5  # of a part whose node or process is lost
_TELL_EVERY = 0.5  # seconds
_SECONDS_TO_LOOK = 120.0  # until each node has said whether it sees the folders


def require_ray() -> None:
    """Raise where Ray is not installed.

    Raises:
        MissingExtraError: it is not; the message gives the pip command.
    """
    if importlib.util.find_spec("ray") is None:
        raise MissingExtraError("the executor 'ray'", "ray")


@dataclass(frozen=True)
class Site:
    """What every node has to see.

    Attributes:
        home: PARALBENCH_HOME; None where each node works in its own.
        marks: a file in each shared folder, and what stands in it.
        store: the address by which nodes with homes of their own exchange files.
    """

    home: Path | None
    marks: tuple[tuple[Path, str], ...] = ()
    store: str | None = None

    @classmethod
    def here(cls, home: Path, out: Path) -> "Site":
        """The site as this machine sees it."""
        return cls(home, tuple(identity(folder) for folder in (home, out)))

    def enter(self, patience: float = PATIENCE) -> None:
        """Check that this machine is on the site, and work in its home from now on.

        Raises:
            StoreError: it does not see a folder, or another one in its place.
        """
        for file, content in self.marks:
            if not await_content(file, content, patience):
                raise StoreError(
                    f"{socket.gethostname()} does not see the folder {file.parent} that the run "
                    "began with. All nodes need the same PARALBENCH_HOME and the same --out, on a "
                    "file system that they share."
                )
        if self.home is not None:
            os.environ["PARALBENCH_HOME"] = str(self.home)
        elif _own_home is not None:
            os.environ["PARALBENCH_HOME"] = _own_home
        else:
            os.environ.pop("PARALBENCH_HOME", None)


class RayCluster:
    """The nodes of a Ray cluster.

    Args:
        address: ``auto`` (the cluster that this machine is part of), ``HOST:PORT``,
            ``ray://HOST:PORT``; None starts one on this machine alone.
        home, out: the folders that all nodes see; None where each has its own.
        say: told what kind of cluster it is, and of what was lost.
        store: the address that all nodes reach, where they share no folders.
    """

    def __init__(
        self,
        address: str | None,
        home: Path | None,
        out: Path | None,
        say: Callable[[str], None],
        store: str | None = None,
    ):
        require_ray()
        self._address, self._home, self._out, self._say = address, home, out, say
        self._store = store
        self._needs: dict[str, float] = {}
        self._most_memory = 0
        self._began = False
        self._runs = itertools.count()

    def __enter__(self) -> Self:
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        if self._home is None or self._out is None:
            self._site = Site(None, store=self._store)
        else:
            self._site = Site.here(self._home, self._out)
        if not ray.is_initialized():
            os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent anywhere
            try:
                ray.init(
                    self._address,
                    include_dashboard=False if self._address is None else None,
                    log_to_driver=False,
                    logging_level=logging.WARNING,
                )
            except (ConnectionError, ValueError, RuntimeError) as error:
                raise ParalbenchError(
                    f"address: no Ray cluster at {self._address!r}: {error}"
                ) from error
            self._began = True
        # With this process, so that it is not lost with a node.
        me = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        board = ray.remote(_Board).options(num_cpus=0, max_restarts=-1, scheduling_strategy=me)
        self._board: Any = board.remote()
        self._do: Any = ray.remote(_do)
        return self

    def __exit__(self, *error: Any) -> None:
        import ray

        if self._began:
            ray.shutdown()
        else:
            ray.kill(self._board)

    def settle(self, request: "Request") -> "tuple[Request, Place]":
        """The request with the kind of device, and the threads of each task.

        Raises:
            ParalbenchError: no node has what a task asks for.
            StoreError: a node does not see the folders.
        """
        nodes = self._nodes()
        gpus = sum(node.get("GPU", 0) for node in nodes.values())
        device = request.device.partition(":")[0]
        if device == "auto":
            device = "cuda" if gpus else "cpu"
        threads = request.threads or 1
        self._needs = {"num_cpus": threads, "num_gpus": 1 if device == "cuda" else 0}
        fits = [
            min(node.get("CPU", 0) // threads, node.get("GPU", 0) if device == "cuda" else 1e9)
            for node in nodes.values()
        ]
        slots = int(sum(fits))
        if slots == 0:
            raise ParalbenchError(
                f"no node of the Ray cluster has {threads} CPUs"
                f"{' and a GPU' if device == 'cuda' else ''}, which a task asks for. It has: "
                f"{'; '.join(map(_resources, nodes.values()))}. Give fewer --threads, or another "
                "--device."
            )
        self._most_memory = int(max(node.get("memory", 0) for node in nodes.values()))
        self._look(list(nodes))
        self._say(f"ray: {len(nodes)} nodes, {slots} tasks at a time on {device}")
        # Ray ends a process with each task that had a GPU, and loading costs seconds.
        parts = 2 if device == "cuda" else 4
        # More than one slot, so that the work is cut whatever nodes come and go.
        place = Place(max(slots, 2), parts, PATIENCE)
        return replace(request, device=device, threads=threads), place

    def run(self, work: Work[Part, Found], parts: Sequence[Part], told: Told) -> Results[Found]:
        """Do the parts as tasks."""
        import ray

        do = self._do.options(
            **self._needs,
            memory=min(work.memory, self._most_memory),
            max_retries=RETRIES,
            retry_exceptions=False,
        )
        held = [ray.put(work)]  # in a list, so that Ray leaves it to the task to fetch it
        run = next(self._runs)  # what tasks of an earlier one tell late is not ours
        tasks = {
            do.remote(held, part, (run, index), self._board, self._site): index
            for index, part in enumerate(parts)
        }
        try:
            while tasks:
                ready, _ = ray.wait(list(tasks), timeout=_TELL_EVERY)
                for (of, index), event in self._told():
                    if of == run:
                        told(index, event)
                for task in ready:
                    yield tasks.pop(task), _result(task)
        finally:
            for task in tasks:
                ray.cancel(task, force=True)

    def _told(self) -> "list[tuple[Of, Any]]":
        """What tasks told since; it may be lost, and then what came of them tells."""
        import ray
        from ray import exceptions

        try:
            return ray.get(self._board.take.remote())
        except exceptions.RayActorError:
            return []

    def _nodes(self) -> dict[str, dict[str, float]]:
        """What each node has that is alive and takes tasks, by its id."""
        import ray

        return {
            node["NodeID"]: node["Resources"]
            for node in ray.nodes()
            if node["Alive"] and node["Resources"].get("CPU")
        }

    def _look(self, nodes: Sequence[str]) -> None:
        """Let each node say whether it has this version and sees the folders."""
        import ray
        from ray import exceptions
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        look: Any = ray.remote(_look)
        asked = [
            look.options(
                num_cpus=0, scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False)
            ).remote(self._site)
            for node in nodes
        ]
        try:
            found = ray.get(asked, timeout=_SECONDS_TO_LOOK)
        except exceptions.RayError as error:
            raise ParalbenchError(
                f"a node of the Ray cluster cannot run paralbench {__version__}: {error}\nInstall "
                "the same version for Ray's Python on every node."
            ) from error
        for host, version, fault in found:
            if version != __version__:
                raise ParalbenchError(
                    f"{host} has paralbench {version}, this machine {__version__}. Install the "
                    "same version on every node."
                )
            if fault is not None:
                raise StoreError(fault.message)


Of = tuple[int, int]  # a run of the executor, and the position of a part in it


class _Board:
    """An actor that keeps what tasks tell until the runner takes it."""

    def __init__(self):
        self._events: list[tuple[Of, Any]] = []

    def tell(self, of: Of, event: Any) -> None:
        self._events.append((of, event))

    def take(self) -> list[tuple[Of, Any]]:
        events, self._events = self._events, []
        return events


_held: tuple[Any, Work[Any, Any]] | None = None  # what this process did a part of last


def _do(held: list[Any], part: Any, of: Of, board: Any, site: Site) -> Any:
    """Do a part, in a process of the cluster; a work is fetched once by each."""
    import ray

    global _held
    site.enter()
    if _held is None or _held[0] != held[0]:
        _held = None  # the last one's encoder goes before the next comes
        _held = held[0], ray.get(held[0])
    return _held[1].do(part, lambda event: board.tell.remote(of, event))


def _look(site: Site) -> tuple[str, str, Fault | None]:
    """This node's name and version, and whether it lacks a folder or does not reach the store."""
    try:
        site.enter()
        if site.store is not None:
            _reach(site.store)
    except ParalbenchError as error:
        return socket.gethostname(), __version__, Fault.of(error)
    return socket.gethostname(), __version__, None


def _reach(address: str) -> None:
    """See that this node reaches an address.

    Raises:
        StoreError: it does not, or lacks what opens it.
    """
    try:
        Remote(address).look()
    except ParalbenchError as error:
        raise StoreError(f"{socket.gethostname()}: {error}") from error


def _result(task: Any) -> Any:
    """What came of a task that has ended.

    Raises:
        ParalbenchError: what its part raised.
    """
    import ray
    from ray import exceptions

    try:
        return ray.get(task)
    except exceptions.RayTaskError as error:
        if isinstance(error.cause, ParalbenchError):
            raise error.cause from None
        raise
    except exceptions.RayError as error:
        said = str(error).strip().partition("\n")[0]
        return Fault.of(
            WorkerLostError(f"a task was lost and begun again {RETRIES} times, the last: {said}")
        )


def _resources(node: dict[str, float]) -> str:
    return f"{node.get('CPU', 0):.0f} CPUs, {node.get('GPU', 0):.0f} GPUs"
