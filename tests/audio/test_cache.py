import hashlib
import shutil
import time

import numpy as np
import pandas as pd
import pytest

from paralbench.audio import cache as cache_module
from paralbench.audio import decode as decode_module
from paralbench.audio.cache import AudioCache
from paralbench.audio.duplicates import duplicate_groups
from paralbench.audio.segments import Segment
from paralbench.errors import StoreError
from paralbench.storage import atomic
from paralbench.storage.index import StoreWarning
from paralbench.storage.shards import list_shards

COLUMNS = [
    "utterance",
    "content",
    "samples",
    "seconds",
    "peak",
    "rms",
    "original_rate",
    "channels",
    "reason",
    "detail",
    "flags",
]


@pytest.fixture
def decoded(monkeypatch):
    """The files that were decoded since."""
    names = []
    real = cache_module.decode

    def note(path, start=None, end=None):
        names.append(path.name)
        return real(path, start, end)

    monkeypatch.setattr(cache_module, "decode", note)
    return names


def test_one_row_per_request_in_order(cache, corpus, requests_for, read_wave):
    requests = requests_for(corpus)[::-1]
    frame = cache.prepare(corpus, requests)
    assert frame.columns.tolist() == COLUMNS
    assert frame["utterance"].tolist() == [request.utterance for request in requests]
    assert frame["reason"].isna().all()
    for row, request in zip(frame.itertuples(), requests, strict=True):
        sound = read_wave(corpus / request.path)[:, 0]
        assert row.samples == len(sound)
        assert row.seconds == len(sound) / 16000
        assert row.peak == np.abs(sound).max()
        assert row.rms == pytest.approx(np.sqrt(np.mean(sound**2)), rel=1e-6)
        pcm = np.round(sound * 32768).astype("<i2")
        assert row.content == hashlib.sha256(b"int16" + pcm.tobytes()).hexdigest()
        waveform = cache.waveform(row.content)
        np.testing.assert_array_equal(waveform, sound)
        assert (waveform.dtype, waveform.flags.writeable) == (np.float32, True)


def test_nothing_is_decoded_twice(cache, corpus, requests_for, decoded):
    requests = requests_for(corpus)
    first = cache.prepare(corpus, requests)
    assert sorted(decoded) == [request.path for request in requests]
    decoded.clear()
    for again in (cache, AudioCache(cache.folder)):
        pd.testing.assert_frame_equal(again.prepare(corpus, requests), first)
    assert decoded == []


def test_the_number_of_threads_does_not_matter(tmp_path, corpus, requests_for):
    requests = [*requests_for(corpus), Segment("gone", "gone.wav"), Segment("s", "03.wav", 0.1, 9)]
    frames = [
        AudioCache(tmp_path / str(workers), workers=workers, shard_bytes=10_000).prepare(
            corpus, requests
        )
        for workers in (1, 2, 7)
    ]
    pd.testing.assert_frame_equal(frames[0], frames[1])
    pd.testing.assert_frame_equal(frames[0], frames[2])


def test_only_changed_files_are_decoded_again(cache, corpus, requests_for, decoded, voice, write):
    requests = requests_for(corpus)
    before = cache.prepare(corpus, requests)
    decoded.clear()
    write(corpus / "05.wav", voice(seed=99))
    after = cache.prepare(corpus, requests)
    assert decoded == ["05.wav"]
    assert (before["content"] != after["content"]).tolist() == [n == 5 for n in range(12)]
    decoded.clear()
    cache.prepare(corpus, [Segment("part", "05.wav", 0.1, 0.2), *requests])
    assert decoded == ["05.wav"]


def test_another_decoder_decodes_anew(cache, corpus, requests_for, decoded, monkeypatch):
    requests = requests_for(corpus)
    cache.prepare(corpus, requests)
    for change in ("new", "back"):
        decoded.clear()
        with monkeypatch.context() as patch:
            if change == "new":
                patch.setattr(decode_module, "VERSION", decode_module.VERSION + 1)
            cache.prepare(corpus, requests)
            assert len(decoded) == (12 if change == "new" else 0)


def test_missing_and_unreadable_files_are_tried_again(cache, corpus, voice, write):
    requests = [Segment("a", "a.wav"), Segment("b", "b.wav")]
    (corpus / "b.wav").write_bytes(b"not yet")
    assert cache.prepare(corpus, requests)["reason"].tolist() == ["missing", "unreadable"]
    for name in ("a.wav", "b.wav"):
        write(corpus / name, voice())
    assert cache.prepare(corpus, requests)["reason"].tolist() == [None, None]


def test_a_file_that_changes_while_it_is_read_is_not_kept(cache, corpus, monkeypatch):
    real = cache_module.decode

    def slow(path, start=None, end=None):
        waveform = real(path, start, end)
        path.touch()
        return waveform

    requests = [Segment("a", "00.wav")]
    with monkeypatch.context() as patch:
        patch.setattr(cache_module, "decode", slow)
        row = cache.prepare(corpus, requests).iloc[0]
    assert row["reason"] == "unreadable"
    assert "changed while it was read" in row["detail"]
    assert cache.prepare(corpus, requests)["reason"].tolist() == [None]


def test_the_same_sound_is_kept_once_and_flagged(cache, tmp_path, voice, write):
    root = tmp_path / "corpus"
    write(root / "a.wav", voice())
    write(root / "b.flac", voice())
    write(root / "c.wav", voice(seed=1))
    write(root / "d.wav", np.stack([voice(seed=1)] * 2, axis=1))
    write(root / "e.wav", voice(seed=2))
    write(root / "silent.wav", np.zeros(100))
    write(root / "silent2.wav", np.zeros(100))
    names = ["c.wav", "a.wav", "silent.wav", "b.flac", "silent2.wav", "d.wav", "e.wav"]
    frame = cache.prepare(root, [Segment(name, name) for name in names])
    assert duplicate_groups(frame) == [["c.wav", "d.wav"], ["a.wav", "b.flac"]]
    assert frame["flags"].tolist() == [
        "duplicate-content",
        "duplicate-content",
        "",
        "duplicate-content",
        "",
        "stereo,duplicate-content",
        "",
    ]
    assert len(cache._store) == 3
    alone = cache.prepare(root, [Segment("a", "a.wav")])
    assert alone["flags"].tolist() == [""]  # among what is asked for


def test_two_utterances_of_one_file_are_decoded_once(cache, corpus, decoded):
    frame = cache.prepare(corpus, [Segment("x", "00.wav"), Segment("y", "00.wav")])
    assert decoded == ["00.wav"]
    assert duplicate_groups(frame) == [["x", "y"]]


def test_symbolic_links_are_followed(cache, corpus, tmp_path, read_wave):
    root = tmp_path / "links"
    root.mkdir()
    (root / "wav").symlink_to(corpus)
    (root / "one.wav").symlink_to(corpus / "01.wav")
    frame = cache.prepare(root, [Segment("a", "wav/00.wav"), Segment("b", "one.wav")])
    assert frame["reason"].tolist() == [None, None]
    np.testing.assert_array_equal(
        cache.waveform(frame["content"][1]), read_wave(corpus / "01.wav")[:, 0]
    )


def test_an_empty_request(cache, corpus):
    frame = cache.prepare(corpus, [])
    assert frame.columns.tolist() == COLUMNS
    assert len(frame) == 0
    assert duplicate_groups(frame) == []


def test_progress_counts_what_is_decoded(cache, corpus, requests_for):
    seen = []
    cache.prepare(corpus, requests_for(corpus)[:3], lambda *numbers: seen.append(numbers))
    cache.prepare(corpus, requests_for(corpus)[:5], lambda *numbers: seen.append(numbers))
    assert seen == [(1, 3), (2, 3), (3, 3), (1, 2), (2, 2)]


def test_an_unknown_name(cache):
    with pytest.raises(StoreError, match="1 of 1 rows are missing"):
        cache.waveform("00" * 32)


def test_lost_audio_is_decoded_again(cache, corpus, requests_for, decoded):
    requests = requests_for(corpus)
    frame = cache.prepare(corpus, requests)
    shard = list_shards(cache.folder / "pcm")[0]
    shard.write_bytes(shard.read_bytes()[:-1])
    decoded.clear()
    with pytest.warns(StoreWarning, match="set aside"):
        again = AudioCache(cache.folder)
    pd.testing.assert_frame_equal(again.prepare(corpus, requests), frame)
    assert len(decoded) == 12
    assert len(again.waveform(frame["content"][3])) == frame["samples"][3]


def test_a_damaged_table_of_files_only_costs_time(cache, corpus, requests_for, decoded):
    requests = requests_for(corpus)
    frame = cache.prepare(corpus, requests)
    [part] = cache.folder.glob("files/*/*.parquet")
    part.write_bytes(part.read_bytes()[:100])
    decoded.clear()
    with pytest.warns(StoreWarning, match="set aside"):
        again = cache.prepare(corpus, requests)
    pd.testing.assert_frame_equal(again, frame)
    assert len(decoded) == 12
    decoded.clear()
    cache.prepare(corpus, requests)
    assert decoded == []


def test_tables_of_files_are_merged(cache, corpus, requests_for, decoded, monkeypatch):
    requests = requests_for(corpus) * 1
    for request in requests:
        cache.prepare(corpus, [request])
        cache.prepare(corpus, [Segment("s", request.path, 0.0, 0.1)])
    parts = list(cache.folder.glob("files/*/*.parquet"))
    assert len(parts) <= 17
    decoded.clear()
    cache.prepare(corpus, requests)
    cache.prepare(corpus, [Segment("s", request.path, 0.0, 0.1) for request in requests])
    assert decoded == []


def test_a_full_disk_keeps_what_was_decoded(tmp_path, corpus, requests_for, decoded, monkeypatch):
    requests = requests_for(corpus)
    cache = AudioCache(tmp_path / "cache", workers=1, shard_bytes=20_000)
    real, calls = atomic.os.fsync, []

    def full_later(descriptor):
        calls.append(descriptor)
        if len(calls) > 12:
            raise OSError(28, "No space left on device")
        real(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(atomic.os, "fsync", full_later)
        with pytest.raises(StoreError, match=r"cache/(pcm|files).*the disk or quota is full"):
            cache.prepare(corpus, requests)
    assert not list(cache.folder.rglob(f"{atomic.PREFIX}*"))
    decoded.clear()
    frame = AudioCache(tmp_path / "cache").prepare(corpus, requests)
    assert frame["reason"].isna().all()
    assert 0 < len(decoded) < 12


def test_an_interruption_keeps_what_was_decoded(cache, corpus, requests_for, decoded):
    def interrupt(done, _total):
        if done == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.prepare(corpus, requests_for(corpus), interrupt)
    decoded.clear()
    cache.prepare(corpus, requests_for(corpus))
    assert len(decoded) == 5


def test_a_read_only_cache_serves_what_it_has(tmp_path, cache, corpus, requests_for, monkeypatch):
    requests = requests_for(corpus)
    frame = cache.prepare(corpus, requests)

    def refuse(*_arguments, **_options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(atomic, "_create", refuse)
    again = AudioCache(cache.folder)
    pd.testing.assert_frame_equal(again.prepare(corpus, requests), frame)
    with pytest.raises(StoreError, match="Make the folder writable"):
        again.prepare(corpus, [Segment("new", "00.wav", 0.0, 0.1)])


def test_asking_again_for_many_files_is_quick(tmp_path, corpus):
    """Only their sizes and times are read. 5,000 files take about 0.1 s."""
    root = tmp_path / "many"
    root.mkdir()
    for number in range(2000):
        (root / f"{number}.wav").hardlink_to(corpus / f"{number % 12:02}.wav")
    requests = [Segment(str(number), f"{number}.wav") for number in range(2000)]
    first = AudioCache(tmp_path / "cache").prepare(root, requests)
    begin = time.process_time()
    again = AudioCache(tmp_path / "cache").prepare(root, requests)
    assert time.process_time() - begin < 1.0
    pd.testing.assert_frame_equal(again, first)


def test_the_default_folder_is_the_users(paralbench_home, corpus):
    cache = AudioCache()
    cache.prepare(corpus, [Segment("a", "00.wav")])
    assert cache.folder == paralbench_home / "audio"
    assert list_shards(paralbench_home / "audio" / "pcm")


def test_a_moved_cache_still_works(cache, corpus, tmp_path, requests_for, decoded):
    requests = requests_for(corpus)
    frame = cache.prepare(corpus, requests)
    shutil.move(cache.folder, tmp_path / "moved")
    decoded.clear()
    moved = AudioCache(tmp_path / "moved")
    pd.testing.assert_frame_equal(moved.prepare(corpus, requests), frame)
    assert decoded == []
