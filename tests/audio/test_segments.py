from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import soundfile

from paralbench.audio.audit import UnusableAudioError
from paralbench.audio.decode import decode
from paralbench.audio.segments import Segment, segments_of
from paralbench.errors import AudioError


@pytest.fixture
def path(tmp_path, voice, write):
    return write(tmp_path / "a.wav", voice(16000, 2.0))


@pytest.mark.parametrize(
    ("start", "end", "first", "last", "flags"),
    [
        (None, None, 0, 32000, ()),
        (0.0, 2.0, 0, 32000, ()),
        (0.5, None, 8000, 32000, ()),
        (None, 0.5, 0, 8000, ()),
        (0.25, 1.75, 4000, 28000, ()),
        (float("nan"), float("nan"), 0, 32000, ()),
        (0.5, float("inf"), 8000, 32000, ()),
        (-0.4875, 1.0, 0, 16000, ("segment-clamped",)),
        (1.0, 2.5, 16000, 32000, ("segment-clamped",)),
        (-1.0, 9.0, 0, 32000, ("segment-clamped",)),
        (1.99999, 2.00001, 32000, 32000, None),
    ],
)
def test_segments_are_the_samples_from_start_to_end(path, voice, start, end, first, last, flags):
    if flags is None:
        with pytest.raises(UnusableAudioError, match="empty"):
            decode(path, start, end)
        return
    waveform = decode(path, start, end)
    np.testing.assert_array_equal(waveform.samples, voice(16000, 2.0)[first:last])
    assert waveform.flags == flags


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        (1.0, 1.0, "starts at 1.0 s and ends at 1.0 s"),
        (1.5, 1.0, "starts at 1.5 s and ends at 1.0 s"),
        (-2.0, -1.0, "holds no sample"),
        (2.0, 3.0, "file ends at 2.000 s"),
        (7.0, None, "file ends at 2.000 s"),
        (0.5, 0.500001, "holds no sample"),
    ],
)
def test_a_segment_without_samples_is_empty(path, start, end, message):
    with pytest.raises(UnusableAudioError, match=message) as raised:
        decode(path, start, end)
    assert raised.value.reason == "empty"


def test_neighbouring_segments_make_the_file(path):
    bounds = [0, 0.1234567, 0.7, 0.7009, 1.3, 2.0]
    parts = [decode(path, a, b).samples for a, b in pairwise(bounds)]
    np.testing.assert_array_equal(np.concatenate(parts), decode(path).samples)


@pytest.mark.parametrize("rate", [8000, 44100])
def test_a_segment_is_cut_and_then_resampled(tmp_path, voice, write, rate):
    """It equals the file that holds just the segment, and hears nothing of its neighbours."""
    sound = voice(rate, 2.0)
    whole = write(tmp_path / "whole.wav", sound, rate)
    alone = write(tmp_path / "alone.wav", sound[rate // 2 : rate], rate)
    segment = decode(whole, 0.5, 1.0).samples
    np.testing.assert_array_equal(segment, decode(alone).samples)
    # Cutting afterwards differs at the edges, and only there.
    afterwards = decode(whole).samples[8000:16000]
    difference = np.abs(segment - afterwards)
    assert difference.max() > 1e-4
    assert difference[400:-400].max() < 1e-6


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("a.flac", {}),
        ("a.ogg", {"format": "OGG", "subtype": "VORBIS"}),
        ("a.opus", {"format": "OGG", "subtype": "OPUS"}),
        ("a.mp3", {"format": "MP3", "subtype": "MPEG_LAYER_III"}),
        ("a.sph", {"format": "NIST", "subtype": "PCM_16"}),
        ("a.gsm", {"format": "RAW", "subtype": "GSM610"}),
        ("a.wav", {"subtype": "IMA_ADPCM"}),
    ],
)
def test_a_segment_is_found_in_every_format(tmp_path, voice, write, name, how):
    rate = 8000 if name == "a.gsm" else 16000
    path = write(tmp_path / name, voice(rate, 8.0), rate, **how)
    whole, _ = soundfile.read(path, frames=soundfile.info(path).frames, dtype="float32")
    expected = whole[5 * rate : 6 * rate]
    found = decode(path, 5.0, 6.0).samples[:: rate // 8000 if rate == 16000 else 1]
    if rate == 16000:
        np.testing.assert_allclose(found, expected[::2], atol=1e-6)
    else:  # the samples in between are soxr's
        np.testing.assert_allclose(found[::2], expected, atol=2e-2)


@pytest.mark.parametrize("name", ["a.m4a", "a.mkv", "a.aac"])
def test_a_segment_is_found_in_ffmpegs_formats(tmp_path, voice, write_with_ffmpeg, name):
    container = {"a.m4a": None, "a.mkv": "matroska", "a.aac": "adts"}[name]
    path = write_with_ffmpeg(tmp_path / name, voice(16000, 12.0), container=container)
    whole = decode(path).samples
    for start, end in [(0.0, 1.0), (0.5, 1.5), (5.4321, 6.5), (11.0, None)]:
        found = decode(path, start, end).samples
        last = None if end is None else round(end * 16000)
        np.testing.assert_allclose(found, whole[round(start * 16000) : last], atol=1e-4)
    assert decode(path, 11.0, 20.0).flags == ("segment-clamped",)
    with pytest.raises(UnusableAudioError, match="empty"):
        decode(path, 30.0, 31.0)


def test_a_late_segment_of_an_mp4_is_not_decoded_from_the_beginning(
    tmp_path, voice, write_with_ffmpeg, monkeypatch
):
    from paralbench.audio.ffmpeg import FfmpegSource

    path = write_with_ffmpeg(tmp_path / "a.m4a", voice(16000, 30.0))
    decoded = []
    arrays = FfmpegSource._arrays

    def count(source):
        for part in arrays(source):
            decoded.append(len(part))
            yield part

    monkeypatch.setattr(FfmpegSource, "_arrays", count)
    assert len(decode(path, 25.0, 26.0).samples) == 16000
    assert sum(decoded) < 3 * 16000


@pytest.mark.parametrize("path", ["/etc/passwd", "../a.wav", "a/../../b.wav", "a/.."])
def test_a_path_that_leaves_the_root_is_refused(path):
    with pytest.raises(AudioError, match="leaves the corpus root"):
        Segment("u", path)


def test_segments_of_a_manifest():
    frame = pd.DataFrame(
        {
            "utterance": ["u1", "u2"],
            "path": ["a.wav", "b/c.wav"],
            "start": [float("nan"), 1.5],
            "end": [None, 2],
        }
    )
    assert segments_of(frame) == [
        Segment("u1", "a.wav", None, None),
        Segment("u2", "b/c.wav", 1.5, 2.0),
    ]
