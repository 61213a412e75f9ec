import hashlib
import json
import sys

import numpy as np
import pytest

from paralbench.errors import StoreError
from paralbench.features.keys import encoder_key
from paralbench.features.store import FeatureStore


def names(*words):
    return [hashlib.sha256(word.encode()).hexdigest() for word in words]


A, B, C, D = names("a", "b", "c", "d")


@pytest.fixture
def space(store, description):
    return store.space(description)


def rows(n, layers=2, dim=3, seed=0):
    random = np.random.default_rng(seed)
    return random.normal(size=(n, layers, dim)).astype(np.float32), np.arange(1, n + 1)


def test_rows_come_back_in_the_order_asked_for(space):
    mean, frames = rows(3)
    assert space.shape is None
    space.append([A, B, C], mean, frames)
    assert space.shape == (2, 3)
    assert len(space) == 3
    np.testing.assert_array_equal(space.mean([C, A, C]), mean[[2, 0, 2]])
    np.testing.assert_array_equal(space.frames([B, A]), [2, 1])
    assert space.mean([]).shape == (0, 2, 3)
    assert space.missing([D, A, D]) == [D]


def test_what_is_stored_is_never_changed(space):
    mean, frames = rows(2)
    space.append([A, B], mean, frames)
    other, _ = rows(2, seed=1)
    space.append([B, C], other, frames)
    np.testing.assert_array_equal(space.mean([A, B, C]), [mean[0], mean[1], other[1]])


def test_a_space_is_named_by_its_description_and_carries_it(store, space, description):
    space.append([A], *rows(1))
    assert space.folder == store.folder / encoder_key(description)
    assert json.loads((space.folder / "description.json").read_text()) == description


def test_an_empty_space_has_no_shape_to_answer_with(space):
    with pytest.raises(StoreError, match="layers and dimensions are unknown"):
        space.mean([])


def test_another_description_is_another_space(store, space, description):
    space.append([A], *rows(1))
    for change in ({"variant": "unpadded"}, {"version": 2}, {"weights": "1" * 64}):
        assert store.space({**description, **change}).missing([A]) == [A]
    assert store.space(dict(reversed(description.items()))).missing([A]) == []


def test_opening_to_look_writes_nothing(store, space):
    assert space.missing([A]) == [A]
    assert space.excluded([A]) == {}
    assert not store.folder.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"family": "other"}', "was changed, or the folder was renamed"),
        ("{", "cannot be read"),
        ("[1]", "was changed"),
    ],
)
def test_a_description_that_does_not_fit_the_key_is_refused(
    store, space, description, content, message
):
    space.append([A], *rows(1))
    (space.folder / "description.json").write_text(content)
    with pytest.raises(StoreError, match=message):
        store.space(description)


def test_a_lost_description_is_written_again(store, space, description):
    space.append([A], *rows(1))
    (space.folder / "description.json").unlink()
    again = store.space(description)
    assert again.missing([A]) == []
    again.append([B], *rows(1))
    assert (space.folder / "description.json").exists()


def test_moments_are_a_kind_of_their_own(space):
    mean, frames = rows(2)
    space.append([A], mean[:1], frames[:1])
    assert space.missing([A]) == []
    assert space.missing([A], second_moments=True) == [A]
    packed = np.arange(9, dtype=np.float32).reshape(1, 3, 3)
    space.append([A], mean[1:], frames[1:], packed)
    np.testing.assert_array_equal(space.mean([A]), mean[:1])  # the mean that was there stays
    assert space.missing([A], second_moments=True) == []
    np.testing.assert_array_equal(space.moments([A], packed=True), packed)
    full = space.moments([A])
    assert full.shape == (1, 2, 2, 3)
    np.testing.assert_array_equal(full[0, 0, 1], full[0, 1, 0])
    np.testing.assert_array_equal(full[0, 1, 1], packed[0, 2])


def test_missing_rows_are_named_with_the_reason(space):
    space.append([A], *rows(1))
    space.exclude({B: "too-short", C: "not-finite-features"})
    with pytest.raises(StoreError, match=f"2 of 3 .*{B[:12]}: too-short"):
        space.mean([A, B, D])
    with pytest.raises(StoreError, match="1 of 1 utterances have no features"):
        space.moments([A])


def test_exclusions_are_kept_and_not_missing(store, space, description):
    space.exclude({A: "too-short", B: "not-finite-features"})
    space.exclude({})
    again = store.space(description)
    assert again.missing([A, B, C]) == [C]
    assert again.excluded([C, B, A]) == {B: "not-finite-features", A: "too-short"}
    with pytest.raises(StoreError, match="at most 32 bytes"):
        space.exclude({C: "x" * 33})


def test_another_process_s_rows_are_seen(store, space, description):
    other = store.space(description)
    space.append([A], *rows(1))
    np.testing.assert_array_equal(other.mean([A]), space.mean([A]))
    space.append([B], *rows(1))
    other.refresh()
    assert other.missing([A, B]) == []


def test_features_that_are_not_finite_are_never_stored(space):
    mean, frames = rows(2)
    mean[1, 0, 0] = np.nan
    with pytest.raises(StoreError, match="NaN or infinity"):
        space.append([A, B], mean, frames)
    assert space.missing([A, B]) == [A, B]


def test_arrays_that_do_not_fit_are_refused(space):
    mean, frames = rows(2)
    with pytest.raises(StoreError, match="1 contents, mean"):
        space.append([A], mean, frames)
    with pytest.raises(StoreError, match=r"\(utterances, layers, dim\)"):
        space.append([A, B], mean[:, 0], frames)
    space.append([A], mean[:1], frames[:1])
    with pytest.raises(StoreError):
        space.append([B], *rows(1, dim=4))


def test_a_damaged_shard_costs_its_rows_alone(store, space, description):
    space.append([A], *rows(1))
    space.append([B], *rows(1, seed=1))
    shard = sorted((space.folder / "means").glob("*.safetensors"))[0]
    shard.write_bytes(shard.read_bytes()[:-7])
    with pytest.warns(UserWarning, match="set aside"):
        again = store.space(description)
    assert len(again.missing([A, B])) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="needs another platform: reads /proc")
def test_a_few_rows_of_many_are_read_without_loading_all(store, description, run_python, tmp_path):
    """64 MiB of features; reading ten rows takes hardly any memory."""
    space = store.space(description)
    contents = names(*map(str, range(1024)))
    random = np.random.default_rng(0)
    mean = random.normal(size=(1024, 16, 1024)).astype(np.float32)
    space.append(contents, mean, np.ones(1024, np.int64))
    code = """
import sys, json, resource
import numpy as np
from pathlib import Path
from paralbench.features.store import FeatureStore

def private_and_mapped():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

folder, description, contents = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3])
before = private_and_mapped()
space = FeatureStore(Path(folder)).space(description)
rows = space.mean(contents)
print(private_and_mapped() - before, float(rows.sum()))
"""
    ten = contents[500:510]
    done = run_python(code, str(store.folder), json.dumps(description), json.dumps(ten))
    taken, total = done.stdout.split()
    assert int(taken) < 8 * 2**20
    assert float(total) == pytest.approx(float(mean[500:510].sum()), rel=1e-4)


def test_the_default_folder_is_the_user_s(paralbench_home):
    assert FeatureStore().folder == paralbench_home / "features"
