"""Unpacking: what is asked for, and nothing that leaves the folder."""

import io
import shutil
import stat
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from paralbench.corpora.providers.archives import is_archive, unpack
from paralbench.errors import FetchError


def tar_of(path: Path, *members: tarfile.TarInfo | tuple[str, bytes], mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as tar:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                tar.addfile(member)
            else:
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                tar.addfile(info, io.BytesIO(member[1]))
    return path


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def device(name: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = tarfile.CHRTYPE
    return info


@pytest.mark.parametrize(
    ("suffix", "mode"), [(".tar", "w"), (".tar.gz", "w:gz"), (".tgz", "w:gz"), (".tar.xz", "w:xz")]
)
def test_tar(tmp_path: Path, suffix: str, mode: str):
    archive = tar_of(tmp_path / "archive", ("a/b.wav", b"b"), ("c/d.wav", b"d"), mode=mode)
    assert is_archive(f"x{suffix}")
    assert unpack(archive, f"x{suffix}", tmp_path / "all") == 2
    assert (tmp_path / "all" / "a" / "b.wav").read_bytes() == b"b"
    assert unpack(archive, f"x{suffix}", tmp_path / "part", "c") == 1
    assert not (tmp_path / "part" / "a").exists()


def test_zip(tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "archive", "w") as bundle:
        bundle.writestr("a/", "")
        bundle.writestr("a/b.wav", "b")
        bundle.writestr("c.wav", "c")
    assert unpack(tmp_path / "archive", "x.zip", tmp_path / "all") == 2
    assert unpack(tmp_path / "archive", "x.zip", tmp_path / "part", "a") == 1
    assert (tmp_path / "part" / "a" / "b.wav").read_text() == "b"


@pytest.mark.parametrize(
    "member",
    [
        ("../evil", b""),
        ("a/../../evil", b""),
        ("/evil", b""),
        ("a\\..\\..\\evil", b""),
        ("C:/evil", b""),
        link("a", "/etc/passwd"),
        link("a", "../outside"),
        link("a", "../outside", tarfile.LNKTYPE),
        device("a"),
    ],
    ids=lambda member: getattr(member, "linkname", member[0] if type(member) is tuple else "dev"),
)
def test_evil_tar_is_refused(tmp_path: Path, member):
    archive = tar_of(tmp_path / "archive", ("fine", b"1"), member)
    with pytest.raises(FetchError, match="refused"):
        unpack(archive, "x.tar.gz", tmp_path / "deep" / "into")
    assert not list(tmp_path.rglob("evil"))
    assert not (tmp_path / "deep" / "into" / "a").exists()


def test_a_link_that_stays_inside_becomes_what_it_points_to(tmp_path: Path):
    archive = tar_of(
        tmp_path / "archive",
        link("e/f", "../d"),
        link("d", "c"),
        link("gone", "nowhere"),
        ("a/b", b"1"),
        link("c", "a/b"),
        link("g/h", "a/b", tarfile.LNKTYPE),
    )
    assert unpack(archive, "x.tar.gz", tmp_path / "into") == 1
    for name in ("c", "d", "e/f", "g/h"):
        assert (tmp_path / "into" / name).read_bytes() == b"1"
    assert not any(path.is_symlink() for path in tmp_path.rglob("*"))


def test_nothing_is_written_through_a_link(tmp_path: Path):
    archive = tar_of(tmp_path / "archive", link("a", "b"), ("b/c", b"1"), ("a/c", b"2"))
    unpack(archive, "x.tar.gz", tmp_path / "into")
    assert (tmp_path / "into/b/c").read_bytes() == b"1"
    assert (tmp_path / "into/a/c").read_bytes() == b"2"


@pytest.mark.parametrize("name", ["../evil", "/evil", "a/../../evil"])
def test_evil_zip_is_refused(tmp_path: Path, name: str):
    with zipfile.ZipFile(tmp_path / "archive", "w") as bundle:
        bundle.writestr(zipfile.ZipInfo(name), "1")
    with pytest.raises(FetchError, match="leaves its folder"):
        unpack(tmp_path / "archive", "x.zip", tmp_path / "deep" / "into")
    assert not list(tmp_path.rglob("evil"))


def test_a_link_in_a_zip_is_refused(tmp_path: Path):
    info = zipfile.ZipInfo("a")
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "archive", "w") as bundle:
        bundle.writestr(info, "/etc/passwd")
    with pytest.raises(FetchError, match="a link or device"):
        unpack(tmp_path / "archive", "x.zip", tmp_path / "into")


@pytest.mark.parametrize("name", ["x.zip", "x.tar.gz", "x.tar.xz", "x.deb"])
def test_damaged_archives(tmp_path: Path, name: str):
    (tmp_path / "archive").write_bytes(b"this is no archive" * 100)
    with pytest.raises(FetchError, match="damaged"):
        unpack(tmp_path / "archive", name, tmp_path / "into")


@pytest.mark.parametrize("mode", ["w:gz", "w:xz"])
def test_truncated_archives(tmp_path: Path, mode: str):
    noise = bytes((7 * n * n) % 251 for n in range(50_000))
    archive = tar_of(tmp_path / "archive", ("a", noise), mode=mode)
    archive.write_bytes(archive.read_bytes()[:200])
    with pytest.raises(FetchError, match="damaged"):
        unpack(archive, f"x.tar.{mode[2:]}", tmp_path / "into")


def deb_of(path: Path, data: bytes, name: str = "data.tar.xz") -> Path:
    """A Debian package by hand: an ar archive of three members."""
    path.write_bytes(b"!<arch>\n")
    with path.open("ab") as stream:
        for member, content in (
            ("debian-binary", b"2.0\n"),
            ("control.tar.xz", b"x"),
            (name, data),
        ):
            stream.write(
                f"{member:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(content):<10}`\n".encode()
            )
            stream.write(content + b"\n" * (len(content) % 2))
    return path


@pytest.mark.parametrize(("name", "mode"), [("data.tar.xz", "w:xz"), ("data.tar.gz", "w:gz")])
def test_debian_package_without_dpkg(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, mode: str
):
    monkeypatch.setenv("PATH", "")
    tar_of(
        tmp_path / "data",
        ("./usr/share/x/sound/a.ogg", b"sound"),
        link("./usr/share/doc/x", "/usr/share/doc/y"),  # outside of what is wanted
        mode=mode,
    )
    package = deb_of(tmp_path / "package", (tmp_path / "data").read_bytes(), name)
    assert unpack(package, "x.deb", tmp_path / "into", "usr/share/x/sound") == 1
    assert (tmp_path / "into/usr/share/x/sound/a.ogg").read_bytes() == b"sound"
    assert not (tmp_path / "into/usr/share/doc").exists()


def test_a_truncated_debian_package(tmp_path: Path):
    noise = bytes((7 * n * n) % 251 for n in range(50_000))
    data = tar_of(tmp_path / "data", ("usr/a", noise), mode="w:xz").read_bytes()
    package = deb_of(tmp_path / "package", data)
    package.write_bytes(package.read_bytes()[:-300])
    with pytest.raises(FetchError, match="damaged"):
        unpack(package, "x.deb", tmp_path / "into", "usr")


def test_zstd_needs_dpkg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "")
    package = deb_of(tmp_path / "package", b"zstd", "data.tar.zst")
    with pytest.raises(FetchError, match="needs dpkg-deb"):
        unpack(package, "x.deb", tmp_path / "into", "usr")


@pytest.mark.parametrize("compression", ["xz", "gzip", "none", "zstd"])
def test_packages_that_dpkg_makes(tmp_path: Path, compression: str):
    if shutil.which("dpkg-deb") is None:
        pytest.skip("needs another platform: dpkg-deb makes the package of this test")
    tree = tmp_path / "tree"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN" / "control").write_text(
        "Package: x\nVersion: 1\nArchitecture: all\nMaintainer: a <a@b.c>\nDescription: x\n"
    )
    (tree / "usr" / "share" / "x").mkdir(parents=True)
    (tree / "usr" / "share" / "x" / "a.ogg").write_bytes(b"sound" * 1000)
    package = tmp_path / "x.deb"
    subprocess.run(
        ["dpkg-deb", f"-Z{compression}", "--root-owner-group", "-b", str(tree), str(package)],
        check=True,
        capture_output=True,
    )
    assert unpack(package, "x.deb", tmp_path / "into", "usr/share/x") == 1
    assert (tmp_path / "into/usr/share/x/a.ogg").read_bytes() == b"sound" * 1000
