"""Debian packages, through an apt-get that a test makes up."""

import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from paralbench.cards.corpus import DebianSource
from paralbench.corpora.providers import debian
from paralbench.errors import FetchError
from paralbench.storage.downloads import Downloads, sha256_of

FakeApt = Callable[..., None]


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package with one sound."""
    import tarfile

    sound = tmp_path / "a.ogg"
    sound.write_bytes(b"sound")
    with tarfile.open(tmp_path / "data", "w:xz") as tar:
        tar.add(sound, "./usr/share/x/a.ogg")
    data = (tmp_path / "data").read_bytes()
    header = f"{'data.tar.xz':<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(data):<10}`\n"
    made = tmp_path / "x.deb"
    made.write_bytes(b"!<arch>\n" + header.encode() + data)
    return made


@pytest.fixture
def fake_apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeApt:
    """Put an ``apt-get`` of our own in front; it is a Python script body."""

    def make(get: str, cache: str = "") -> None:
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        for name, body in (("apt-get", get), ("apt-cache", cache)):
            (folder / f"{name}.py").write_text(f"import os, shutil, sys\n{body}\n")
            command = f"{shlex.quote(sys.executable)} {shlex.quote(str(folder / name))}.py"
            (folder / name).write_text(f'#!/bin/sh\nexec {command} "$@"\n')
            (folder / name).chmod(0o755)
        monkeypatch.setenv("PATH", str(folder), prepend=":")

    return make


def source(sha256: str, version: str = "1.0-1") -> DebianSource:
    return DebianSource.model_validate_json(
        '{"source": "debian", "folder": "usr/share/x", "packages": '
        f'[{{"package": "x", "version": "{version}", "sha256": "{sha256}"}}]}}'
    )


def provide(source: DebianSource, tmp_path: Path) -> Path:
    into = tmp_path / "into"
    into.mkdir(exist_ok=True)
    downloads = Downloads(tmp_path / "downloads")
    return into / debian.provide(source, into, downloads, lambda _line: None)


def test_download_and_unpack(package: Path, fake_apt: FakeApt, tmp_path: Path):
    fake_apt(f"""
assert sys.argv[-2:] == ["download", "x=1.0-1"], sys.argv
print("W: Download is performed unsandboxed as root", file=sys.stderr)
shutil.copy({str(package)!r}, "x_1.0-1_all.deb")
""")
    root = provide(source(sha256_of(package)), tmp_path)
    assert (root / "a.ogg").read_bytes() == b"sound"
    fake_apt("sys.exit('E: not again')")
    assert provide(source(sha256_of(package)), tmp_path) == root  # from the downloads


def test_missing_lists_are_read_into_a_folder_of_ours(
    package: Path, fake_apt: FakeApt, tmp_path: Path
):
    fake_apt(f"""
lists = [one.partition("=")[2] for one in sys.argv if one.startswith("Dir::State::lists=")]
if sys.argv[-1] == "update":
    assert lists and lists[0].startswith({str(tmp_path)!r})
    open(lists[0] + "/debian_main_binary-amd64_Packages", "w").close()
elif lists:
    shutil.copy({str(package)!r}, "x_1.0-1_all.deb")
else:
    sys.exit("E: Unable to locate package x")
""")
    root = provide(source(sha256_of(package)), tmp_path)
    assert (root / "a.ogg").read_bytes() == b"sound"


def test_a_version_that_is_not_to_be_had(fake_apt: FakeApt, tmp_path: Path):
    fake_apt(
        "sys.exit(\"E: Version '1.0-1' for 'x' was not found\")",
        'print("x | 2.0-3 | http://mirror.example/debian trixie/main amd64 Packages")',
    )
    with pytest.raises(FetchError) as error:
        provide(source("0" * 64), tmp_path)
    for part in ("x=1.0-1", "E: Version '1.0-1' for 'x' was not found", "offers 2.0-3"):
        assert part in str(error.value)


def test_another_checksum_names_both_and_is_kept_aside(
    package: Path, fake_apt: FakeApt, tmp_path: Path
):
    fake_apt(f'shutil.copy({str(package)!r}, "x_1.0-1_all.deb")')
    with pytest.raises(FetchError) as error:
        provide(source("0" * 64), tmp_path)
    assert sha256_of(package) in str(error.value)
    assert "0" * 64 in str(error.value)
    assert (tmp_path / "downloads" / f"{'0' * 64}.wrong").is_file()


def test_a_machine_without_apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FetchError, match="there is no apt-get on this machine"):
        provide(source("0" * 64), tmp_path)


def test_a_package_without_the_folder(package: Path, tmp_path: Path):
    wanted = source(sha256_of(package)).model_copy(update={"folder": "usr/share/y"})
    (tmp_path / "downloads").mkdir()
    (tmp_path / "downloads" / sha256_of(package)).write_bytes(package.read_bytes())
    with pytest.raises(FetchError, match="holds nothing in usr/share/y"):
        provide(wanted, tmp_path)
