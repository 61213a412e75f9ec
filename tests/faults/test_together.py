"""Two runs on one store, and a store that is looked after while a run writes to it."""

import shutil
import signal

import pytest

from paralbench.storage.shards import Shard


@pytest.mark.slow
def test_two_runs_on_one_store_and_in_folders_of_their_own(faulty, place, same):
    other = type(place)(place.folder.with_name("other"))
    other.folder.mkdir()
    place.home.mkdir(parents=True)
    other.home.symlink_to(place.home)
    both = faulty.request(place), faulty.request(other)
    assert faulty.together(*both) == [0, 0], place.told + other.told
    same(place)
    same(other)


@pytest.mark.slow
def test_one_of_two_is_killed(faulty, place, same):
    killed = faulty.request(place, kill_at=faulty.events // 2)
    assert faulty.together(killed, faulty.request(place)) == [-signal.SIGKILL, 0], place.told
    same(place)


@pytest.mark.slow
def test_shards_are_made_into_larger_ones_while_a_run_writes_them(faulty, place, same):
    requests = [faulty.request(place)]
    for number in range(4):
        sweeper = type(place)(place.folder / f"sweeper-{number}")
        request = faulty.request(sweeper, "store", "gc", "--yes")
        requests.append({**request, "home": str(place.home)})
    codes = faulty.together(*requests)
    assert codes == [0] * 5, place.told
    same(place)
    assert faulty(place, "store", "gc", "--yes") == 0
    (shard,) = place.shards()
    assert len(Shard.open(shard).arrays["keys"]) == 36
    same(place)


def test_halves_of_a_store_from_two_machines_are_merged(faulty, undisturbed, place, same):
    """A run on the merged store encodes nothing and ends with the tables of one machine."""
    whole = undisturbed[0]
    for number in (0, 1):
        half = place.folder / f"half-{number}" / "features"
        shutil.copytree(whole.home / "features", half)
        for shard in sorted(half.glob("*/means/*.safetensors"))[number::2]:
            shard.unlink()
    halves = sorted(place.folder.glob("half-*"))
    assert faulty(place, "store", "merge", *halves) == 0, place.told
    assert "36 means" not in place.told
    assert faulty(place) == 0, place.told
    assert "0 utterances encoded" in place.told
    same(place)
    assert faulty(place, "store", "merge", *halves) == 0
    assert place.told.count("taken: nothing") == 2
