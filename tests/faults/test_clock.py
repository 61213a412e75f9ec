"""A wall clock that jumps: nothing that is computed or kept depends on it."""

import os
import random
import shutil
import signal
import time

import pytest


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_the_clock_jumps_by_days_within_a_run(faulty, place, same, seed):
    assert faulty(place, clock=seed) == 0, place.told
    same(place)


@pytest.mark.slow
def test_the_clock_jumps_between_a_killed_run_and_the_next(faulty, place, same):
    """Files seem to be of yesterday or of tomorrow."""
    assert faulty(place, kill_at=faulty.events * 2 // 3) == -signal.SIGKILL
    chance = random.Random(0)
    for path in sorted(place.folder.rglob("*")):
        moment = time.time() + chance.choice([-1, 1]) * 86_400 * chance.uniform(0.5, 2)
        os.utime(path, (moment, moment))
    assert faulty(place, clock=5) == 0, place.told
    same(place)


@pytest.mark.slow
def test_a_store_that_came_from_another_clock_is_read_as_it_is(faulty, copy_of_undisturbed, same):
    place = copy_of_undisturbed
    shutil.rmtree(place.out)
    for path in sorted(place.home.rglob("*")):
        os.utime(path, (0, 0))
    assert faulty(place) == 0, place.told
    assert "0 utterances encoded" in place.told
    same(place)
