import errno
import fcntl
import os
import time

import numpy as np
import pytest

from paralbench.errors import StoreError
from paralbench.storage import atomic
from paralbench.storage.atomic import PREFIX, clean_leftovers, pending_file, write_file
from paralbench.storage.shards import write_shard


def _fail(number):
    def fail(*_arguments):
        raise OSError(number, os.strerror(number))

    return fail


def test_a_file_is_replaced_whole(tmp_path):
    write_file(tmp_path, "a", b"one")
    assert write_file(tmp_path, "a", b"two").read_bytes() == b"two"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_nothing_is_visible_before_the_commit_and_nothing_stays_without_one(tmp_path):
    with pending_file(tmp_path) as file:
        file.write(b"half")
        assert [path.name.startswith(PREFIX) for path in tmp_path.iterdir()] == [True]
    assert not list(tmp_path.iterdir())


def test_the_permissions_are_those_of_any_new_file(tmp_path):
    usual = tmp_path / "usual"
    usual.touch()
    assert write_file(tmp_path, "a", b"x").stat().st_mode == usual.stat().st_mode


@pytest.mark.parametrize("call", ["write", "fsync", "replace"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_full_disk_names_folder_and_space_and_loses_nothing(tmp_path, monkeypatch, call, number):
    kept = write_file(tmp_path, "kept", b"x")
    monkeypatch.setattr(atomic.os, call, _fail(number))
    with pytest.raises(StoreError, match=r"full \(.*MiB free.*PARALBENCH_HOME") as raised:
        write_file(tmp_path, "new", b"y")
    assert str(tmp_path) in str(raised.value)
    monkeypatch.undo()
    assert list(tmp_path.iterdir()) == [kept]
    assert kept.read_bytes() == b"x"


def test_a_disk_that_is_really_full(small_disk):
    kept = write_shard(small_disk, {"a": np.zeros(50_000)}, {})
    content = kept.read_bytes()
    with pytest.raises(StoreError, match=r"full \(0\.6 MiB free"):
        write_shard(small_disk, {"a": np.zeros(100_000)}, {})
    assert list(small_disk.iterdir()) == [kept]
    assert kept.read_bytes() == content


def test_read_only_folder_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(atomic.os, "open", _fail(errno.EROFS))
    with pytest.raises(StoreError, match=r"cannot write here .*Make the folder writable") as raised:
        write_file(tmp_path, "new", b"y")
    assert str(tmp_path) in str(raised.value)


def test_a_file_where_the_folder_should_be(tmp_path):
    (tmp_path / "folder").touch()
    with pytest.raises(StoreError, match="folder"):
        write_file(tmp_path / "folder", "new", b"y")


def test_only_leftovers_of_the_dead_are_removed(tmp_path):
    dead = tmp_path / f"{PREFIX}dead"
    dead.write_bytes(b"half")
    other = tmp_path / "other"
    other.touch()
    with pending_file(tmp_path) as alive:
        alive.write(b"x")
        assert clean_leftovers(tmp_path) == [dead]
        alive.commit("whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other", "whole"]
    assert clean_leftovers(tmp_path / "absent") == []


def test_without_locks_only_old_leftovers_are_removed(tmp_path, monkeypatch):
    old, new = tmp_path / f"{PREFIX}old", tmp_path / f"{PREFIX}new"
    for path in (old, new):
        path.touch()
    long_ago = time.time() - 2 * 24 * 3600
    os.utime(old, (long_ago, long_ago))
    monkeypatch.setattr(fcntl, "flock", _fail(errno.ENOLCK))
    assert clean_leftovers(tmp_path) == [old]
    assert write_file(tmp_path, "a", b"x").read_bytes() == b"x"


def test_a_cleaner_that_wins_the_race_for_a_new_file_does_no_harm(tmp_path, monkeypatch):
    real = fcntl.flock
    removed = []

    def clean_first(descriptor, operation):
        if not removed:
            removed.append(True)
            for path in tmp_path.glob(f"{PREFIX}*"):
                path.unlink()
        return real(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", clean_first)
    assert write_file(tmp_path, "a", b"x").read_bytes() == b"x"
    assert removed
