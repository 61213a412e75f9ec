"""A store that cannot be written: whoever has all that a run reads can run it."""

import shutil

import pytest


def test_a_run_with_nothing_to_encode_reads_a_read_only_store(
    faulty, copy_of_undisturbed, read_only, same
):
    place = copy_of_undisturbed
    shutil.rmtree(place.out)
    read_only(place.home)
    assert faulty(place) == 0, place.told
    assert "0 utterances encoded" in place.told
    same(place)


@pytest.mark.slow
def test_looking_at_a_read_only_store(faulty, copy_of_undisturbed, read_only):
    place = copy_of_undisturbed
    read_only(place.home)
    assert faulty(place, "store", "info") == 0, place.told
    assert faulty(place, "store", "scrub") == 0, place.told


@pytest.mark.slow
def test_what_is_missing_in_a_read_only_store_is_an_error_that_says_so(
    faulty, copy_of_undisturbed, read_only, same
):
    place = copy_of_undisturbed
    shutil.rmtree(place.out)
    place.shards()[0].unlink()
    read_only(place.home)
    assert faulty(place) == 1
    assert "cannot write here" in place.told
    assert "PARALBENCH_HOME for the store" in place.told
    writable = type(place)(place.folder.with_name("writable"))
    shutil.copytree(place.home, writable.home)
    shutil.copytree(place.out, writable.out)
    assert faulty(writable) == 0, writable.told
    same(writable)


@pytest.mark.slow
def test_a_read_only_run_folder(faulty, copy_of_undisturbed, read_only, same):
    """A run that is done says so without writing; one that is not says where it cannot write."""
    place = copy_of_undisturbed
    shutil.rmtree(place.out / "scores")
    read_only(place.out)
    assert faulty(place) == 2
    assert f"{place.out}" in place.told
    assert "cannot write here" in place.told
