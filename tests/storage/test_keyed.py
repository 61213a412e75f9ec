import os
import time

import numpy as np
import pytest

from paralbench.errors import StoreError
from paralbench.storage import atomic, index
from paralbench.storage.index import StoreWarning
from paralbench.storage.keyed import KeyedStore, RaggedStore
from paralbench.storage.shards import Shard, list_shards, write_shard


def _rows(numbers):
    numbers = np.asarray(numbers)
    return {
        "mean": (numbers[:, None, None] + np.zeros((1, 3, 4))).astype("float32"),
        "frames": numbers * 10,
    }


@pytest.fixture
def filled(tmp_path, key):
    store = KeyedStore(tmp_path / "store")
    for first in (0, 5, 10):
        numbers = list(range(first, first + 5))
        store.append([key(n) for n in numbers], _rows(numbers))
    return store


def test_rows_come_in_the_order_of_the_keys(filled, key):
    order = [13, 2, 7, 2, 0]
    found = filled.get([key(n) for n in order])
    for name, array in _rows(order).items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype
        assert found[name].flags.writeable


def test_another_store_on_the_folder_sees_the_rows(filled, key):
    other = KeyedStore(filled.folder)
    assert len(other) == 15
    np.testing.assert_array_equal(other.get([key(4)])["frames"], [40])


def test_only_the_named_arrays_are_returned(filled, key):
    assert list(filled.get([key(1)], ["frames"])) == ["frames"]
    with pytest.raises(StoreError, match=r"no arrays \['std'\].*frames.*mean"):
        filled.get([key(1)], ["std"])


def test_missing_keys_in_order_and_once(filled, key):
    assert filled.missing([key(99), key(1), key(50), key(99)]) == [key(99), key(50)]
    assert key(1) in filled
    assert key(99) not in filled


def test_getting_a_missing_row_says_how_many_and_which(filled, key):
    with pytest.raises(StoreError, match=f"2 of 3 rows are missing.*{key(98)}"):
        filled.get([key(1), key(98), key(99)])


def test_refresh_sees_what_others_wrote(filled, key):
    other = KeyedStore(filled.folder)
    filled.append([key("new")], _rows([77]))
    assert key("new") not in other
    other.refresh()
    assert other.get([key("new")])["frames"] == [770]


def test_the_files_that_hold_some_keys(tmp_path, key):
    store = KeyedStore(tmp_path / "store")
    for number in range(3):
        store.append([key(number), key(number + 10)], {"x": np.full((2, 1), number)})
    for number in range(3):
        (file,) = store.files([key(number)])
        assert Shard.open(file).arrays["x"].ravel().tolist() == [number, number]
    assert store.files([key(0), key(10), key(1)]) == sorted(
        {*store.files([key(0)]), *store.files([key(11)])}
    )
    assert store.files([key("absent")]) == store.files([]) == []


def test_the_same_key_twice_is_harmless(filled, key):
    filled.append([key(3), key("x"), key("x")], _rows([3, 8, 8]))
    for store in (filled, KeyedStore(filled.folder)):
        assert len(store) == 16
        np.testing.assert_array_equal(store.get([key(3), key("x")])["frames"], [30, 80])


def test_an_empty_store_and_empty_requests(tmp_path, key):
    store = KeyedStore(tmp_path / "new")
    assert len(store) == 0
    assert store.missing([key(1)]) == [key(1)]
    assert store.get([]) == {}
    store.append([], {})
    assert not store.folder.exists()
    store.append([key(1)], _rows([1]))
    assert store.get([])["mean"].shape == (0, 3, 4)


def test_what_does_not_fit_is_refused(filled, key):
    with pytest.raises(StoreError, match=r"shape \(2,.*1 keys"):
        filled.append([key("a")], _rows([1, 2]))
    with pytest.raises(StoreError, match="another folder"):
        filled.append([key("a")], {"mean": np.zeros((1, 3, 5), "float32"), "frames": np.zeros(1)})
    with pytest.raises(StoreError, match="reserved"):
        KeyedStore(filled.folder / "new").append([key("a")], {"keys": np.zeros((1, 4))})
    for bad in ("abc", "zz" * 32, ""):
        with pytest.raises(StoreError, match="not a sha256"):
            filled.append([bad], _rows([1]))
    assert len(KeyedStore(filled.folder)) == 15


def _damage(path):
    content = path.read_bytes()
    path.write_bytes(content[:-10])


def test_a_damaged_shard_is_set_aside_and_its_rows_are_missing(filled, key):
    _damage(list_shards(filled.folder)[0])
    with pytest.warns(StoreWarning, match=r"set aside as \*\.damaged"):
        store = KeyedStore(filled.folder)
    assert len(store) == 10
    lost = store.missing([key(n) for n in range(15)])
    assert len(lost) == 5
    assert len(list(filled.folder.glob("*.damaged"))) == 1
    numbers = [n for n in range(15) if key(n) in lost]
    store.append(lost, _rows(numbers))
    assert len(KeyedStore(filled.folder)) == 15


def test_a_shard_damaged_while_the_store_is_open(filled, key):
    _damage(list_shards(filled.folder)[0])
    with (
        pytest.warns(StoreWarning, match="set aside"),
        pytest.raises(StoreError, match="5 of 15 rows are missing"),
    ):
        filled.get([key(n) for n in range(15)])
    assert len(filled) == 10


def test_a_damaged_shard_does_not_matter_where_another_has_the_rows(tmp_path, key):
    store = KeyedStore(tmp_path)
    store.append([key(1)], _rows([1]))
    first = list_shards(tmp_path)[0]
    store.append([key(1), key(2)], _rows([1, 2]))
    _damage(first)
    with pytest.warns(StoreWarning, match="set aside"):
        assert store.get([key(1)])["frames"] == [10]


def test_a_shard_removed_meanwhile(filled, key):
    list_shards(filled.folder)[0].unlink()
    with pytest.raises(StoreError, match="5 of 15 rows are missing"):
        filled.get([key(n) for n in range(15)])
    filled.refresh()
    assert len(filled) == 10


def test_shards_made_into_one_between_the_listing_and_the_reading(filled, key, monkeypatch):
    """A store that is opened just then misses no row: the folder is listed again."""
    names = [path.name for path in list_shards(filled.folder)]
    rows = filled.get([key(n) for n in range(15)])
    filled.append([key(n) for n in range(15)], rows)
    for name in names:
        (filled.folder / name).unlink()
    real, listings = index.shard_names, [set(names)]
    monkeypatch.setattr(
        index, "shard_names", lambda folder: listings.pop() if listings else real(folder)
    )
    assert len(KeyedStore(filled.folder)) == 15


def test_a_link_to_nowhere_is_no_shard(filled):
    (filled.folder / "gone.safetensors").symlink_to(filled.folder / "nowhere")
    assert len(KeyedStore(filled.folder)) == 15


def test_in_a_read_only_folder_a_damaged_shard_is_passed_over(filled, key, monkeypatch):
    _damage(list_shards(filled.folder)[0])

    def refuse(*_arguments):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.rename", refuse)
    with pytest.warns(StoreWarning, match="passed over"):
        store = KeyedStore(filled.folder)
    store.refresh()
    assert len(store) == 10


def test_a_foreign_file_is_passed_over(filled, key):
    write_shard(filled.folder, {"weights": np.zeros(3)}, {})
    with pytest.warns(StoreWarning, match="not a shard of this store"):
        store = KeyedStore(filled.folder)
    assert len(store) == 15
    store.refresh()  # warns once
    with pytest.warns(StoreWarning, match="not a shard of this store"):
        assert len(RaggedStore(filled.folder)) == 0


def test_a_full_disk_loses_nothing(filled, key, monkeypatch):
    real = os.write
    written = []

    def full_soon(descriptor, data):
        if written:
            raise OSError(28, "No space left on device")
        written.append(real(descriptor, data[:100]))
        return written[0]

    monkeypatch.setattr(atomic.os, "write", full_soon)
    with pytest.raises(StoreError, match=f"{filled.folder}.*full"):
        filled.append([key("new")], _rows([1]))
    monkeypatch.undo()
    assert key("new") not in filled
    assert len(KeyedStore(filled.folder)) == 15
    assert len(list(filled.folder.iterdir())) == 3


def test_many_shards_open_quickly(tmp_path, key):
    store = KeyedStore(tmp_path)
    for number in range(150):
        store.append([key((number, row)) for row in range(20)], _rows([number] * 20))
    begin = time.process_time()
    store = KeyedStore(tmp_path)
    assert time.process_time() - begin < 0.5  # about 0.01 s; a slow machine has room
    wanted = [key((number, 7)) for number in range(150)]  # more shards than are kept open
    np.testing.assert_array_equal(store.get(wanted)["frames"], np.arange(150) * 10)


def test_several_threads_share_a_store(filled, key):
    from concurrent.futures import ThreadPoolExecutor

    def read(number):
        filled.append([key(("thread", number))], _rows([number]))
        return filled.get([key(number % 15), key(("thread", number))])["frames"].tolist()

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(read, range(40)))
    assert found == [[number % 15 * 10, number * 10] for number in range(40)]


class TestRagged:
    @pytest.fixture
    def arrays(self):
        rng = np.random.default_rng(0)
        return [
            rng.integers(-9, 9, 100).astype("int16"),
            rng.standard_normal(33).astype("float32"),
            np.zeros(0, "int16"),
            rng.integers(-9, 9, 7).astype("int16"),
            rng.standard_normal(5).astype("float32"),
        ]

    def test_arrays_come_back(self, tmp_path, key, arrays):
        RaggedStore(tmp_path).append([key(n) for n in range(5)], arrays, {"note": "x"})
        store = RaggedStore(tmp_path)
        assert len(store) == 5
        for number, array in enumerate(arrays):
            found = store.get(key(number))
            np.testing.assert_array_equal(found, array)
            assert found.dtype == array.dtype
            assert not found.flags.owndata

    def test_missing_and_wrong_arrays(self, tmp_path, key, arrays):
        store = RaggedStore(tmp_path)
        with pytest.raises(StoreError, match="1 of 1 rows are missing"):
            store.get(key(1))
        for wrong in (np.zeros(3), np.zeros((2, 2), "int16")):
            with pytest.raises(StoreError, match="1-D int16 and float32"):
                store.append([key(1)], [wrong])
        with pytest.raises(StoreError, match="2 keys for 1 arrays"):
            store.append([key(1), key(2)], arrays[:1])
        store.append([], [])
        assert list(tmp_path.iterdir()) == []

    def test_damage_while_open(self, tmp_path, key, arrays):
        store = RaggedStore(tmp_path)
        store.append([key(1)], arrays[:1])
        _damage(list_shards(tmp_path)[0])
        with (
            pytest.warns(StoreWarning, match="set aside"),
            pytest.raises(StoreError, match="missing"),
        ):
            store.get(key(1))
        store.append([key(1)], arrays[:1])
        np.testing.assert_array_equal(store.get(key(1)), arrays[0])


@pytest.fixture
def wide(tmp_path, key):
    """Rows of 20 kB, which are read and not mapped; all numbers differ."""
    values = np.arange(15 * 5 * 1000, dtype=np.float32).reshape(15, 5, 1000)
    store = KeyedStore(tmp_path / "wide")
    for first in (0, 5, 10):
        numbers = list(range(first, first + 5))
        rows = {"mean": values[numbers], "frames": np.array(numbers)}
        store.append([key(n) for n in numbers], rows)
    return store, values


@pytest.mark.parametrize("order", [[13, 2, 7, 2, 0], range(15), [4]])
def test_large_rows_come_in_the_order_of_the_keys(wide, key, order):
    store, values = wide
    found = store.get([key(n) for n in order])
    np.testing.assert_array_equal(found["mean"], values[list(order)])
    assert found["frames"].tolist() == list(order)


def test_a_large_row_of_a_shard_removed_meanwhile_is_missing(wide, key):
    store, _ = wide
    store.get([key(1)])  # mapped
    for path in list_shards(store.folder):
        path.unlink()
    with pytest.raises(StoreError, match="1 of 1 rows are missing"):
        store.get([key(1)])


def test_places_are_where_the_rows_lie_in_the_files(wide, key):
    store, values = wide
    order = [13, 2, 7, 2, 0]
    found = store.places([key(n) for n in order], "mean")
    assert len(found.files) == 3
    for n, of, start in zip(order, found.of, found.start, strict=True):
        with found.files[of].open("rb") as file:
            file.seek(start)
            row = np.frombuffer(file.read(20_000), np.float32)
        np.testing.assert_array_equal(row, values[n].ravel())
    with pytest.raises(StoreError, match="1 of 1 rows are missing"):
        store.places([key(99)], "mean")
