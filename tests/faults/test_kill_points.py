"""A run that is killed at any point of its work with files is gone on with to the same end."""

import random
import signal

import pytest

from paralbench.features.maintenance.scrub import scrub_home
from paralbench.storage.atomic import PREFIX

POINTS, FAST = 50, 5


def killed_and_resumed(faulty, place, same, point, of):
    """Kill at a random event of a stratum, so that the points reach over the whole run."""
    events = faulty.events
    first, last = events * point // of, events * (point + 1) // of
    kill_at = random.Random(point).randint(first + 1, last)
    assert faulty(place, kill_at=kill_at) == -signal.SIGKILL
    assert faulty(place) == 0, place.told
    same(place)
    assert not list(place.folder.rglob(f"{PREFIX}*"))
    assert not scrub_home(place.home).damaged


@pytest.mark.parametrize("point", range(FAST))
def test_a_run_killed_at_a_few_points(faulty, place, same, point):
    killed_and_resumed(faulty, place, same, point, FAST)


@pytest.mark.slow
@pytest.mark.parametrize("point", range(POINTS))
def test_a_run_killed_at_fifty_random_points(faulty, place, same, point):
    killed_and_resumed(faulty, place, same, point, POINTS)


@pytest.mark.slow
def test_a_run_that_is_killed_again_and_again(faulty, place, same):
    """Each attempt may do a little more than the last one, and keeps what was done."""
    events = faulty.events
    attempts = 0
    while faulty(place, kill_at=15 * (attempts + 1)) == -signal.SIGKILL:
        attempts += 1
        assert 15 * attempts < events
    assert attempts > 5
    same(place)
