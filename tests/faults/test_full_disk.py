"""A real file system that is too small: what was written stays, and a larger one ends the run."""

import subprocess

import pytest

from paralbench.storage.atomic import PREFIX
from paralbench.tables import RunFolder


@pytest.fixture
def grow(small_disk):
    """Give the small file system more room."""
    return lambda: subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)


def test_the_store_runs_full(faulty, place, small_disk, grow, same):
    place.folder.mkdir()
    place.home.symlink_to(small_disk)
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(500_000))
    assert faulty(place) == 1
    assert "the disk or quota is full" in place.told
    assert "a folder on a larger disk (PARALBENCH_HOME for the store" in place.told
    assert not list(small_disk.rglob(f"{PREFIX}*"))
    grow()
    assert faulty(place) == 0, place.told
    same(place)
    assert faulty(place, "store", "scrub") == 0


def room(path):
    """What a file takes, in pages."""
    return -(-path.stat().st_size // 4096) * 4096


@pytest.mark.slow
def test_the_run_folder_runs_full(faulty, place, undisturbed, small_disk, grow, same):
    """There is room for the first of two cells, and for a part of the second."""
    place.folder.mkdir()
    place.out.symlink_to(small_disk)
    needed = sum(room(path) for path in undisturbed[0].out.rglob("*") if path.is_file())
    (small_disk / "ballast").write_bytes(bytes(2**20 - needed * 3 // 4))
    assert faulty(place) == 2
    assert "the disk or quota is full" in place.told
    assert "What was written before is kept" in place.told
    (done,) = (small_disk / "scores").iterdir()
    before = {path: path.read_bytes() for path in small_disk.rglob(done.name)}
    assert len(before) > 5
    grow()
    assert faulty(place) == 0, place.told
    same(place)
    for path, content in before.items():
        assert path.read_bytes() == content  # what was done is not done again
    assert set(RunFolder(place.out).cells().values()) == {
        path.stem for path in (small_disk / "scores").iterdir()
    }
