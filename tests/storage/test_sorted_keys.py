"""The sorted map does what a dictionary of byte strings does, and refuses what is no key."""

import numpy as np
import pytest

from paralbench.errors import StoreError
from paralbench.storage.sorted_keys import SortedKeys, hex_keys, key_bytes, pack_keys

# Words of few values, so that keys often agree in the first word, in all but one, or in all.
WORDS = np.array([0, 1, 2**63, 2**64 - 1], np.uint64)


@pytest.mark.parametrize("seed", range(30))
def test_it_is_a_dictionary_in_which_the_first_place_stays(seed):
    random = np.random.default_rng(seed)
    words = WORDS[: random.integers(1, 5)]
    ours, reference, place = SortedKeys(), {}, 0
    for size in random.integers(0, 40, random.integers(1, 7)):
        portion = random.choice(words, (size, 4))
        ours.add(portion, np.arange(place, place + size))
        for key in portion:
            reference.setdefault(key.tobytes(), place)
            place += 1
        assert len(ours) == len(reference)
    asked = random.choice(WORDS, (300, 4))
    expected = [reference.get(key.tobytes(), -1) for key in asked]
    assert ours.find(asked).tolist() == expected
    assert [ours.find_one(key.tobytes()) for key in asked] == expected


def test_many_portions_of_random_keys_are_all_found_again():
    random = np.random.default_rng(0)
    keys = random.integers(0, 2**64, (20_000, 4), dtype=np.uint64)
    ours = SortedKeys()
    for begin in range(0, len(keys), 500):
        ours.add(keys[begin : begin + 600], np.arange(begin, min(begin + 600, len(keys))))
    assert len(ours) == len(keys)
    assert len(ours._runs) < 8  # few runs, so that a search stays short
    np.testing.assert_array_equal(ours.find(keys), np.arange(len(keys)))
    assert (ours.find(keys ^ np.uint64(1)) == -1).all()


def test_keys_are_packed_and_come_back(key):
    names = [key(n) for n in range(5)]
    assert hex_keys(pack_keys(names)) == names
    assert pack_keys(names).tobytes() == b"".join(bytes.fromhex(name) for name in names)
    assert pack_keys([]).shape == (0, 4)
    assert key_bytes(names[0].upper()) == bytes.fromhex(names[0])


@pytest.mark.parametrize("bad", ["abc", "zz" * 32, "", "0" * 63, "0" * 66, f"{'0' * 62}  "])
def test_what_is_no_sha256_is_refused_among_others(key, bad):
    with pytest.raises(StoreError, match="not a sha256, 64 hex digits"):
        pack_keys([key(1), bad, key(2)])
