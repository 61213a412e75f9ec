"""Work whose end is known, imported by name in processes of the tests."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from paralbench.errors import ParalbenchError
from paralbench.runner.executors.work import Work


@dataclass
class Squares(Work[int, tuple[int, int, str]]):
    """The square of a number, with the process and home that found it."""

    memory = 1 << 20
    seconds: float = 0.0

    def do(self, part, tell):
        tell(f"{part} is begun")
        time.sleep(self.seconds)
        return part**2, os.getpid(), os.environ["PARALBENCH_HOME"]


@dataclass
class Killed(Work[int, int]):
    """Its process is killed at part 1, as often as is asked for."""

    folder: Path
    times: int
    memory = 1 << 20

    def do(self, part, tell):
        if part == 1:
            tried = len(list(self.folder.glob("tried-*")))
            (self.folder / f"tried-{tried}").touch()
            if tried < self.times:
                os.kill(os.getpid(), signal.SIGKILL)
        return part


@dataclass
class Refused(Work[int, int]):
    """Raises what ends a run."""

    memory = 1 << 20

    def do(self, part, tell):
        raise ParalbenchError(f"no room for {part}")


@dataclass
class Broken(Work[int, int]):
    """Raises what nobody expects."""

    memory = 1 << 20

    def do(self, part, tell):
        raise NotADirectoryError("a fault of ours")
