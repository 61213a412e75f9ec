"""Folders appear whole, and what a killed writer left goes, whatever the clock says."""

import os
import time

import pytest

from paralbench.errors import StoreError
from paralbench.storage.atomic import PREFIX
from paralbench.storage.whole_folder import whole_folder

HANG = """
import sys
from pathlib import Path
from paralbench.storage.whole_folder import whole_folder
with whole_folder(Path(sys.argv[1])) as (made, _):
    (made / "half").write_text("x")
    print("made", flush=True)
    sys.stdin.read()
"""


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def make(folder, text="x"):
    with whole_folder(folder) as (made, scratch):
        (scratch / "aside").touch()
        (made / "file").write_text(text)
        assert not folder.exists() or names(folder) == ["file"]


def test_a_folder_appears_whole_and_the_first_one_stays(tmp_path):
    make(tmp_path / "a", "one")
    make(tmp_path / "a", "two")
    assert (tmp_path / "a" / "file").read_text() == "one"
    assert names(tmp_path) == ["a"]
    assert names(tmp_path / "a") == ["file"]


def test_an_error_leaves_no_trace(tmp_path):
    def fill():
        with whole_folder(tmp_path / "a") as (made, _):
            (made / "half").touch()
            raise OSError(28, "No space left on device")

    with pytest.raises(StoreError, match=r"a.*disk or quota is full"):
        fill()
    assert names(tmp_path) == []


def test_what_a_killed_writer_left_goes_and_what_a_living_one_makes_stays(
    tmp_path, run_and_kill, spawn
):
    assert run_and_kill(HANG, tmp_path / "a", after=0) == ["made"]
    (dead,) = names(tmp_path)
    living = spawn(HANG, tmp_path / "b")
    assert living.stdout.readline() == "made\n"
    (left,) = names(tmp_path)
    assert left != dead
    # A clock that jumped by two days: only the lock says that the writer lives.
    long_ago = time.time() - 2 * 86_400
    os.utime(tmp_path / left, (long_ago, long_ago))
    make(tmp_path / "c")
    assert names(tmp_path) == [left, "c"]


def test_of_what_has_no_lock_the_age_tells(tmp_path):
    old, new = tmp_path / f"{PREFIX}old", tmp_path / f"{PREFIX}new"
    for folder in (old, new):
        folder.mkdir()
    long_ago = time.time() - 2 * 86_400
    os.utime(old, (long_ago, long_ago))
    make(tmp_path / "a")
    assert names(tmp_path) == [new.name, "a"]
