"""The executor that a request asks for."""

from collections.abc import Callable
from pathlib import Path

from paralbench import paths
from paralbench.runner.executors.local import Local
from paralbench.runner.executors.processes import Processes
from paralbench.runner.executors.work import Executor
from paralbench.runner.request import Request


def choose_executor(request: Request, out: Path, say: Callable[[str], None]) -> Executor:
    """The executor of a run, which begins its work when it is entered.

    Args:
        request: what is asked for.
        out: the run folder.
        say: told of what is worth a line.

    Raises:
        MissingExtraError: it needs a package that is not installed.
        ParalbenchError: the address of the store is none.
        StoreError: it does not answer.
    """
    if request.executor == "ray":
        from paralbench.runner.executors.ray_cluster import RayCluster

        home = paths.home()
        if request.store is None:
            return RayCluster(request.address, home, out.resolve(), say)
        from paralbench.runner.executors.exchanging import Exchanging

        cluster = RayCluster(request.address, None, None, say, request.store)
        return Exchanging(cluster, request.store, home)
    return Processes(request.devices, say) if request.devices else Local()
