"""A run that is killed goes on where it stopped, and ends with the tables of an undisturbed one."""

import os
import random
import signal
import subprocess
import sys

import pandas as pd
import pytest

from paralbench.tables import RunFolder

ARGUMENTS = (
    "--upstreams",
    "fbank,prosody",
    "--tasks",
    "voices-emotion,voices-gender",
    "--seeds",
    "2",
)
SAME = ("scores", "predictions", "confusion", "selection", "audit", "manifest")


def command(cards, out):
    arguments = ["run", "--cards", str(cards), "--out", str(out), *ARGUMENTS]
    return [sys.executable, "-m", "paralbench", *arguments]


@pytest.fixture(scope="module")
def undisturbed(cards, tmp_path_factory):
    """The tables of a run that nothing disturbed, and how long it took."""
    import time

    home, out = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("runs") / "run"
    started = time.monotonic()
    environment = {**os.environ, "PARALBENCH_HOME": str(home)}
    subprocess.run(command(cards, out), env=environment, check=True, capture_output=True)
    return RunFolder(out), time.monotonic() - started


def kill_often(cards, tmp_path, seconds, kills, seed):
    """Start the run over and over, killing it at random times; then let it end."""
    chance = random.Random(seed)
    environment = {**os.environ, "PARALBENCH_HOME": str(tmp_path / "home")}
    killed = 0
    for _ in range(kills):
        process = subprocess.Popen(
            command(cards, tmp_path / "run"),
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            process.wait(chance.uniform(0.1, 1.0) * seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            killed += 1
    last = subprocess.run(
        command(cards, tmp_path / "run"),
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert last.returncode == 0, last.stderr
    assert killed
    return RunFolder(tmp_path / "run")


def assert_same(found, expected):
    for table in SAME:
        pd.testing.assert_frame_equal(found.read(table), expected.read(table))
    assert found.read("failures").empty


def test_a_run_killed_three_times_ends_with_the_same_tables(cards, tmp_path, undisturbed):
    expected, seconds = undisturbed
    assert_same(kill_often(cards, tmp_path, seconds, kills=3, seed=0), expected)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_a_run_killed_many_times_ends_with_the_same_tables(cards, tmp_path, undisturbed, seed):
    expected, seconds = undisturbed
    assert_same(kill_often(cards, tmp_path, seconds, kills=10, seed=seed), expected)


def test_two_processes_on_one_run_end_with_the_same_tables(cards, tmp_path, undisturbed):
    expected, _ = undisturbed
    environment = {**os.environ, "PARALBENCH_HOME": str(tmp_path / "home")}
    both = [
        subprocess.Popen(
            command(cards, tmp_path / "run"),
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in both:
        _, told = process.communicate(timeout=300)
        assert process.returncode == 0, told
    assert_same(RunFolder(tmp_path / "run"), expected)
