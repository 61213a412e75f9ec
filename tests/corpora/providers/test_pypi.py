"""Members of source distributions, through the real pip and packages made here."""

import io
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from paralbench.cards.corpus import PypiSource
from paralbench.corpora.providers import pypi
from paralbench.errors import FetchError
from paralbench.storage.downloads import Downloads, sha256_of

# A build backend inside the package, so that nothing else has to be downloaded. That it ran shows.
BACKEND = """
from pathlib import Path
def prepare_metadata_for_build_wheel(folder, config_settings=None):
    Path({ran!r}).touch()
    info = Path(folder, "carrier-1.0.dist-info")
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\\nName: carrier\\nVersion: 1.0\\n")
    return info.name
def build_wheel(*_, **__):
    raise NotImplementedError
def build_sdist(*_, **__):
    raise NotImplementedError
"""


@pytest.fixture
def ran(tmp_path: Path) -> Path:
    return tmp_path / "code of the package ran"


@pytest.fixture
def sdist(tmp_path: Path, ran: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A source distribution that pip finds without an index."""
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as bundle:
        bundle.writestr("POLISH/README.md", "about")
        bundle.writestr("POLISH/m1.a_nie_1.wav", "sound")
    files = {
        "pyproject.toml": b'[build-system]\nrequires = []\nbuild-backend = "backend"\n'
        b'backend-path = ["."]\n[project]\nname = "carrier"\nversion = "1.0"\n',
        "backend.py": BACKEND.format(ran=str(ran)).encode(),
        "PKG-INFO": b"Metadata-Version: 2.1\nName: carrier\nVersion: 1.0\n",
        "data/corpus.zip": inner.getvalue(),
        "data/plain/a.wav": b"sound a",
        "data/plain/b.wav": b"sound b",
    }
    folder = tmp_path / "links"
    folder.mkdir()
    with tarfile.open(folder / "carrier-1.0.tar.gz", "w:gz") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(f"carrier-1.0/{name}")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder / "carrier-1.0.tar.gz"


def source(sha256: str, *members: str) -> PypiSource:
    return PypiSource(source="pypi", package="carrier==1.0", sha256=sha256, members=members)


def provide(source: PypiSource, tmp_path: Path) -> tuple[Path, str]:
    into = tmp_path / "into"
    into.mkdir()
    downloads = Downloads(tmp_path / "downloads")
    return into, pypi.provide(source, into, downloads, lambda _line: None)


def test_an_inner_archive_is_unpacked(sdist: Path, tmp_path: Path, ran: Path):
    into, root = provide(source(sha256_of(sdist), "data/corpus.zip"), tmp_path)
    assert ran.exists(), "pip asks the package for its metadata"
    assert root == "POLISH"
    assert sorted(path.name for path in (into / root).iterdir()) == ["README.md", "m1.a_nie_1.wav"]
    kept = sorted(path.name for path in (tmp_path / "downloads").iterdir())
    assert kept == [sha256_of(sdist), f"{sha256_of(sdist)}.lock"]


def test_a_kept_download_needs_no_pip(sdist: Path, tmp_path: Path):
    downloads = Downloads(tmp_path / "downloads")
    downloads.folder.mkdir()
    sha256 = sha256_of(sdist)
    sdist.rename(downloads.folder / sha256)
    into, _ = provide(source(sha256, "data/plain"), tmp_path)
    assert sorted(path.name for path in (into / "data" / "plain").iterdir()) == ["a.wav", "b.wav"]


def test_another_checksum_is_refused_before_its_code_runs(sdist: Path, tmp_path: Path, ran: Path):
    pinned = "0" * 64
    with pytest.raises(FetchError) as error:
        provide(source(pinned, "data/corpus.zip"), tmp_path)
    assert pinned in str(error.value)
    assert sha256_of(sdist) in str(error.value)
    assert not ran.exists()


def test_a_member_that_is_not_there(sdist: Path, tmp_path: Path):
    sha256 = sha256_of(sdist)
    (tmp_path / "downloads").mkdir()
    (tmp_path / "downloads" / sha256).write_bytes(sdist.read_bytes())
    with pytest.raises(FetchError, match=r"carrier==1\.0 holds no data/other\.zip"):
        provide(source(sha256, "data/other.zip"), tmp_path)


def test_a_package_that_is_not_there(sdist: Path, tmp_path: Path):
    sdist.unlink()
    with pytest.raises(FetchError, match=r"carrier==1\.0: pip cannot download it: ERROR"):
        provide(source("0" * 64, "data/corpus.zip"), tmp_path)


def test_a_python_without_pip(sdist: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    without = tmp_path / "python"
    without.write_text(f'#!/bin/sh\necho "{without}: No module named pip" >&2\nexit 1\n')
    without.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(without))
    with pytest.raises(FetchError, match="this Python has no pip"):
        provide(source("0" * 64, "data/corpus.zip"), tmp_path)
