import random
import threading

from paralbench.audio.files_index import FileKey, FilesIndex, Finding


def _finding(number, decoder="d"):
    content, flags = f"{number:064x}", "stereo,resampled"
    return Finding(content, number, 0.5, 0.1, 8000, 2, None, "detail", flags, decoder)


def _key(number):
    return FileKey(f"a/{number}.wav", number, 10**18 + number, number / 3, None)


def test_findings_come_back(tmp_path):
    index = FilesIndex(tmp_path, tmp_path / "root", ["d"])
    excluded = Finding(None, 0, None, None, None, None, "silent", "ü", "", "d")
    index.add({_key(1): _finding(1), _key(2): excluded})
    again = FilesIndex(tmp_path, tmp_path / "root", ["d"])
    for found in (index, again):
        assert found.get(_key(1)) == _finding(1)
        assert found.get(_key(2)) == excluded
        assert found.get(_key(3)) is None
        assert found.get(_key(1)._replace(mtime_ns=5)) is None
        assert found.get(_key(1)._replace(end=1.0)) is None


def test_roots_and_decoders_are_kept_apart(tmp_path):
    FilesIndex(tmp_path, tmp_path / "one", ["d"]).add({_key(1): _finding(1)})
    assert FilesIndex(tmp_path, tmp_path / "two", ["d"]).get(_key(1)) is None
    assert FilesIndex(tmp_path, tmp_path / "one", ["e"]).get(_key(1)) is None


def test_merging_keeps_everything_of_everyone(tmp_path):
    """Also what was decoded with another version of a library, on another machine."""
    for number in range(10):
        FilesIndex(tmp_path, tmp_path, ["e"]).add({_key(number): _finding(number, "e")})
    index = FilesIndex(tmp_path, tmp_path, ["d"])
    for number in range(10):
        index.add({_key(number): _finding(number + 100)})
    index.merge()
    assert len(list(tmp_path.rglob("*.parquet"))) == 1
    for decoder, shift in (("d", 100), ("e", 0)):
        again = FilesIndex(tmp_path, tmp_path, [decoder])
        for number in range(10):
            assert again.get(_key(number)) == _finding(number + shift, decoder)


def test_merging_and_adding_at_the_same_time_loses_nothing(tmp_path):
    def work(worker):
        order = random.Random(worker)
        for number in range(worker * 100, worker * 100 + 25):
            index = FilesIndex(tmp_path, tmp_path, ["d"])
            index.add({_key(number): _finding(number)})
            if order.random() < 0.5:
                index.merge()

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    index = FilesIndex(tmp_path, tmp_path, ["d"])
    for worker in range(4):
        for number in range(worker * 100, worker * 100 + 25):
            assert index.get(_key(number)) == _finding(number)
