"""What a long run tells while it works: one display in a terminal, plain lines elsewhere."""

import sys
import time
from typing import Protocol, TextIO


class Progress(Protocol):
    """Told by the executor where it is."""

    def line(self, text: str) -> None:
        """Something happened that is worth a line."""
        ...

    def work(self, what: str, done: float, total: float, unit: str) -> None:
        """``done`` of ``total`` units of a piece of work are finished."""
        ...


class Quiet:
    """Says nothing."""

    def line(self, text: str) -> None:
        """Say nothing."""

    def work(self, what: str, done: float, total: float, unit: str) -> None:
        """Say nothing."""


class Lines:
    """Plain lines, for pipes and logs; work is told of every ten seconds and at its end.

    Args:
        stream: where to; standard error, so that standard output keeps the results.
    """

    def __init__(self, stream: TextIO | None = None):
        self._stream = stream or sys.stderr
        self._told = 0.0
        self._started: dict[str, float] = {}
        self._finished: set[str] = set()

    def line(self, text: str) -> None:
        """Print a line."""
        print(text, file=self._stream, flush=True)

    def work(self, what: str, done: float, total: float, unit: str) -> None:
        """Print a line now and then, with an estimate of what is left."""
        now = time.monotonic()
        started = self._started.setdefault(what, now)
        if (done < total and now - self._told < 10) or what in self._finished:
            return
        self._told = now
        left = ""
        if 0 < done < total:
            left = f", about {_clock((now - started) * (total - done) / done)} left"
        self.line(f"{what}: {done:.0f} of {total:.0f} {unit}{left}")
        if done >= total:
            self._finished.add(what)


class Bars:
    """One rich display, for a terminal."""

    def __init__(self):
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        self._display = RichProgress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[amount]}"),
            TimeRemainingColumn(),
            transient=True,
            console=Console(stderr=True),
        )
        self._tasks: dict[str, int] = {}

    def __enter__(self) -> "Bars":
        self._display.start()
        return self

    def __exit__(self, *_error) -> None:
        self._display.stop()

    def line(self, text: str) -> None:
        """Print a line above the bars."""
        self._display.console.print(text, markup=False, highlight=False, style="dim")

    def work(self, what: str, done: float, total: float, unit: str) -> None:
        """Move a bar."""
        from rich.progress import TaskID

        amount = f"{done:.0f}/{total:.0f} {unit}"
        if what not in self._tasks:
            self._tasks[what] = self._display.add_task(what, total=total, amount=amount)
        task = TaskID(self._tasks[what])
        self._display.update(task, completed=done, total=total, amount=amount)
        if done >= total:
            self._display.remove_task(task)
            del self._tasks[what]


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
