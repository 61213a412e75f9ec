"""Homes that meet at an address: nothing travels twice, nothing damaged or foreign is taken."""

import json
import shutil

import numpy as np
import pytest
from tests.features.maintenance.conftest import assert_heard, contents, shipped

from paralbench.errors import StoreError
from paralbench.features.budget import recall, remember
from paralbench.features.extract import extract
from paralbench.features.maintenance.exchange import push_store
from paralbench.features.maintenance.pull import pull_store
from paralbench.features.store import FeatureStore
from paralbench.storage.compacting import compact
from paralbench.storage.remote import Remote
from paralbench.storage.shards import list_shards


@pytest.fixture
def folder(tmp_path):
    """An address that is a folder: the address, and the folder."""
    return Remote(f"file://{tmp_path}/there"), tmp_path / "there"


def test_what_is_pushed_is_pulled_to_the_byte(remote, filled):
    here, other = filled("here"), filled("other")
    space = here.fill(range(8), moments=True)
    here.fill(range(4), options={"bins": 3}).exclude(dict.fromkeys(contents([50]), "too-short"))
    remember(space.folder, "a device", 5)
    expected = push_store(here.home, remote, dry_run=True)
    with pytest.raises(StoreError, match="no features here"):
        pull_store(other.home, remote)
    done = push_store(here.home, remote)
    assert done == expected
    assert done.rows == {"means": 12, "moments": 8, "excluded": 1}
    assert (done.spaces, done.files, done.known) == (2, 14, 0)
    would = pull_store(other.home, remote, dry_run=True)
    assert not other.home.exists()
    told = []
    taken = pull_store(other.home, remote, progress=lambda *sizes: told.append(sizes))
    assert (taken.rows, would.rows) == (done.rows, done.rows)
    assert other.files() == here.files()
    assert told[-1][0] <= told[-1][1]
    assert recall(other.space().folder, "a device") == 5


def test_nothing_travels_twice(remote, filled):
    here, other = filled("here"), filled("other")
    here.fill(range(8))
    push_store(here.home, remote)
    pull_store(other.home, remote)
    before = remote.sizes("", below=True)
    for home in (here.home, other.home):
        again = push_store(home, remote)
        assert (again.rows, again.files, again.known) == ({}, 0, 8)
        again = pull_store(home, remote)
        assert (again.rows, again.files, again.known) == ({}, 0, 8)
    # Nor where the same rows lie in other shards.
    for home in (here.home, other.home):
        for path in home.glob("features/*/means"):
            assert compact(path).before
        assert push_store(home, remote).files == 0
        assert pull_store(home, remote).files == 0
    assert remote.sizes("", below=True) == before


def test_rows_of_several_homes_meet_and_those_that_are_here_stay(remote, filled):
    here, other = filled("here"), filled("other")
    here.fill([1, 2]).exclude(dict.fromkeys(contents([3]), "too-short"))
    other.space().append(contents([2, 5]), np.full((2, 2, 3), 5), np.array([6, 6]))
    other.space().exclude(dict.fromkeys(contents([1]), "not-finite-features"))
    other.fill([3, 4])
    push_store(here.home, remote)
    assert push_store(other.home, remote).rows == {"means": 3, "excluded": 1}
    assert pull_store(here.home, remote).rows == {"means": 2}  # of two shards, one row each
    space = here.space()
    mean = space.mean(contents([1, 2, 4, 5]))  # the other home's mean of 2 was 5
    np.testing.assert_array_equal(mean[:, 0, 0], [1, 2, 4, 5])
    assert len(space) == 4
    assert space.excluded(contents(range(6))) == {contents([3])[0]: "too-short"}
    assert pull_store(here.home, remote).rows == {}


def test_a_damaged_file_there_is_named_and_the_rest_is_taken(folder, filled, numbers_of):
    remote, there = folder
    here, other = filled("here"), filled("other")
    space = here.fill(range(8))
    remember(space.folder, "a device", 5)
    push_store(here.home, remote)
    first, second, *_ = list_shards(there / "features" / space.key / "means")
    first.write_bytes(first.read_bytes()[:-1] + b"\xff")
    second.write_bytes(second.read_bytes()[:100])
    (budget,) = there.glob("features/*/budgets/*.json")
    budget.write_text(json.dumps({"budget": 7, "device": "another"}))
    done = pull_store(other.home, remote)
    names = {f"{remote}/{path.relative_to(there)}" for path in (first, second, budget)}
    assert set(done.damaged) == names
    assert len(numbers_of(other.space())) == 4
    assert not list(other.home.rglob("*unfinished*"))
    # A push says what is damaged there, and what is truncated is sent anew.
    assert len(push_store(here.home, remote).damaged) == 1
    assert pull_store(other.home, remote).rows == {"means": 2}


def test_a_damaged_shard_here_is_not_sent(remote, filled):
    here = filled("here")
    bad = list_shards(here.fill(range(6)).folder / "means")[1]
    bad.write_bytes(bad.read_bytes()[:-1] + b"\xff")
    done = push_store(here.home, remote)
    assert list(done.damaged) == [str(bad)]
    assert done.rows == {"means": 4}
    assert f"features/{here.space().key}/means/{bad.name}" not in remote.sizes("", below=True)


def test_what_is_not_ours_there_is_passed_over(folder, filled):
    remote, there = folder
    here, other = filled("here"), filled("other")
    space = here.fill(range(4))
    push_store(here.home, remote)
    mine = there / "features" / space.key
    shard = list_shards(mine / "means")[0]
    shutil.copy(shard, mine / "means" / "weights.safetensors")
    (mine / "frames" / "layer-0-float99").mkdir(parents=True)
    shutil.copy(shard, mine / "frames" / "layer-0-float99")
    (there / "features" / "notes.txt").write_text("mine")
    (there / "features" / "encoders").mkdir()
    (there / "features" / "encoders" / "a.json").write_text("{}")
    shutil.copytree(mine, mine.with_name("0" * 64))  # of another description
    done = pull_store(other.home, remote)
    assert len(done.refused) == 6
    assert done.refused[f"{remote}/features/{'0' * 64}"].startswith("it has no description.json")
    assert other.files() == here.files()


def test_only_some_upstreams(remote, filled):
    here = filled("here")
    here.fill(range(4))
    here.fill(range(4), weights="1" * 64)  # fbank has none, so no card makes this
    here.fill(range(4), family="mfcc")
    push_store(here.home, remote)
    other = filled("other")
    cards = shipped().upstreams
    assert pull_store(other.home, remote, upstreams=("fbank",), cards=cards).spaces == 1
    assert len(other.space()) == 4


def test_halves_pulled_from_an_address_leave_nothing_to_encode(remote, tmp_path, noise, fakes):
    description = {"encoder": fakes.RoundingEncoder().weights_key}

    def encode(home, some):
        store = FeatureStore(home / "features")
        encoder = fakes.RoundingEncoder(window_samples=20_000)
        return extract(
            encoder,
            description,
            some,
            noise.cache,
            store,
            second_moments=True,
            frames_layer=-1,
        )

    halves = noise.contents[:15], noise.contents[15:]
    spaces = []
    for name, half in zip("ab", halves, strict=True):
        spaces.append(encode(tmp_path / name, half).space)
        push_store(tmp_path / name, remote)
    home = tmp_path / "home"
    done = pull_store(home, remote)
    assert {name: done.rows[name] for name in ("means", "moments", "frames")} == dict.fromkeys(
        ("means", "moments", "frames"), 40
    )
    again = encode(home, noise.contents)
    assert (again.encoded, again.reused) == (0, 40)
    for space, half in zip(spaces, halves, strict=True):
        np.testing.assert_array_equal(again.space.mean(half), space.mean(half))
        np.testing.assert_array_equal(again.space.moments(half), space.moments(half))


def test_decoded_audio_travels_where_it_is_asked_for(remote, tmp_path, noise, filled):

    here, other = filled("here"), filled("other")
    shutil.copytree(noise.cache.folder, here.home / "audio")
    with pytest.raises(StoreError, match="no features here that could be sent"):
        push_store(here.home, remote)
    assert push_store(here.home, remote, audio=True).rows == {"audio": 40}
    assert pull_store(other.home, remote, audio=True).rows == {"audio": 40}
    assert_heard(other.home, noise)
