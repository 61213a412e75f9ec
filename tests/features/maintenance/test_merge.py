"""Stores that were filled on several machines become one, and nothing of the sources changes."""

import shutil

import numpy as np
import pytest
from tests.features.maintenance.conftest import assert_heard, contents

from paralbench.errors import StoreError
from paralbench.features.budget import recall, remember
from paralbench.features.extract import extract
from paralbench.features.maintenance.merge import merge_store
from paralbench.features.store import FeatureStore
from paralbench.storage.shards import list_shards


def test_two_halves_extracted_elsewhere_leave_nothing_to_encode(
    tmp_path, noise, fakes, description
):
    """The features that the halves' batches gave come over to the bit, and their plans too."""
    halves = noise.contents[:15], noise.contents[15:]
    spaces = []
    for name, half in zip("ab", halves, strict=True):
        store = FeatureStore(tmp_path / name / "features")
        encoder = fakes.RoundingEncoder(window_samples=20_000)
        report = extract(
            encoder, description, half, noise.cache, store, second_moments=True, frames_layer=-1
        )
        spaces.append(report.space)
    home = tmp_path / "home"
    first = merge_store(tmp_path / "a", home)
    second = merge_store(tmp_path / "b" / "features", home)
    assert first.rows["means"] + second.rows["means"] == 40

    encoder = fakes.RoundingEncoder(window_samples=20_000)
    store = FeatureStore(home / "features")
    again = extract(
        encoder,
        description,
        noise.contents,
        noise.cache,
        store,
        second_moments=True,
        frames_layer=-1,
    )
    assert (again.encoded, again.reused) == (0, 40)
    for space, half in zip(spaces, halves, strict=True):
        np.testing.assert_array_equal(again.space.mean(half), space.mean(half))
        np.testing.assert_array_equal(again.space.moments(half), space.moments(half))
        assert {path.name for path in space.plans.iterdir()} <= {
            path.name for path in again.space.plans.iterdir()
        }


def test_batch_sizes_come_over_unless_there_is_one(filled):
    here, there = filled("here"), filled("there")
    mine, theirs = here.fill([1]).folder, there.fill([2]).folder
    remember(mine, "A100", 1_000)
    remember(theirs, "A100", 2_000)
    remember(theirs, "H200", 3_000)
    merge_store(there.home, here.home)
    assert (recall(mine, "A100"), recall(mine, "H200")) == (1_000, 3_000)


def test_it_can_be_repeated_and_leaves_the_source_alone(filled, numbers_of):
    here, there = filled("here"), filled("there")
    here.fill(range(5))
    there.fill(range(3, 12), moments=True)
    other = there.fill(range(4), options={"bins": 3})
    other.exclude(dict.fromkeys(contents([50]), "too-short"))
    before = there.files()
    expected = merge_store(there.home, here.home, dry_run=True)
    assert numbers_of(here.space()) == list(range(5))
    done = merge_store(there.home, here.home)
    assert done.rows == expected.rows == {"means": 11, "moments": 9, "excluded": 1}
    assert (done.spaces, done.known) == (2, 2)
    assert there.files() == before
    assert numbers_of(here.space()) == list(range(12))
    assert here.space(options={"bins": 3}).excluded(contents([50])) == {
        contents([50])[0]: "too-short"
    }
    after = here.files()
    assert sum(merge_store(there.home, here.home).rows.values()) == 0
    assert here.files() == after


def test_what_is_excluded_here_stays_excluded_and_the_other_way_round(filled, numbers_of):
    here, there = filled("here"), filled("there")
    here.fill([1, 2]).exclude(dict.fromkeys(contents([3]), "too-short"))
    there.fill([3, 4]).exclude(dict.fromkeys(contents([1]), "not-finite-features"))
    merge_store(there.home, here.home)
    space = here.space()
    space.refresh()
    assert space.excluded(contents([1, 2, 3, 4])) == {contents([3])[0]: "too-short"}
    assert space.missing(contents([1, 2, 3, 4])) == []
    assert len(space) == 3


def test_a_damaged_shard_of_the_source_is_named_and_not_taken(filled, numbers_of):
    there, here = filled("there"), filled("here")
    bad = list_shards(there.fill(range(6)).folder / "means")[1]
    bad.write_bytes(bad.read_bytes()[:-1] + b"\xff")
    done = merge_store(there.home, here.home)
    assert [one.path for one in done.damaged] == [bad]
    assert len(numbers_of(here.space())) == 4


def test_a_space_that_is_not_what_its_name_says_is_refused(filled):
    there, here = filled("there"), filled("here")
    space = there.fill(range(4))
    (space.folder / "description.json").write_text('{"family": "other"}')
    done = merge_store(there.home, here.home)
    assert "description.json" in done.refused[space.folder]
    assert not here.home.exists()


def test_what_is_no_store_or_the_store_itself_is_refused(filled, tmp_path):
    here = filled("here")
    here.fill(range(3))
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "empty", tmp_path / "none"):
        with pytest.raises(StoreError, match=r"no features here\. Name a PARALBENCH_HOME"):
            merge_store(folder, here.home)
    with pytest.raises(StoreError, match="is the store itself"):
        merge_store(here.home, here.home)
    (tmp_path / "link").symlink_to(here.home)
    with pytest.raises(StoreError, match="is the store itself"):
        merge_store(tmp_path / "link", here.home)


def test_decoded_audio_comes_too_where_it_is_asked_for(tmp_path, noise, filled):

    there, here = filled("there"), filled("here")
    there.fill(range(2))
    shutil.copytree(noise.cache.folder, there.home / "audio")
    merge_store(there.home, here.home)
    assert not (here.home / "audio").exists()
    done = merge_store(there.home, here.home, audio=True)
    assert done.rows["audio"] == 40
    assert_heard(here.home, noise)
