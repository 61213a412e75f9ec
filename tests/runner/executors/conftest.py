"""A run on made-up voices in this process, with which the executors' are compared."""

import importlib
import sys
from pathlib import Path

import pandas as pd
import pytest

from paralbench.cards import load_catalogue
from paralbench.runner import extraction
from paralbench.runner.execute import execute
from paralbench.runner.request import Request
from paralbench.tables import RunFolder

HERE = Path(__file__).parent
SAME = ("scores", "predictions", "confusion", "selection", "audit", "manifest")


def _module(name: str, folder: Path):
    """A module that other processes find by its name, as they have this one's path."""
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    return importlib.import_module(name)


@pytest.fixture(scope="session")
def works():
    return _module("made_up_work", HERE)


@pytest.fixture(scope="session")
def fakes():
    return _module("fake_encoders", HERE.parents[1] / "features")


class Noted:
    """Keeps what a run tells."""

    def __init__(self):
        self.lines: list[str] = []
        self.works: dict[str, list[tuple[float, float]]] = {}

    def line(self, text):
        self.lines.append(text)

    def work(self, what, done, total, unit):
        self.works.setdefault(what, []).append((done, total))


@pytest.fixture
def noted():
    return Noted()


def request_of(**changes):
    given = {
        "upstreams": ("fbank",),
        "tasks": ("voices-emotion", "voices-leaky"),
        "recipes": ("paralbench", "ridge", "majority"),
        "seeds": 1,
        "threads": 1,
        "device": "cpu",
    }
    return Request(**{**given, **changes})


@pytest.fixture(scope="session")
def run(cards):
    """Run the made-up voices: ``run(home, out, progress, **changes of the request)``."""

    def run(home, out, progress=None, own=(), **changes):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PARALBENCH_HOME", str(home))
            patch.setitem(extraction.LEAST_SECONDS, "cpu", 4.0)  # parts of a few seconds
            catalogue = load_catalogue([cards])
            summary = execute(catalogue, request_of(**changes), out, progress=progress, own=own)
        return RunFolder(out), summary

    return run


@pytest.fixture(scope="session")
def local(run, tmp_path_factory):
    """The tables of a run in this process."""
    folder = tmp_path_factory.mktemp("local")
    return run(folder / "home", folder / "run")


@pytest.fixture(scope="session")
def assert_same():
    """The tables of two runs are equal to the bit, failures but for their time."""

    def check(found: RunFolder, expected: RunFolder):
        for table in SAME:
            pd.testing.assert_frame_equal(found.read(table), expected.read(table))
        failures = [run.read("failures").drop(columns="when") for run in (found, expected)]
        pd.testing.assert_frame_equal(*failures)

    return check


@pytest.fixture
def shards_written():
    """How many files of means a home's spaces hold: one for each part of an extraction."""

    def count(home: Path) -> int:
        return len(list(Path(home).glob("features/*/means/*.safetensors")))

    return count
