"""Calls made one after another in a thread, while the caller goes on."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

_WAITING = 8  # calls; then the caller waits, so that memory is bounded


@contextmanager
def in_background(call: Callable[..., Any], waiting: int = _WAITING) -> Iterator[Callable]:
    """A function that has ``call`` called with its arguments, later and in order.

    An error of a call is raised by a later one, or at the end; calls after it are made all the
    same. At the end all calls have been made, also where the body has failed.

    Args:
        call: what is called; its result is dropped.
        waiting: how many calls may wait.
    """
    pending: deque[Future[Any]] = deque()
    with ThreadPoolExecutor(1, thread_name_prefix="paralbench-writer") as thread:

        def submit(*arguments: Any) -> None:
            while pending and (pending[0].done() or len(pending) >= waiting):
                pending.popleft().result()
            pending.append(thread.submit(call, *arguments))

        yield submit
        while pending:
            pending.popleft().result()
