"""How soon the command line answers, beside importing torch."""

import statistics
import subprocess
import sys
import time

import pytest

COMMANDS = {
    "paralbench list upstreams": ["-m", "paralbench", "list", "upstreams"],
    "paralbench --help": ["-m", "paralbench", "--help"],
}
BASELINE = ["-c", "import torch"]
RUNS = 7


def seconds(arguments):
    started = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


@pytest.mark.slow
def test_startup(record):
    times = {name: [] for name in [*COMMANDS, "baseline"]}
    for _ in range(RUNS):  # in turn, so that a slow spell of the machine touches all alike
        for name, arguments in COMMANDS.items():
            times[name].append(seconds(arguments))
        times["baseline"].append(seconds(BASELINE))
    rows = [
        {
            "measure": name,
            "ours": statistics.median(times[name]),
            "baseline": statistics.median(times["baseline"]),
            "unit": "s, median of 7; baseline: import torch",
            "target": "0.5 s",
            "command": "pytest tests/performance/test_startup.py",
        }
        for name in COMMANDS
    ]
    text = record("startup", rows).read_text()
    assert all(name in text for name in COMMANDS)
