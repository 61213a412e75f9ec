"""The files of the repository: nothing of one machine, nothing large, no audio."""

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

LARGEST = 2**20
AUDIO = {".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a", ".mp4", ".aiff", ".sph", ".gsm", ".au"}
WEIGHTS = {".pt", ".pth", ".ckpt", ".bin", ".safetensors", ".onnx", ".ort", ".pkl", ".npy", ".npz"}
PUBLIC_HOSTS = {"pypi.org", "files.pythonhosted.org", "download.pytorch.org"}
# An absolute path into somebody's machine; the same words inside a longer path are fine.
MACHINE_PATH = re.compile(rb"(?<![\w./~}-])/(?:home|Users|root|work|scratch|mnt|opt)/[\w.-]+")


def _found(files: list[Path], repository: Path, pattern: re.Pattern[bytes]) -> list[str]:
    return [
        f"{file.relative_to(repository)}:{number}: {hit.group().decode(errors='replace')}"
        for file in files
        for number, line in enumerate(file.read_bytes().splitlines(), 1)
        for hit in pattern.finditer(line)
    ]


def test_no_file_is_large(files, repository):
    large = {str(file.relative_to(repository)): file.stat().st_size for file in files}
    assert {name: size for name, size in large.items() if size > LARGEST} == {}


def test_no_audio_and_no_weights(files):
    assert [file for file in files if file.suffix.lower() in AUDIO | WEIGHTS] == []


def test_no_path_of_a_machine(files, repository):
    assert _found(files, repository, MACHINE_PATH) == []


@pytest.mark.parametrize(
    ("line", "hit"),
    [
        (b'"/ho' + b'me/ann/data"', True),
        (b"see /ro" + b"ot/x", True),
        (b"src/work/part", False),
        (b"~/work/part", False),
        (b"https://example.org/work/part", False),
        (b"{root}/work/part", False),
    ],
)
def test_a_path_of_a_machine_is_recognised(line, hit):
    assert bool(MACHINE_PATH.search(line)) is hit


def test_nothing_of_this_machine(files, repository):
    """Neither this folder, nor the user's, nor where its pip looks for packages."""
    own = {str(repository), str(Path.home())} | _package_addresses()
    own = {name for name in own if len(name) > len("/root")} | {f"{Path.home()}/"}
    pattern = re.compile(b"|".join(re.escape(name.encode()) for name in sorted(own)))
    assert _found(files, repository, pattern) == []


def _package_addresses() -> set[str]:
    """Hosts and folders of pip's own settings."""
    listing = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    places = set()
    for line in listing.splitlines():
        key, _, value = line.partition("=")
        if key.endswith(("index-url", "find-links", "proxy", "trusted-host")):
            for place in value.strip("'\"").split():
                address = urlsplit(place)
                places.add(address.hostname or address.path)
    return places - PUBLIC_HOSTS


def test_no_host_of_a_package_registry(files, repository):
    """Packages are named, never the hosts that serve them: those are the user's settings."""
    hosts = (
        b"deb." + b"debian.org",
        b"py" + b"pi.org",
        b"files.python" + b"hosted",
        b"registry.n" + b"pmjs",
    )
    pattern = re.compile(b"|".join(re.escape(host) for host in hosts))
    here = repository / "tests" / "house" / "test_tree.py"
    assert _found([file for file in files if file != here], repository, pattern) == []


def test_names_of_files_work_on_every_system(files, repository):
    names = [str(file.relative_to(repository)) for file in files]
    assert [name for name in names if not re.fullmatch(r"[\w./+-]+", name, re.ASCII)] == []
    folded = [name.casefold() for name in names]
    assert len(set(folded)) == len(folded)
