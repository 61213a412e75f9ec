"""Every format gives the sound that went in; references are Python's wave module and sine waves."""

import numpy as np
import pytest
import soundfile

from paralbench.audio.decode import decode
from paralbench.errors import AudioError


def _similarity(found, expected):
    """Correlation of two signals of nearly equal length, lag zero."""
    length = min(len(found), len(expected))
    return np.corrcoef(found[:length], expected[:length])[0, 1]


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("a.wav", {"subtype": "PCM_16"}),
        ("a.WAV", {"subtype": "PCM_16", "format": "WAV"}),
        ("a.flac", {"subtype": "PCM_16"}),
        ("a.sph", {"subtype": "PCM_16", "format": "NIST"}),
        ("TIMIT.WAV", {"subtype": "PCM_16", "format": "NIST"}),
        ("a.aiff", {"subtype": "PCM_16"}),
        ("a.au", {"subtype": "PCM_16"}),
        ("wrong-suffix.mp3", {"subtype": "PCM_16", "format": "FLAC"}),
        ("a.wav", {"subtype": "PCM_24"}),
        ("a.wav", {"subtype": "FLOAT"}),
        ("a.wav", {"subtype": "DOUBLE", "format": "WAVEX"}),
    ],
)
def test_lossless_files_at_16_khz_are_exact(tmp_path, voice, write, name, how):
    sound = voice()
    waveform = decode(write(tmp_path / name, sound, **how))
    np.testing.assert_array_equal(waveform.samples, sound)
    assert waveform.samples.dtype == np.float32
    assert (waveform.sample_rate, waveform.original_rate, waveform.channels) == (16000, 16000, 1)
    assert waveform.subtype == how["subtype"]
    assert waveform.flags == ()
    assert waveform.detail == ""


@pytest.mark.parametrize(
    ("name", "rate", "how", "similarity"),
    [
        ("a.ogg", 44100, {"format": "OGG", "subtype": "VORBIS"}, 0.99),
        ("a.opus", 48000, {"format": "OGG", "subtype": "OPUS"}, 0.99),
        ("a.mp3", 44100, {"format": "MP3", "subtype": "MPEG_LAYER_III"}, 0.99),
        ("a.wav", 8000, {"subtype": "ULAW"}, 0.99),
        ("a.sph", 8000, {"format": "NIST", "subtype": "ULAW"}, 0.99),
        ("a.wav", 8000, {"subtype": "GSM610"}, 0.9),
        ("a.gsm", 8000, {"format": "RAW", "subtype": "GSM610"}, 0.9),
        ("a.wav", 16000, {"subtype": "IMA_ADPCM"}, 0.95),
        ("a.caf", 44100, {"format": "CAF", "subtype": "ALAC_16"}, 0.9999),
    ],
)
def test_lossy_files_hold_the_sound_in_time(tmp_path, voice, write, name, rate, how, similarity):
    waveform = decode(write(tmp_path / name, voice(rate, 2.0), rate, **how))
    assert waveform.original_rate == rate
    assert len(waveform.samples) == pytest.approx(32000, abs=600)
    assert _similarity(waveform.samples, voice(16000, 2.0)) > similarity


@pytest.mark.parametrize(
    ("name", "container"),
    [("a.m4a", "ipod"), ("a.mp4", None), ("a.mkv", "matroska"), ("a.aac", "adts")],
)
def test_ffmpeg_reads_what_libsndfile_refuses(tmp_path, voice, write_with_ffmpeg, name, container):
    path = write_with_ffmpeg(tmp_path / name, voice(44100, 2.0), 44100, container=container)
    with pytest.raises(soundfile.LibsndfileError):
        soundfile.read(path)
    waveform = decode(path)
    assert (waveform.subtype, waveform.channels, waveform.original_rate) == ("aac", 1, 44100)
    assert waveform.flags == ("resampled",)
    # A bare AAC stream cannot say that its first 1024 samples are the encoder's delay.
    delay = 1024 * 16000 // 44100 if container == "adts" else 0
    assert len(waveform.samples) == pytest.approx(32000, abs=800)
    assert _similarity(waveform.samples[delay:], voice(16000, 2.0)) > 0.99


def test_a_sphere_header_written_by_hand(tmp_path, voice):
    """As TIMIT has it: big-endian samples, fields of types -i and -sN, 1024 bytes."""
    sound = voice()
    header = (
        "NIST_1A\n   1024\ndatabase_id -s5 TIMIT\n"
        f"sample_count -i {len(sound)}\nsample_rate -i 16000\nchannel_count -i 1\n"
        "sample_byte_format -s2 10\nsample_n_bytes -i 2\nsample_sig_bits -i 16\n"
        "sample_coding -s3 pcm\nend_head\n"
    )
    data = (sound * 32768).astype(">i2").tobytes()
    path = tmp_path / "SA1.WAV"
    path.write_bytes(header.encode().ljust(1024) + data)
    np.testing.assert_array_equal(decode(path).samples, sound)


def test_a_flac_stream_of_unknown_length(tmp_path, voice, write):
    """Encoders that write to a pipe leave the length in the header zero."""
    sound = voice()
    path = write(tmp_path / "a.flac", sound)
    content = bytearray(path.read_bytes())
    content[21] &= 0xF0
    content[22:26] = bytes(4)
    path.write_bytes(content)
    np.testing.assert_array_equal(decode(path).samples, sound)
    np.testing.assert_array_equal(decode(path, 0.25, 0.5).samples, sound[4000:8000])
    assert decode(path, 0.5, 2.0).flags == ("segment-clamped",)


@pytest.mark.parametrize("size", [b"\xff\xff\xff\xff", b"\x00\x00\x00\x80"])
def test_a_wav_written_to_a_pipe(tmp_path, voice, write, size):
    """The data size is a placeholder of some gigabytes."""
    sound = voice()
    path = write(tmp_path / "a.wav", sound)
    content = bytearray(path.read_bytes())
    content[40:44] = size
    path.write_bytes(content)
    np.testing.assert_array_equal(decode(path).samples, sound)


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 32000, 44100, 48000, 96000, 192000])
def test_resampling_keeps_a_sine_wave(tmp_path, write, rate):
    time = np.arange(rate) / rate
    path = write(tmp_path / "a.wav", 0.5 * np.sin(2 * np.pi * 440 * time), rate, subtype="FLOAT")
    waveform = decode(path)
    assert len(waveform.samples) == 16000
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    np.testing.assert_allclose(waveform.samples[800:-800], expected[800:-800], atol=1e-4)
    assert waveform.flags == ("resampled",)


@pytest.mark.parametrize("rate", [44100, 96000])
def test_what_16_khz_cannot_hold_is_filtered_out_not_folded(tmp_path, write, rate):
    time = np.arange(rate) / rate
    path = write(tmp_path / "a.wav", 0.5 * np.sin(2 * np.pi * 11000 * time), rate)
    assert np.abs(decode(path).samples[800:-800]).max() < 1e-4


def test_channels_are_averaged(tmp_path, voice, write, read_wave):
    channels = np.stack([voice(seed=n) for n in range(3)], axis=1)
    path = write(tmp_path / "a.wav", channels)
    waveform = decode(path)
    np.testing.assert_allclose(waveform.samples, read_wave(path).mean(axis=1), atol=1e-7)
    assert waveform.channels == 3
    assert waveform.flags == ("stereo",)


def test_blocks_do_not_show(tmp_path, voice, write, monkeypatch):
    """Long files are decoded in blocks; the samples are the same to the bit."""
    sound = np.stack([voice(44100, 3.0, seed=n) for n in range(2)], axis=1)
    paths = [
        write(tmp_path / "a.wav", sound, 44100),
        write(tmp_path / "a.flac", sound, 44100),
        write(tmp_path / "a.ogg", sound, 44100),
        write(tmp_path / "a.mp3", sound, 44100),
        write(tmp_path / "a.opus", sound, 48000, format="OGG", subtype="OPUS"),
        write(tmp_path / "a.gsm", sound[:, 0], 8000, format="RAW", subtype="GSM610"),
    ]
    whole = [decode(path, 0.3, 2.9).samples for path in paths]
    monkeypatch.setattr("paralbench.audio.sndfile.BLOCK_FRAMES", 1000)
    for path, expected in zip(paths, whole, strict=True):
        np.testing.assert_array_equal(decode(path, 0.3, 2.9).samples, expected)


def test_blocks_of_ffmpeg_do_not_show(tmp_path, voice, write_with_ffmpeg, monkeypatch):
    path = write_with_ffmpeg(tmp_path / "a.m4a", voice(44100, 3.0), 44100)
    whole = decode(path).samples
    monkeypatch.setattr("paralbench.audio.ffmpeg.BLOCK_FRAMES", 3000)
    np.testing.assert_array_equal(decode(path).samples, whole)


def test_a_playlist_is_not_followed(tmp_path, voice, write_with_ffmpeg):
    """FFmpeg would read the files, or fetch the addresses, that a playlist names."""
    target = write_with_ffmpeg(tmp_path / "a.aac", voice(), container="adts")
    playlist = tmp_path / "b.wav"
    playlist.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{target}\n#EXT-X-ENDLIST\n")
    with pytest.raises(AudioError, match="unreadable"):
        decode(playlist)


def test_any_path_is_taken(tmp_path, voice, write, write_with_ffmpeg, monkeypatch):
    folder = tmp_path / "Zażółć gęślą 'ü' %d: #1"
    folder.mkdir()
    path = write(folder / "a.wav", voice())
    assert len(decode(str(path)).samples) == 16000
    assert len(decode(write_with_ffmpeg(folder / "http:a.m4a", voice())).samples) >= 16000
    monkeypatch.chdir(folder)
    assert len(decode("a.wav").samples) == 16000
    assert len(decode("http:a.m4a").samples) >= 16000
