"""Downloads from an address: continued, checked, never half."""

import hashlib
import socket
import threading
from pathlib import Path

import pytest

from paralbench.errors import FetchError
from paralbench.storage.downloads import Downloads
from paralbench.storage.web import download

CONTENT = bytes(n % 253 for n in range(300_000))


@pytest.fixture
def downloads(tmp_path: Path) -> Downloads:
    return Downloads(tmp_path / "downloads")


def get(url: str, sha256: str, downloads: Downloads, **options) -> Path:
    return download(url, sha256, downloads, lambda _line: None, **{"pause": 0.0, **options})


def test_a_second_call_asks_nothing(server, downloads: Downloads):
    url, sha256 = server.add("/a.bin", CONTENT)
    first = get(url, sha256, downloads)
    assert first.read_bytes() == CONTENT
    assert get(url, sha256, downloads) == first
    assert len(server.requests) == 1


def test_a_broken_connection_is_continued(server, downloads: Downloads):
    url, sha256 = server.add("/a.bin", CONTENT)
    server.break_after = [100_000, 50_000]
    assert get(url, sha256, downloads).read_bytes() == CONTENT
    assert [span for _, span in server.requests] == [None, "bytes=100000-", "bytes=150000-"]


def test_an_interrupted_fetch_is_continued_by_the_next(server, downloads: Downloads):
    url, sha256 = server.add("/a.bin", CONTENT)
    server.break_after = [100_000]
    with pytest.raises(FetchError, match=r"0\.1 MB are kept and the next fetch continues"):
        get(url, sha256, downloads, tries=1)
    assert downloads.get(sha256) is None
    assert get(url, sha256, downloads).read_bytes() == CONTENT
    assert server.requests[-1][1] == "bytes=100000-"


def test_a_server_without_ranges_sends_all_again(server, downloads: Downloads):
    url, sha256 = server.add("/a.bin", CONTENT)
    server.break_after, server.ignore_range = [100_000], True
    assert get(url, sha256, downloads).read_bytes() == CONTENT


def test_a_whole_part_is_finished(server, downloads: Downloads):
    url, sha256 = server.add("/a.bin", CONTENT)
    downloads.folder.mkdir()
    downloads.part(sha256).write_bytes(CONTENT)  # killed before it was renamed
    assert get(url, sha256, downloads).read_bytes() == CONTENT


@pytest.mark.parametrize("begun", [b"another file" * 10, b"x" * 400_000])
def test_a_part_of_another_file_is_begun_anew(server, downloads: Downloads, begun: bytes):
    url, sha256 = server.add("/a.bin", CONTENT)
    downloads.folder.mkdir()
    downloads.part(sha256).write_bytes(begun)
    assert get(url, sha256, downloads).read_bytes() == CONTENT


def test_another_checksum_names_both_and_keeps_the_file_aside(server, downloads: Downloads):
    url, found = server.add("/a.bin", CONTENT)
    pinned = "0" * 64
    with pytest.raises(FetchError) as error:
        get(url, pinned, downloads)
    assert found in str(error.value)
    assert pinned in str(error.value)
    assert (downloads.folder / f"{pinned}.wrong").read_bytes() == CONTENT
    assert downloads.get(pinned) is None
    assert not downloads.part(pinned).exists()


def test_a_download_that_was_damaged_on_disk_is_fetched_again(server, downloads: Downloads):
    url, sha256 = server.add("/a.bin", CONTENT)
    get(url, sha256, downloads).write_bytes(b"damaged")
    assert get(url, sha256, downloads).read_bytes() == CONTENT
    assert (downloads.folder / f"{sha256}.wrong").read_bytes() == b"damaged"


def test_a_busy_server_is_asked_again_and_a_missing_file_is_not(server, downloads: Downloads):
    url, sha256 = server.add("/a.bin", CONTENT)
    server.status["/a.bin"] = [503, 503]
    assert get(url, sha256, downloads).read_bytes() == CONTENT
    assert len(server.requests) == 3
    with pytest.raises(FetchError, match="the server answers 404"):
        get(f"{server.address}/gone", "1" * 64, downloads)
    assert len(server.requests) == 4


def test_a_size_that_is_not_told(server, downloads: Downloads):
    url, sha256 = server.add("/a.bin", CONTENT)
    server.lengths = False
    assert get(url, sha256, downloads).read_bytes() == CONTENT


def test_redirects_are_followed_on_the_web_only(server, downloads: Downloads, tmp_path: Path):
    _, sha256 = server.add("/a.bin", CONTENT)
    server.redirects = {"/moved": "/a.bin", "/file": f"file://{tmp_path}/a"}
    assert get(f"{server.address}/moved", sha256, downloads).read_bytes() == CONTENT
    with pytest.raises(FetchError):
        get(f"{server.address}/file", "2" * 64, downloads)
    with pytest.raises(FetchError, match="only http and https"):
        get(f"file://{tmp_path}/a", "3" * 64, downloads)


def test_a_server_that_is_not_there(downloads: Downloads):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(FetchError, match="cannot be reached"):
        get(f"http://127.0.0.1:{port}/a", "4" * 64, downloads)


def test_a_server_that_says_nothing_is_given_up(downloads: Downloads):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/a"
        with pytest.raises(FetchError, match=r"connection broke|cannot be reached"):
            get(url, "5" * 64, downloads, timeout=0.2, tries=2)


def test_two_at_once_download_once(server, downloads: Downloads):
    url, sha256 = server.add("/a.bin", CONTENT)
    got: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: got.append(get(url, sha256, downloads).read_bytes()))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [hashlib.sha256(one).hexdigest() for one in got] == [sha256] * 4
    assert len(server.requests) == 1


def test_without_a_checksum_the_file_is_kept_by_its_own(server, downloads: Downloads):
    url, sha256 = server.add("/a.bin", CONTENT)
    assert get(url, None, downloads) == downloads.folder / sha256
    left = sorted(path.name for path in downloads.folder.iterdir() if path.suffix != ".lock")
    assert left == [sha256]


@pytest.mark.parametrize("told", ["ETag", "Last-Modified"])
def test_without_a_checksum_the_same_version_is_continued(server, downloads: Downloads, told: str):
    url, _ = server.add("/a.bin", CONTENT)
    server.headers = {told: '"one"'}
    server.break_after = [100_000]
    assert get(url, None, downloads).read_bytes() == CONTENT
    assert [span for _, span in server.requests] == [None, "bytes=100000-"]


def test_without_a_checksum_another_version_is_begun_anew(server, downloads: Downloads):
    url, _ = server.add("/a.bin", CONTENT)
    server.headers = {"ETag": '"one"'}
    server.break_after = [100_000]
    with pytest.raises(FetchError, match="kept"):
        get(url, None, downloads, tries=1)
    server.headers = {"ETag": '"two"'}
    server.add("/a.bin", CONTENT[::-1])
    assert get(url, None, downloads).read_bytes() == CONTENT[::-1]


def test_without_checksum_and_version_a_begun_file_is_not_trusted(server, downloads: Downloads):
    url, _ = server.add("/a.bin", CONTENT)
    server.break_after = [100_000]
    assert get(url, None, downloads).read_bytes() == CONTENT
    assert [span for _, span in server.requests] == [None, None]


def test_where_only_https_is_allowed_nothing_else_is_asked(server, downloads: Downloads):
    url, sha256 = server.add("/a.bin", CONTENT)
    with pytest.raises(FetchError, match="only https addresses are fetched"):
        get(url, sha256, downloads, schemes=("https",))
    assert not server.requests


def test_a_full_disk_loses_nothing(server, small_disk: Path):
    url, sha256 = server.add("/a.bin", CONTENT * 5)  # 1.5 MB
    downloads = Downloads(small_disk / "downloads")
    with pytest.raises(OSError, match="No space left"):
        get(url, sha256, downloads)
    begun = downloads.part(sha256).stat().st_size
    assert 900_000 < begun < 1_500_000
