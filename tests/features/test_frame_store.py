import hashlib
import shutil

import numpy as np
import pytest

from paralbench.errors import ProbeError, StoreError
from paralbench.features.frame_inputs import HeldFrames, JoinedFrames, StoredFrames
from paralbench.features.frame_layer import FrameLayer
from paralbench.features.frame_store import FrameStore, check_room, lacking

A, B, C, D = (hashlib.sha256(word.encode()).hexdigest() for word in "abcd")


@pytest.fixture
def space(store, description):
    return store.space(description)


@pytest.fixture
def frames(space):
    return FrameStore(space, FrameLayer(1))


def states(*lengths, dim=3, dtype=np.float16, seed=0):
    random = np.random.default_rng(seed)
    return [random.normal(size=(length, dim)).astype(dtype) for length in lengths]


def test_frames_come_back_in_the_order_asked_for_in_the_type_they_had(space, frames):
    (a, c), (b,) = states(4, 1), states(7, dtype=np.float32, seed=1)
    frames.append([A, B, C], [a, b, c], {"note": "x"})
    again = FrameStore(space, FrameLayer(1))
    assert (len(again), again.dim) == (3, 3)
    np.testing.assert_array_equal(again.lengths([C, B, C]), [1, 7, 1])
    assert again.lengths([]).shape == (0,)
    for found, wanted in zip(again.read([B, C, A]), (b, c, a), strict=True):
        np.testing.assert_array_equal(found, wanted)
        assert found.dtype == wanted.dtype
        assert not found.flags.owndata  # a view of the file
        assert not found.flags.writeable


def test_what_is_stored_is_never_changed(frames):
    first, other = states(4, 5), states(4, 2, seed=1)
    frames.append([A, B], first)
    frames.append([B, C], other)
    for found, wanted in zip(frames.read([A, B, C]), (*first, other[1]), strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_each_layer_and_type_is_a_store_of_its_own(space, frames):
    frames.append([A], states(4))
    for other in (FrameLayer(0), FrameLayer(1, "float32")):
        assert FrameStore(space, other).missing([A]) == [A]
    assert frames.folder == space.folder / "frames" / "layer-1-float16"


def test_opening_to_look_writes_nothing(store, frames):
    assert frames.missing([B, A, B]) == [B, A]
    assert frames.dim is None
    assert not store.folder.exists()


def test_excluded_utterances_are_not_missing_and_are_named_when_asked_for(space, frames):
    frames.append([A], states(4))
    space.exclude({B: "too-short"})
    assert frames.missing([A, B, C]) == [C]
    with pytest.raises(StoreError, match=rf"2 of 3 .*{B[:12]}: too-short.*frames of layer 1"):
        frames.read([A, B, C])
    with pytest.raises(StoreError, match="1 of 1 utterances have no frames"):
        frames.lengths([C])


def test_another_process_s_frames_are_seen(space, frames):
    other = FrameStore(space, FrameLayer(1))
    frames.append([A], states(4))
    np.testing.assert_array_equal(other.read([A])[0], frames.read([A])[0])


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (states(4), "2 contents, frames of 1"),
        ([*states(4), np.full((2, 3), np.nan, np.float16)], "NaN or infinite"),
        ([*states(4), np.zeros((0, 3), np.float16)], "no frames"),
        ([*states(4), np.zeros((2, 4), np.float16)], r"have \(3,\) beyond the first axis"),
        ([*states(4), np.zeros((2, 3))], "2-D float64; this store holds 2-D float16 and float32"),
        ([*states(4), np.zeros(2, np.float16)], "1-D float16"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_stored(frames, arrays, message):
    with pytest.raises(StoreError, match=message):
        frames.append([A, B], arrays)
    assert frames.missing([A, B]) == [A, B]
    frames.append([C], states(2))
    with pytest.raises(StoreError, match="beyond the first axis"):
        frames.append([D], states(2, dim=5))


def test_a_damaged_shard_is_set_aside(space, frames):
    frames.append([A], states(4))
    frames.append([B], states(5))
    shard = sorted(frames.folder.glob("*.safetensors"))[0]
    shard.write_bytes(shard.read_bytes()[:-1])
    with pytest.warns(UserWarning, match="set aside"):
        again = FrameStore(space, FrameLayer(1))
    assert len(again) == 1
    assert len(again.missing([A, B])) == 1


def test_lacking_are_those_without_means_or_moments_or_frames(space, frames):
    mean, count = np.ones((2, 2, 3)), np.array([4, 4])
    space.append([A, B], mean, count)
    frames.append([B, C], states(4, 4))
    space.exclude({D: "too-short"})
    assert lacking(space, [D, C, A, B, A]) == [C]
    assert lacking(space, [D, C, A, B, A], frames=frames) == [C, A]
    assert lacking(space, [D, C, A, B], second_moments=True, frames=frames) == [C, A, B]


def test_a_disk_with_too_little_room_is_told_with_both_numbers(tmp_path, monkeypatch):
    free = shutil.disk_usage(tmp_path)._replace(free=1_500_000_000)
    asked = []
    monkeypatch.setattr(shutil, "disk_usage", lambda path: asked.append(path) or free)
    folder = tmp_path / "not" / "yet"
    check_room(folder, 1_500_000_000)
    with pytest.raises(StoreError, match=r"1500000001 bytes \(1.5 GB\).*1500000000 bytes") as told:
        check_room(folder, 1_500_000_001)
    assert str(folder) in str(told.value)
    assert asked == [tmp_path, tmp_path]
    assert not folder.parent.exists()


def test_stored_frames_read_only_what_is_asked_for(space, frames):
    mean, count = np.ones((3, 2, 3)), np.array([4, 2, 6])
    space.append([A, B, C], mean, count)
    given = states(4, 2, 6)
    frames.append([A, B, C], given)
    for layer in (1, -1):
        stored = StoredFrames(space, [C, A, B, A], layer)
        assert (stored.layer, stored.dim) == (1, 3)
        np.testing.assert_array_equal(stored.lengths, [6, 4, 2, 4])
    read = []
    get = stored._store.read
    stored._store.read = lambda contents: read.append(contents) or get(contents)
    for found, wanted in zip(stored.read(np.array([3, 0])), (given[0], given[2]), strict=True):
        np.testing.assert_array_equal(found, wanted)
    assert read == [[A, C]]
    with pytest.raises(StoreError, match="1 of 2 utterances have no frames"):
        StoredFrames(space, [A, D])


def test_held_frames_are_checked():
    held = HeldFrames(2, states(4, 2, 6))
    assert (held.layer, held.dim, held.lengths.tolist()) == (2, 3, [4, 2, 6])
    assert [len(one) for one in held.read(np.array([2, 0]))] == [6, 4]
    for wrong in ([*states(4), *states(4, dim=2)], states(4, 0), [np.zeros(3)]):
        with pytest.raises(ProbeError, match=r"\(frames, dim\) is expected"):
            HeldFrames(0, wrong)


def test_joined_frames_are_those_of_the_utterances_end_to_end():
    given = states(4, 2, 6, 1)
    joined = JoinedFrames(HeldFrames(0, given), np.array([1, 0, 1, 0]))
    assert (joined.dim, joined.lengths.tolist()) == (3, [3, 10])
    found = joined.read(np.array([1, 0]))
    np.testing.assert_array_equal(found[0], np.concatenate([given[0], given[2]]))
    np.testing.assert_array_equal(found[1], np.concatenate([given[1], given[3]]))
    for wrong in ([0, 1, 0], [0, 2, 0, 2]):
        with pytest.raises(ProbeError, match="each utterance needs a row"):
            JoinedFrames(HeldFrames(0, given), np.array(wrong))


def test_what_frames_cost_is_said_without_torch(run_python):
    done = run_python(
        "import sys\nfrom paralbench.features.sizes import frames_cost\n"
        "print(frames_cost(768, 50), 'torch' in sys.modules)"
    )
    assert done.stdout.strip().endswith(
        "276.5 MB per hour of audio (768 dimensions, 50 frames/s) False"
    )
