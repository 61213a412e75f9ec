"""Keys and child processes for the storage tests."""

import hashlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest


@pytest.fixture
def key() -> Callable[[object], str]:
    """A sha256 in hex digits for anything."""
    return lambda thing: hashlib.sha256(str(thing).encode()).hexdigest()


@pytest.fixture
def spawn():
    """Starts a Python program; all of them are killed at the end of the test."""
    started = []

    def start(program: str, *arguments: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", program, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def run_and_kill(spawn):
    """Runs a program, kills it (-9) some time after its first line, returns its lines."""

    def run(program: str, *arguments: object, after: float) -> list[str]:
        process = spawn(program, *arguments)
        first = process.stdout.readline()
        assert first, process.stderr.read()
        time.sleep(after)
        process.send_signal(signal.SIGKILL)
        rest, _ = process.communicate()
        lines = (first + rest).splitlines(keepends=True)
        return [line.strip() for line in lines if line.endswith("\n")]

    return run
