"""Command lines in which something goes wrong, and what an undisturbed one leaves."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.runner import conftest as runner

from paralbench.storage.index import KEYS
from paralbench.storage.shards import Shard, list_shards
from paralbench.tables import RunFolder

cards = runner.cards

ARGUMENTS = ["--upstreams", "fbank", "--tasks", "voices-emotion,voices-gender", "--seeds", "1"]
ARGUMENTS += ["--recipes", "ridge", "--threads", "1"]
SAME = ("scores", "predictions", "confusion", "selection", "audit", "manifest")


class Faulty:
    """Starts command lines through ``faulty.py``."""

    def __init__(self, cards: Path, undisturbed: "Place"):
        self.cards = cards
        request = self.request(undisturbed)
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("faulty.py")), *request["arguments"]],
            env={**os.environ, "PARALBENCH_HOME": request["home"]},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.events = int(self._process.stdout.readline())

    def close(self):
        """End it."""
        self._process.stdin.close()
        self._process.wait(timeout=60)
        self._process.stdout.close()

    def together(self, *requests: dict) -> list[int]:
        """Run command lines at the same time; their exit codes, minus the signal if killed."""
        self._process.stdin.write(json.dumps(requests) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def request(self, place: "Place", *arguments, **fault) -> dict:
        """A request; without arguments it is the run."""
        given = arguments or ("run", "--cards", self.cards, "--out", place.out, *ARGUMENTS)
        place.log.parent.mkdir(parents=True, exist_ok=True)
        return {
            "home": str(place.home),
            "log": str(place.log),
            "arguments": [str(one) for one in given],
            **fault,
        }

    def __call__(self, place: "Place", *arguments, **fault) -> int:
        """Run one command line; see :meth:`request`."""
        return self.together(self.request(place, *arguments, **fault))[0]


@dataclass(frozen=True)
class Place:
    """Where a run keeps its things."""

    folder: Path

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def out(self) -> Path:
        return self.folder / "run"

    @property
    def log(self) -> Path:
        return self.folder / "log.txt"

    @property
    def told(self) -> str:
        """What the last command printed."""
        return self.log.read_text()

    def shards(self, part: str = "means") -> list[Path]:
        """The shards of all spaces."""
        folders = sorted((self.home / "features").glob(f"*/{part}"))
        return [path for folder in folders for path in list_shards(folder)]

    def features(self) -> dict[bytes, np.ndarray]:
        """Every row of the means, by key."""
        found = {}
        for path in self.shards():
            arrays = Shard.open(path).arrays
            for key, row in zip(arrays[KEYS], arrays["mean"], strict=True):
                found.setdefault(key.tobytes(), row)
        return found


@pytest.fixture(scope="session")
def undisturbed(cards, tmp_path_factory):
    """A run that nothing disturbed, and what starts others."""
    place = Place(tmp_path_factory.mktemp("undisturbed"))
    faulty = Faulty(cards, place)
    yield place, faulty
    faulty.close()


@pytest.fixture(scope="session")
def faulty(undisturbed):
    """Starts command lines in which something goes wrong."""
    return undisturbed[1]


@pytest.fixture
def place(tmp_path) -> Place:
    """A place of its own for a run."""
    return Place(tmp_path / "place")


@pytest.fixture
def same(undisturbed):
    """Assert that a run ended with the tables, and the features, of an undisturbed one."""

    def check(place: Place) -> None:
        expected, _ = undisturbed
        found = RunFolder(place.out)
        for table in SAME:
            pd.testing.assert_frame_equal(found.read(table), RunFolder(expected.out).read(table))
        assert found.read("failures").empty
        features, wanted = place.features(), expected.features()
        assert features.keys() == wanted.keys()
        for key, row in wanted.items():
            np.testing.assert_array_equal(features[key], row)

    return check


@pytest.fixture
def copy_of_undisturbed(undisturbed, place):
    """A copy of the undisturbed run and its home."""
    shutil.copytree(undisturbed[0].folder, place.folder)
    return place


@pytest.fixture
def read_only():
    """Make folders read-only, also for root, by a mount; for others by their permissions."""
    mounted, changed = [], []

    def make(folder: Path) -> None:
        if os.geteuid():
            for path in (folder, *folder.rglob("*")):
                changed.append((path, path.stat().st_mode))
                path.chmod(path.stat().st_mode & ~0o222)
            return
        for command in (
            ["mount", "--bind", str(folder), str(folder)],
            ["mount", "-o", "remount,bind,ro", str(folder)],
        ):
            if shutil.which("mount") is None:
                pytest.skip("needs another platform: no mount command")
            done = subprocess.run(command, capture_output=True, check=False)
            if done.returncode:
                pytest.skip("needs another platform: the right to mount a folder read-only")
            if folder not in mounted:
                mounted.append(folder)

    yield make
    for folder in reversed(mounted):
        subprocess.run(["umount", str(folder)], check=True)
    for path, mode in reversed(changed):
        path.chmod(mode)
