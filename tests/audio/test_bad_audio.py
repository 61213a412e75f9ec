"""Every bad-audio case of the design becomes a row of the audit: excluded or flagged."""

import struct

import numpy as np
import pytest

from paralbench.audio.audit import FLAGS, REASONS, UnusableAudioError
from paralbench.audio.decode import decode
from paralbench.audio.segments import Segment
from paralbench.errors import AudioError


@pytest.fixture
def row(tmp_path, cache):
    """The audit's row for ``tmp_path/<name>``, the same when it is asked for again."""

    def prepare(name, start=None, end=None):
        requests = [Segment("u", name, start, end)]
        first = cache.prepare(tmp_path, requests)
        assert first.equals(cache.prepare(tmp_path, requests))
        return first.iloc[0]

    return prepare


def _assert_excluded(row, reason, detail):
    assert row["reason"] == reason
    assert reason in REASONS
    assert detail in row["detail"]
    assert row["content"] is None
    assert row[["samples", "seconds", "peak", "rms"]].isna().all()
    assert row["flags"] == ""


def test_missing(row):
    _assert_excluded(row("nowhere.wav"), "missing", "no such file")


def test_zero_bytes(tmp_path, row):
    (tmp_path / "a.wav").touch()
    _assert_excluded(row("a.wav"), "empty", "zero bytes")


def test_zero_length(tmp_path, row, write):
    for name in ("a.wav", "a.ogg"):
        write(tmp_path / name, np.zeros(0))
        found = row(name)
        _assert_excluded(found, "empty", "no samples")
        assert found["original_rate"] == 16000


@pytest.mark.parametrize(
    ("content", "detail"),
    [
        (b"hello " * 500, "Format not recognised"),
        (bytes(range(97, 161)), "Format not recognised"),
        (b"RIFF\x24\x00\x00\x00WAVE", "libsndfile"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "git lfs pull"),
        (b"\n<!DOCTYPE html><html><body>Please log in</body></html>", "web page"),
        (b"\0" * 4096, "zero bytes"),
    ],
)
def test_unreadable(tmp_path, row, content, detail):
    (tmp_path / "a.wav").write_bytes(content)
    _assert_excluded(row("a.wav"), "unreadable", detail)


def test_a_folder_with_the_name_of_a_file(tmp_path, row):
    (tmp_path / "a.wav").mkdir()
    _assert_excluded(row("a.wav"), "unreadable", "not a file")


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.mp3", "a.m4a"])
def test_truncated(tmp_path, row, voice, write, write_with_ffmpeg, name):
    path = tmp_path / name
    (write_with_ffmpeg if name == "a.m4a" else write)(path, voice(seconds=4.0))
    assert row(name)["reason"] is None
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 6 // 10])
    _assert_excluded(row(name), "unreadable", "")


def test_an_intact_segment_of_a_truncated_wav_is_kept(tmp_path, row, voice, write):
    path = write(tmp_path / "a.wav", voice(seconds=4.0))
    path.write_bytes(path.read_bytes()[:64_000])
    assert row("a.wav", 0.5, 1.0)["seconds"] == 0.5
    _assert_excluded(row("a.wav", 1.5, 3.0), "unreadable", "bytes that its header says")


@pytest.mark.parametrize("rate", [1, 100, 2_000_000])
def test_a_sampling_rate_that_cannot_be(tmp_path, row, voice, write, rate):
    write(tmp_path / "a.wav", voice(), rate)
    _assert_excluded(row("a.wav"), "unreadable", f"sampling rate of {rate} Hz")


def test_damaged_in_the_middle(tmp_path, row, voice, write):
    path = write(tmp_path / "a.flac", voice(seconds=4.0))
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 200] = bytes(200)
    path.write_bytes(content)
    _assert_excluded(row("a.flac"), "unreadable", "damaged")


def test_an_mp4_without_sound(tmp_path, row):
    import av

    with av.open(str(tmp_path / "a.mp4"), "w") as file:
        stream = file.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 64
        for _ in range(5):
            for packet in stream.encode(av.VideoFrame(64, 64, "yuv420p")):
                file.mux(packet)
        for packet in stream.encode(None):
            file.mux(packet)
    _assert_excluded(row("a.mp4"), "unreadable", "no audio stream")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("channels", [1, 2])
def test_not_finite(tmp_path, row, voice, write, value, channels):
    sound = np.stack([voice()] * channels, axis=1)
    sound[777] = value
    sound[778, -1] = -value
    write(tmp_path / "a.wav", sound, subtype="FLOAT")
    _assert_excluded(row("a.wav"), "not-finite", "NaN or infinite")
    assert row("a.wav", 0.5, 1.0)["reason"] is None  # the rest of the file is fine


@pytest.mark.parametrize(
    ("samples", "detail"),
    [
        (np.zeros(8000), "all samples are equal"),
        (np.full(8000, 0.1), "all samples are equal"),  # a constant offset is no sound
        (np.random.default_rng(0).integers(-1, 2, 8000) / 32768, "peak -90.3 dBFS"),  # dither
    ],
)
@pytest.mark.parametrize("rate", [8000, 16000])
def test_silent(tmp_path, row, write, samples, detail, rate):
    write(tmp_path / "a.wav", samples, rate)
    found = row("a.wav")
    _assert_excluded(found, "silent", detail)
    assert found["original_rate"] == rate


@pytest.mark.parametrize(("peak", "reason"), [(0.9e-4, "silent"), (1.1e-4, None)])
def test_silence_ends_at_80_decibels_below_full_scale(tmp_path, row, voice, write, peak, reason):
    sound = voice()
    sound = sound - (sound.max() + sound.min()) / 2
    write(tmp_path / "a.wav", sound / np.abs(sound).max() * peak, subtype="FLOAT")
    assert row("a.wav")["reason"] == reason


def test_channels_that_cancel_are_silent(tmp_path, row, voice, write):
    write(tmp_path / "a.wav", np.stack([voice(), -voice()], axis=1))
    _assert_excluded(row("a.wav"), "silent", "cancel in their mean")


def test_stereo(tmp_path, row, voice, write):
    write(tmp_path / "a.wav", np.stack([voice(), voice(seed=1)], axis=1))
    found = row("a.wav")
    assert (found["flags"], found["channels"], found["reason"]) == ("stereo", 2, None)
    assert found["detail"] == ""


def test_stereo_with_a_silent_channel(tmp_path, row, cache, voice, write):
    write(tmp_path / "a.wav", np.stack([np.zeros(16000), voice()], axis=1))
    found = row("a.wav")
    assert (found["flags"], found["reason"]) == ("stereo", None)
    assert found["detail"] == "silent channels: [1] of 2"
    np.testing.assert_array_equal(cache.waveform(found["content"]), voice() / 2)


@pytest.mark.parametrize(
    ("subtype", "level"), [("PCM_16", 1.0), ("PCM_U8", 1.0), ("FLOAT", 1.5), ("ULAW", 1.0)]
)
def test_clipped(tmp_path, row, voice, write, subtype, level):
    write(tmp_path / "loud.wav", np.clip(voice() * 5, -level, level), subtype=subtype)
    write(tmp_path / "good.wav", voice(), subtype=subtype)
    assert "clipped" in row("loud.wav")["flags"].split(",")
    assert "clipped" not in row("good.wav")["flags"].split(",")
    assert row("loud.wav")["reason"] is None


@pytest.mark.parametrize(("run", "flags"), [(2, ""), (3, "clipped")])
@pytest.mark.parametrize("place", [0, 998, 999, 5000, -3])
def test_clipping_is_three_samples_at_full_scale(
    tmp_path, row, voice, write, monkeypatch, run, flags, place
):
    monkeypatch.setattr("paralbench.audio.sndfile.BLOCK_FRAMES", 1000)  # runs across blocks, too
    sound = voice()
    sound[place:][:run] = 32767 / 32768
    write(tmp_path / "a.wav", sound)
    assert row("a.wav")["flags"] == flags


def test_8_bit(tmp_path, row, voice, write):
    write(tmp_path / "a.wav", voice(), subtype="PCM_U8")
    assert row("a.wav")["flags"] == "8-bit"


def test_96_khz(tmp_path, row, voice, write):
    write(tmp_path / "a.wav", voice(96000), 96000)
    found = row("a.wav")
    assert (found["flags"], found["original_rate"], found["samples"]) == ("resampled", 96000, 16000)
    assert found["seconds"] == 1.0


def test_several_flags(tmp_path, row, voice, write):
    sound = np.stack([voice(8000) * 5] * 2, axis=1).clip(-1, 1)
    write(tmp_path / "a.wav", sound, 8000, subtype="PCM_U8")
    flags = row("a.wav", -1.0)["flags"].split(",")
    assert flags == ["clipped", "stereo", "resampled", "8-bit", "segment-clamped"]
    assert set(flags) < set(FLAGS)


def _ten_hours(path, voice):
    """8-bit at 8 kHz, 288 MB, of which the disk holds one second."""
    size = 10 * 3600 * 8000
    header = struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        *(b"RIFF", size + 36, b"WAVE", b"fmt ", 16, 1, 1, 8000, 8000, 1, 8, b"data", size),
    )
    with path.open("wb") as file:
        file.write(header)
        file.seek(44 + 9 * 3600 * 8000)
        file.write((voice(8000) * 127 + 128).astype("uint8").tobytes())
        file.truncate(44 + size)


def test_ten_hours(tmp_path, row, voice, monkeypatch):
    _ten_hours(tmp_path / "a.wav", voice)
    found = row("a.wav", 9 * 3600.0, 9 * 3600.0 + 1)
    assert (found["seconds"], found["flags"]) == (1.0, "resampled,8-bit")
    monkeypatch.setattr("soundfile.SoundFile.read", None)  # nothing is decoded to find out
    _assert_excluded(row("a.wav"), "too-long", "10.00 hours in one utterance")
    _assert_excluded(row("a.wav", 0.5), "too-long", "give segments by start and end")
    _assert_excluded(row("a.wav", 0.5, 5 * 3600.0), "too-long", "5.00 hours")


def test_too_long_without_a_length_in_the_header(
    tmp_path, row, voice, write, write_with_ffmpeg, monkeypatch
):
    monkeypatch.setattr("paralbench.audio.decode.LONGEST_SECONDS", 0.5)
    content = bytearray(write(tmp_path / "a.flac", voice()).read_bytes())
    content[21] &= 0xF0
    content[22:26] = bytes(4)
    (tmp_path / "a.flac").write_bytes(content)
    _assert_excluded(row("a.flac"), "too-long", "more than")
    write_with_ffmpeg(tmp_path / "a.m4a", voice())
    _assert_excluded(row("a.m4a"), "too-long", "give segments")
    assert row("a.flac", 0.1, 0.5)["reason"] is None


def test_the_error_names_file_reason_and_finding(tmp_path, write):
    path = write(tmp_path / "a.wav", np.zeros(100), 8000)
    with pytest.raises(AudioError, match=r"a\.wav: silent: all samples are equal") as raised:
        decode(path)
    assert isinstance(raised.value, UnusableAudioError)
    assert raised.value.reason == "silent"
    assert (raised.value.original_rate, raised.value.channels) == (8000, 1)


def test_a_single_sample(tmp_path, row, write):
    write(tmp_path / "a.wav", np.array([0.5]))
    found = row("a.wav")
    assert found["reason"] == "silent"  # one sample is a constant
    write(tmp_path / "b.wav", np.array([0.5, -0.5]), 96000)
    assert row("b.wav")["reason"] == "empty"  # nothing is left at 16 kHz


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.mp3", "a.sph", "a.m4a", "a.aac"])
def test_damage_of_any_kind_is_a_reason_never_a_crash(
    tmp_path, voice, write, write_with_ffmpeg, name
):
    path = tmp_path / name
    if name in ("a.m4a", "a.aac"):
        write_with_ffmpeg(path, voice(seconds=0.5), container="adts" if name == "a.aac" else None)
    else:
        write(path, voice(seconds=0.5), **({"format": "NIST"} if name == "a.sph" else {}))
    content = path.read_bytes()
    rng = np.random.default_rng(0)
    reasons = set()
    for _ in range(60):
        damaged = bytearray(content[: rng.integers(1, 2 * len(content))])
        for place in rng.integers(0, len(damaged), 8) % rng.choice([60, 300, len(damaged)]):
            damaged[place % len(damaged)] = rng.choice([0, 127, 128, 255])
        path.write_bytes(damaged)
        try:
            assert np.isfinite(decode(path).samples).all()
        except UnusableAudioError as error:
            reasons.add(error.reason)
    assert "unreadable" in reasons
