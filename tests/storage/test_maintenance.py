"""Checksums, shards made into larger ones, rows of another folder: nothing true is ever lost."""

import numpy as np
import pytest

from paralbench.errors import StoreError
from paralbench.storage import maintenance
from paralbench.storage.atomic import PREFIX
from paralbench.storage.compacting import compact
from paralbench.storage.keyed import KeyedStore, RaggedStore
from paralbench.storage.maintenance import known_keys, scrub, take_rows
from paralbench.storage.shards import Shard, list_shards, write_shard


def rows(numbers):
    numbers = np.asarray(numbers)
    return {
        "mean": (numbers[:, None, None] + np.zeros((1, 3, 4))).astype("float32"),
        "frames": numbers * 10,
    }


def ragged(number):
    """An array of its own length and type for each number."""
    return np.full((number % 7, 3), number, "float32" if number % 3 else "float16")


@pytest.fixture
def fill(key):
    """Fill a folder with numbers in shards of five; of either kind of store."""

    def make(folder, numbers, kind="keyed", metadata=None):
        numbers = list(numbers)
        for begin in range(0, len(numbers), 5):
            some = numbers[begin : begin + 5]
            if kind == "keyed":
                store = KeyedStore(folder)
                store.append([key(n) for n in some], rows(some), metadata)
            else:
                store = RaggedStore(folder, dtypes=("float16", "float32"), ndim=2)
                store.append([key(n) for n in some], [ragged(n) for n in some], metadata)
        return folder

    return make


@pytest.fixture
def check(key):
    """Compare what a folder holds with the numbers that should be in it."""

    def compare(folder, numbers, kind="keyed"):
        numbers = list(numbers)
        names = [key(n) for n in numbers]
        if kind == "keyed":
            store = KeyedStore(folder)
            for name, array in rows(numbers).items():
                np.testing.assert_array_equal(store.get(names)[name], array)
        else:
            store = RaggedStore(folder, dtypes=("float16", "float32"), ndim=2)
            for number, name in zip(numbers, names, strict=True):
                found = store.get(name)
                np.testing.assert_array_equal(found, ragged(number))
                assert found.dtype == ragged(number).dtype
        assert len(store) == len(numbers)

    return compare


def flip(path, at=-3):
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


class TestScrub:
    def test_a_flipped_bit_is_found_and_its_rows_are_named(self, tmp_path, fill, check, key):
        fill(tmp_path, range(15))
        bad = list_shards(tmp_path)[1]
        flip(bad)
        lost = set(KeyedStore(tmp_path).missing([key(n) for n in range(15)]))
        assert not lost  # a store does not see it
        before = files(tmp_path)
        seen = scrub(tmp_path, dry_run=True)
        assert files(tmp_path) == before
        done = scrub(tmp_path)
        assert (seen.shards, seen.damaged) == (done.shards, done.damaged) == (3, done.damaged)
        assert [one.path for one in done.damaged] == [bad]
        assert "sha256" in done.damaged[0].why
        assert set(done.damaged[0].lost) == set(KeyedStore(tmp_path).missing(map(key, range(15))))
        assert len(done.damaged[0].lost) == 5
        assert bad.with_name(f"{bad.name}.damaged").exists()
        assert scrub(tmp_path).damaged == []

    @pytest.mark.parametrize("how", ["cut", "zeros", "empty"])
    def test_cut_or_zeroed_shards_are_damaged(self, tmp_path, fill, how):
        fill(tmp_path, range(10))
        bad = list_shards(tmp_path)[0]
        content = bad.read_bytes()
        bad.write_bytes({"cut": content[:-40], "zeros": bytes(len(content)), "empty": b""}[how])
        assert [one.path for one in scrub(tmp_path).damaged] == [bad]

    def test_rows_that_another_shard_holds_are_not_lost(self, tmp_path, fill, check):
        fill(tmp_path, range(5))
        (bad,) = list_shards(tmp_path)
        fill(tmp_path, range(5), metadata={"by": "another process"})
        flip(bad)
        assert scrub(tmp_path).damaged[0].lost == ()
        check(tmp_path, range(5))

    def test_what_has_no_checksum_is_said_to_have_none(self, tmp_path, fill, check):
        fill(tmp_path, range(5))
        (path,) = list_shards(tmp_path)
        named = path.rename(tmp_path / "of-an-older-version.safetensors")
        found = scrub(tmp_path)
        assert (found.unverified, found.damaged) == ([named], [])
        check(tmp_path, range(5))

    def test_what_a_dead_writer_left_is_removed(self, tmp_path, fill):
        fill(tmp_path, range(5))
        left = tmp_path / f"{PREFIX}dead"
        left.touch()
        assert scrub(tmp_path, dry_run=True).leftovers == [left]
        assert left.exists()
        assert scrub(tmp_path).leftovers == [left]
        assert not left.exists()

    def test_a_disk_that_gives_nothing_back(self, tmp_path, fill, monkeypatch):
        fill(tmp_path, range(5))

        def broken(_self):
            raise OSError(5, "Input/output error")

        monkeypatch.setattr(Shard, "verify", broken)
        assert scrub(tmp_path).damaged[0].why == "cannot be read: Input/output error"

    def test_a_folder_that_is_not_there_holds_nothing(self, tmp_path):
        assert scrub(tmp_path / "none").shards == 0


@pytest.mark.parametrize("kind", ["keyed", "ragged"])
class TestCompact:
    def test_many_shards_become_one_with_the_same_rows(self, tmp_path, fill, check, kind):
        fill(tmp_path, range(23), kind)
        before = files(tmp_path)
        assert compact(tmp_path, dry_run=True).before == 5
        assert files(tmp_path) == before
        done = compact(tmp_path)
        assert (done.before, done.after, done.doubles) == (5, 1, 0)
        check(tmp_path, range(23), kind)
        assert len(list_shards(tmp_path)) == 1
        assert scrub(tmp_path).damaged == []
        assert compact(tmp_path).before == 0

    def test_rows_that_are_there_twice_go(self, tmp_path, fill, check, kind):
        fill(tmp_path, range(10), kind)
        fill(tmp_path, range(3, 12), kind)
        assert compact(tmp_path).doubles == 7
        check(tmp_path, range(12), kind)
        (shard,) = map(Shard.open, list_shards(tmp_path))
        assert len(shard.arrays["keys"]) == 12

    def test_an_open_store_goes_on_reading(self, tmp_path, fill, key, kind):
        fill(tmp_path, range(15), kind)
        if kind == "keyed":
            store = KeyedStore(tmp_path)
            compact(tmp_path)
            found = store.get([key(n) for n in range(15)])
            np.testing.assert_array_equal(found["frames"], np.arange(15) * 10)
        else:
            store = RaggedStore(tmp_path, dtypes=("float16", "float32"), ndim=2)
            compact(tmp_path)
            assert store.lengths([key(n) for n in range(15)]).tolist() == [n % 7 for n in range(15)]

    def test_a_damaged_shard_is_left_out_and_left_alone(self, tmp_path, fill, check, kind, key):
        fill(tmp_path, range(15), kind)
        bad = list_shards(tmp_path)[1]
        flip(bad)
        assert compact(tmp_path).damaged == [bad]
        assert bad.exists()
        lost = scrub(tmp_path).damaged[0].lost
        check(tmp_path, [n for n in range(15) if key(n) not in lost], kind)

    def test_the_whole_one_of_two_rows_stays(self, tmp_path, fill, check, kind):
        fill(tmp_path, range(5), kind)
        fill(tmp_path, range(5), kind, metadata={"by": "another process"})
        first, _ = list_shards(tmp_path)
        flip(first)
        assert compact(tmp_path).damaged == [first]
        assert scrub(tmp_path).damaged[0].lost == ()
        check(tmp_path, range(5), kind)

    def test_a_kill_before_the_old_ones_are_removed(self, tmp_path, fill, check, kind, monkeypatch):
        fill(tmp_path, range(15), kind)

        def killed(*_arguments, **_more):
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr("pathlib.Path.unlink", killed)
            with pytest.raises(KeyboardInterrupt):
                compact(tmp_path)
        check(tmp_path, range(15), kind)
        compact(tmp_path)
        check(tmp_path, range(15), kind)
        assert len(list_shards(tmp_path)) == 1


def test_large_shards_and_those_made_in_other_ways_stay_apart(tmp_path, fill, check):
    fill(tmp_path, range(10), metadata={"device": "cpu"})
    fill(tmp_path, range(10, 20), metadata={"device": "cuda"})
    size = list_shards(tmp_path)[0].stat().st_size
    assert compact(tmp_path, shard_bytes=size).before == 0
    assert compact(tmp_path, shard_bytes=4 * size).after == 2
    made = [Shard.open(path).metadata["device"] for path in list_shards(tmp_path)]
    assert sorted(made) == ["cpu", "cuda"]
    check(tmp_path, range(20))


@pytest.mark.parametrize("kind", ["keyed", "ragged"])
class TestTakeRows:
    def test_only_missing_rows_are_taken_and_the_source_stays(self, tmp_path, fill, check, kind):
        here, there = fill(tmp_path / "a", range(8), kind), fill(tmp_path / "b", range(4, 20), kind)
        before = files(there)
        assert take_rows(there, here, dry_run=True).rows == 12
        check(here, range(8), kind)
        taken = take_rows(there, here)
        assert (taken.rows, taken.known) == (12, 4)
        assert files(there) == before
        check(here, range(20), kind)
        again = take_rows(there, here)
        assert (again.rows, again.known, again.nbytes) == (0, 16, 0)

    def test_into_nothing(self, tmp_path, fill, check, kind):
        fill(tmp_path / "b", range(7), kind)
        take_rows(tmp_path / "b", tmp_path / "a")
        check(tmp_path / "a", range(7), kind)
        assert files(tmp_path / "a") == files(tmp_path / "b")

    def test_nothing_of_a_damaged_shard_is_taken(self, tmp_path, fill, check, kind):
        fill(tmp_path / "b", range(10), kind)
        bad = list_shards(tmp_path / "b")[0]
        flip(bad)
        before = files(tmp_path / "b")
        taken = take_rows(tmp_path / "b", tmp_path / "a")
        assert [one.path for one in taken.damaged] == [bad]
        assert taken.rows == 5
        assert files(tmp_path / "b") == before
        assert len(known_keys(tmp_path / "a")) == 5

    def test_rows_that_are_not_wanted(self, tmp_path, fill, check, kind):
        fill(tmp_path / "b", range(10), kind)
        fill(tmp_path / "not", range(3, 6), kind)
        take_rows(tmp_path / "b", tmp_path / "a", without=known_keys(tmp_path / "not"))
        check(tmp_path / "a", [0, 1, 2, 6, 7, 8, 9], kind)


def test_shards_without_a_checksum_in_their_name_come_too(tmp_path, fill, check):
    fill(tmp_path / "b", range(5))
    (path,) = list_shards(tmp_path / "b")
    path.rename(tmp_path / "b" / "of-an-older-version.safetensors")
    assert take_rows(tmp_path / "b", tmp_path / "a").rows == 5
    check(tmp_path / "a", range(5))
    assert scrub(tmp_path / "a").unverified == []


def test_a_shard_that_is_removed_meanwhile_is_passed_over(tmp_path, fill, monkeypatch):
    fill(tmp_path / "b", range(10))
    real = maintenance.list_shards

    def then_remove(folder):
        found = real(folder)
        if folder == tmp_path / "b":
            found[0].unlink()
        return found

    monkeypatch.setattr(maintenance, "list_shards", then_remove)
    taken = take_rows(tmp_path / "b", tmp_path / "a")
    assert (taken.rows, taken.damaged) == (5, [])


def test_rows_of_another_shape_are_refused(tmp_path, fill, key):
    fill(tmp_path / "a", range(5))
    KeyedStore(tmp_path / "b").append([key("x")], {"mean": np.zeros((1, 3), "float32")})
    with pytest.raises(StoreError, match="Nothing of this shard was taken"):
        take_rows(tmp_path / "b", tmp_path / "a")


def test_of_a_damaged_shard_no_trace_is_left(tmp_path, fill):
    fill(tmp_path / "b", range(5))
    (path,) = list_shards(tmp_path / "b")
    flip(path)
    assert take_rows(tmp_path / "b", tmp_path / "a").damaged[0].path == path
    assert list((tmp_path / "a").iterdir()) == []


def test_shards_of_one_content_written_anew_keep_their_name(tmp_path, fill, check):
    """One shard whose rows are all its own is not rewritten, whatever its size."""
    fill(tmp_path, range(5))
    before = files(tmp_path)
    assert compact(tmp_path).before == 0
    assert files(tmp_path) == before
    write_shard(tmp_path, {"weights": np.zeros(3)}, {})  # foreign, and left alone
    assert compact(tmp_path).before == 0
