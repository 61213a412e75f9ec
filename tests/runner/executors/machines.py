"""Machines with a home each, made up: what is done on them is done in this process.

They get copies of what travels to them, and give copies back.
"""

import pickle
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from paralbench.errors import Fault
from paralbench.runner.executors.work import Place, WorkerLostError


@dataclass
class Machines:
    """Does parts in turn on machines that have a home each, and may lose one with its work."""

    homes: list[Path]
    lost: list[int] = field(default_factory=list)  # positions of parts that are begun anew
    gone: list[int] = field(default_factory=list)  # positions of parts that are given up
    done: list[str] = field(default_factory=list)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def settle(self, request):
        return request, Place(slots=2, parts=2, patience=60.0)

    def run(self, work, parts, told):
        copies = {home: pickle.dumps(work) for home in self.homes}
        works = {}
        for index, part in enumerate(parts):
            first, second = (self.homes[(index + one) % len(self.homes)] for one in (0, 1))
            turns = [first, second] if index in self.lost else [first]
            for home in turns:
                with pytest.MonkeyPatch.context() as patch:
                    patch.setenv("PARALBENCH_HOME", str(home))
                    if home not in works:
                        works[home] = pickle.loads(copies[home])
                    load = pickle.loads(pickle.dumps(part))
                    found = works[home].do(load, lambda event, index=index: told(index, event))
                self.done.append(home.name)
            if index in self.gone:
                found = Fault.of(WorkerLostError("a task was lost"))
            yield index, pickle.loads(pickle.dumps(found))
