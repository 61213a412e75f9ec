"""A run that is killed goes on where it stopped, and ends with the tables of an undisturbed one."""

import os
import random
import signal
import subprocess
import sys
import time

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


def written(*folders):
    """How many files a run has written so far, which is how far it has come."""
    return sum(len(files) for folder in folders for _, _, files in os.walk(folder))


@pytest.fixture(scope="module")
def undisturbed(cards, tmp_path_factory):
    """The tables of a run that nothing disturbed, and how many files it wrote."""
    home, out = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("runs") / "run"
    environment = {**os.environ, "PARALBENCH_HOME": str(home)}
    subprocess.run(command(cards, out), env=environment, check=True, capture_output=True)
    return RunFolder(out), written(home, out)


def kill_often(cards, tmp_path, files, kills, seed):
    """Start the run over and over, killing it wherever it has come to; then let it end.

    A run is killed when it has written some number of files, and not after some number of
    seconds: a machine may be slow while the undisturbed run is timed and fast afterwards.
    """
    chance = random.Random(seed)
    home, out = tmp_path / "home", tmp_path / "run"
    environment = {**os.environ, "PARALBENCH_HOME": str(home)}
    for _ in range(kills):
        have = written(home, out)
        if have >= files - 1:
            break
        enough = chance.randint(have + 1, files - 1)
        process = subprocess.Popen(
            command(cards, out),
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        while process.poll() is None and written(home, out) < enough:
            time.sleep(0.002)
        assert process.poll() is None, "the run ended before it had written what a run writes"
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    last = subprocess.run(
        command(cards, out), env=environment, capture_output=True, text=True, check=False
    )
    assert last.returncode == 0, last.stderr
    return RunFolder(out)


def assert_same(found, expected):
    for table in SAME:
        pd.testing.assert_frame_equal(found.read(table), expected.read(table))
    assert found.read("failures").empty


@pytest.mark.slow  # tests/faults kills at counted points, quickly
def test_a_run_killed_three_times_ends_with_the_same_tables(cards, tmp_path, undisturbed):
    expected, files = undisturbed
    assert_same(kill_often(cards, tmp_path, files, kills=3, seed=0), expected)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_a_run_killed_many_times_ends_with_the_same_tables(cards, tmp_path, undisturbed, seed):
    expected, files = undisturbed
    assert_same(kill_often(cards, tmp_path, files, kills=10, seed=seed), expected)


@pytest.mark.slow
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
