"""Downloading pinned distributions from an index (here: a folder of them) and reading members."""

import hashlib
import io
import tarfile
import zipfile

import pytest

from paralbench.errors import FetchError
from paralbench.storage.downloads import Downloads, sha256_of
from paralbench.storage.packages import download_package, open_member


def make_wheel(folder, name="tiny_weights", version="1.0.0", content=b"weights", extra=""):
    """A wheel with one data file, as a build back end would write it."""
    info = f"{name}-{version}.dist-info"
    file = folder / f"{name}-{version}-py3-none-any.whl"
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(file, "w") as wheel:
        wheel.writestr(f"{name}/__init__.py", extra)
        wheel.writestr(f"{name}/data.bin", content)
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        wheel.writestr(f"{info}/METADATA", metadata)
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")
    return file


@pytest.fixture
def downloads(tmp_path):
    return Downloads(tmp_path / "downloads")


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A folder that pip looks into instead of an index."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def test_a_wheel_is_downloaded_once_and_read(index, downloads):
    wheel = make_wheel(index, extra="raise SystemExit('imported')")
    digest = sha256_of(wheel)
    got = download_package("tiny-weights==1.0.0", digest, downloads)
    assert got == downloads.folder / digest
    with open_member(got, "tiny_weights/data.bin") as member:
        assert member.read() == b"weights"
    wheel.unlink()
    assert download_package("tiny-weights==1.0.0", digest, downloads) == got
    left = sorted(one.name for one in downloads.folder.iterdir())
    assert left == [digest, f"{digest}.lock"]  # no temporary folder


def test_another_checksum_is_refused(index, downloads):
    digest = sha256_of(make_wheel(index))
    with pytest.raises(FetchError, match=f"sha256 {digest}, expected {'0' * 64}. pip refused it"):
        download_package("tiny-weights==1.0.0", "0" * 64, downloads)
    assert downloads.get("0" * 64) is None


def test_a_damaged_download_is_replaced(index, downloads):
    wheel = make_wheel(index)
    got = download_package("tiny-weights==1.0.0", sha256_of(wheel), downloads)
    got.write_bytes(b"half a file")
    assert download_package("tiny-weights==1.0.0", sha256_of(wheel), downloads) == got
    assert got.read_bytes() == wheel.read_bytes()


def test_a_source_distribution_is_not_taken_for_a_wheel(index, tmp_path, downloads):
    """Asking for its metadata would run the package's code."""
    file = index / "tiny_weights-1.0.0.tar.gz"
    trace = tmp_path / "was-run"
    with tarfile.open(file, "w:gz") as archive:
        code = f"open({str(trace)!r}, 'w')".encode()
        for name in ("setup.py", "PKG-INFO"):
            info = tarfile.TarInfo(f"tiny_weights-1.0.0/{name}")
            info.size = len(code)
            archive.addfile(info, io.BytesIO(code))
    with pytest.raises(FetchError, match="pip cannot download it"):
        download_package("tiny-weights==1.0.0", sha256_of(file), downloads)
    assert not trace.exists()


@pytest.mark.usefixtures("index")
def test_a_file_put_there_by_hand_is_taken(tmp_path, downloads):
    wheel = make_wheel(tmp_path / "elsewhere")
    digest = sha256_of(wheel)
    with pytest.raises(FetchError) as refused:
        download_package("tiny-weights==1.0.0", digest, downloads)
    folder = downloads.folder / digest
    assert f"put the file with sha256 {digest} into {folder}" in str(refused.value)
    folder.mkdir()
    wheel.rename(folder / "any-name.whl")
    assert download_package("tiny-weights==1.0.0", digest, downloads).is_file()


@pytest.mark.usefixtures("index")
def test_a_place_that_cannot_be_written_is_named(downloads):
    downloads.folder.write_text("a file")
    with pytest.raises(FetchError, match="downloads: cannot be written"):
        download_package("tiny-weights==1.0.0", "0" * 64, downloads)


def test_members_of_a_tar_are_read(tmp_path):
    file = tmp_path / "sources.tar.gz"
    with tarfile.open(file, "w:gz") as archive:
        info = tarfile.TarInfo("folder/a.txt")
        info.size = 2
        archive.addfile(info, io.BytesIO(b"hi"))
        folder = tarfile.TarInfo("folder")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
    with open_member(file, "folder/a.txt") as member:
        assert member.read() == b"hi"
    for missing in ("folder", "folder/b.txt"):
        with pytest.raises(FetchError, match="holds no file"), open_member(file, missing):
            pass


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\3\4 half"])
def test_what_is_no_archive_is_refused(content, tmp_path):
    file = tmp_path / "a.whl"
    file.write_bytes(content)
    with pytest.raises(FetchError, match="damaged archive"), open_member(file, "a"):
        pass


def test_the_checksum_is_sha256(tmp_path):
    (tmp_path / "a").write_bytes(b"abc" * 1000)
    assert sha256_of(tmp_path / "a") == hashlib.sha256(b"abc" * 1000).hexdigest()
