import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paralbench.audio.decode import decode
from paralbench.audio.pcm import canonical, content_hash, to_float
from paralbench.errors import AudioError


@given(st.lists(st.integers(-32768, 32767), max_size=50))
def test_16_bit_samples_become_int16_and_come_back(numbers):
    samples = (np.array(numbers) / 32768).astype("float32")
    pcm = canonical(samples)
    assert pcm.dtype == np.int16
    assert pcm.tolist() == numbers
    np.testing.assert_array_equal(to_float(pcm), samples)


@given(st.lists(st.floats(-4, 4, width=32), min_size=1, max_size=50), st.integers(0, 49))
def test_other_samples_stay_float32(numbers, place):
    numbers[place % len(numbers)] = 1 / 3
    samples = np.array(numbers, "float32")
    pcm = canonical(samples)
    assert pcm.dtype == np.float32
    np.testing.assert_array_equal(to_float(pcm), samples)


@pytest.mark.parametrize("value", [1.0, -1.0 - 2**-15, 1 / 65536, 20000.0])
def test_what_16_bits_cannot_hold_stays_float32(value):
    # Far behind the first samples, too.
    samples = np.zeros(10_000, "float32")
    samples[-1] = value
    assert canonical(samples).dtype == np.float32


def test_the_name_can_be_computed_by_hand():
    assert (
        content_hash(np.array([1, -2], "int16"))
        == hashlib.sha256(b"int16" + bytes([1, 0, 0xFE, 0xFF])).hexdigest()
    )
    samples = np.array([0.1, -0.7], "float32")
    assert content_hash(samples) == hashlib.sha256(b"float32" + samples.tobytes()).hexdigest()


def test_negative_zero_is_zero():
    a, b = np.array([0.1, 0.0], "float32"), np.array([0.1, -0.0], "float32")
    assert content_hash(canonical(a)) == content_hash(canonical(b))


def test_the_waveform_is_a_copy():
    for pcm in (np.zeros(3, "int16"), np.zeros(3, "float32")):
        pcm.flags.writeable = False
        assert to_float(pcm).flags.writeable
    with pytest.raises(AudioError, match="float64"):
        to_float(np.zeros(3))


def test_the_same_samples_have_the_same_name_in_every_container(tmp_path, voice, write):
    sound = voice()
    names = {
        content_hash(canonical(decode(write(tmp_path / name, sound, **how)).samples))
        for name, how in [
            ("a.wav", {}),
            ("a.flac", {}),
            ("a24.flac", {"subtype": "PCM_24"}),
            ("af.wav", {"subtype": "FLOAT"}),
            ("a.sph", {"format": "NIST", "subtype": "PCM_16"}),
        ]
    }
    names.add(
        content_hash(canonical(decode(write(tmp_path / "2.wav", np.stack([sound] * 2, 1))).samples))
    )
    assert len(names) == 1
