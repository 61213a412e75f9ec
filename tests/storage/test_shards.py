import json
import struct

import numpy as np
import pytest
import safetensors
import safetensors.numpy

from paralbench.errors import StoreError
from paralbench.storage.shards import (
    DTYPES,
    DamagedShardError,
    Shard,
    list_shards,
    read_array,
    write_shard,
)


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    return {
        "flags": rng.integers(0, 2, 7).astype(bool),
        "mean": rng.standard_normal((3, 4, 5)).astype("float32"),
        "odd": rng.integers(-9, 9, (3, 1)).astype("int16"),
        "none": np.zeros((0, 4), "float64"),
        "scalar": np.array(2.5),
    }


def test_the_safetensors_package_reads_what_was_written(tmp_path, arrays):
    path = write_shard(tmp_path, arrays, {"what": "ü"})
    with safetensors.safe_open(path, "np") as reference:
        assert reference.metadata() == {"what": "ü"}
        assert set(reference.keys()) == set(arrays)
        for name, array in arrays.items():
            np.testing.assert_array_equal(reference.get_tensor(name), array)
            assert reference.get_tensor(name).dtype == array.dtype


def test_what_the_safetensors_package_wrote_is_read(tmp_path, arrays):
    path = tmp_path / "other.safetensors"
    safetensors.numpy.save_file(arrays, path, {"what": "x"})
    shard = Shard.open(path)
    assert shard.metadata == {"what": "x"}
    for name, array in arrays.items():
        np.testing.assert_array_equal(shard.arrays[name], array)


@pytest.mark.parametrize("dtype", [str(dtype) for dtype in DTYPES.values()])
def test_every_dtype_survives(tmp_path, dtype):
    array = np.arange(5).astype(dtype)
    found = Shard.open(write_shard(tmp_path, {"a": array}, {})).arrays["a"]
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array)


def test_arrays_are_aligned_read_only_views_of_the_map(tmp_path, arrays):
    found = Shard.open(write_shard(tmp_path, arrays, {})).arrays
    for array in found.values():
        assert not array.flags.writeable
        assert array.flags.aligned
        assert not array.flags.owndata


def test_views_outlive_the_shard_and_the_file(tmp_path):
    path = write_shard(tmp_path, {"a": np.arange(1000)}, {})
    view = Shard.open(path).arrays["a"]
    path.unlink()
    assert view.sum() == 499500


def test_order_and_byte_order_of_the_input_do_not_matter(tmp_path):
    array = np.arange(12, dtype="float32").reshape(3, 4)
    for given in (array.T.copy().T, array.astype(">f4")):
        found = Shard.open(write_shard(tmp_path, {"a": given}, {})).arrays["a"]
        np.testing.assert_array_equal(found, array)


def test_the_name_is_the_checksum_of_the_file(tmp_path):
    import hashlib

    path = write_shard(tmp_path / "new" / "folder", {"a": np.arange(3)}, {})
    assert path.stem == hashlib.sha256(path.read_bytes()).hexdigest()[:32]
    assert write_shard(path.parent, {"a": np.arange(3)}, {}) == path
    assert list_shards(path.parent) == [path]
    assert list_shards(tmp_path / "absent") == []


def test_one_array_is_read_alone(tmp_path, arrays):
    path = write_shard(tmp_path, {**arrays, "big": np.zeros(10**5)}, {})
    for name in ("mean", "odd", "big"):
        found, _ = read_array(path, name)
        np.testing.assert_array_equal(found, {**arrays, "big": np.zeros(10**5)}[name])
    assert read_array(path, "absent")[0] is None


def test_unknown_dtype_is_refused_and_leaves_nothing(tmp_path):
    with pytest.raises(StoreError, match=r"complex128.*float64"):
        write_shard(tmp_path, {"a": np.zeros(2, complex)}, {})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("size", [0, 1, 7, 8, 20, 63, 64, 100, -1])
def test_truncation_at_any_place_is_an_error(tmp_path, arrays, size):
    path = write_shard(tmp_path, arrays, {})
    content = path.read_bytes()
    path.write_bytes(content[:size])
    with pytest.raises(DamagedShardError, match=str(path)):
        Shard.open(path)


def _file(header: object, data: bytes) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


@pytest.mark.parametrize(
    "content",
    [
        b"\0" * 200,
        b"\xff" * 200,
        _file(b"{", b""),
        _file([], b""),
        _file({"a": 1}, b""),
        _file({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}, b"12345"),
        _file({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}, b"1234"),
        _file({"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, -4]}}, b""),
        _file({"a": {"dtype": "X32", "shape": [1], "data_offsets": [0, 4]}}, b"1234"),
        _file({"a": {"dtype": "U8", "shape": [1], "data_offsets": [1, 2]}}, b"12"),
        _file({"a": {"dtype": "U8", "shape": ["x"], "data_offsets": [0, 1]}}, b"1"),
        _file({"a": {"dtype": "U8", "shape": None, "data_offsets": [0, 1]}}, b"1"),
        _file({"__metadata__": 3}, b""),
    ],
)
def test_what_is_no_shard_is_an_error(tmp_path, content):
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(DamagedShardError):
        Shard.open(path)


def test_verify_finds_a_flipped_bit(tmp_path):
    path = write_shard(tmp_path, {"a": np.zeros(100)}, {})
    Shard.open(path).verify()
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    with pytest.raises(DamagedShardError, match="sha256"):
        Shard.open(path).verify()
