"""What is built: the code, the cards as they are in the folders, and nothing else."""

import shutil
import zipfile
from pathlib import Path

import pytest

from paralbench.cards import load_catalogue
from paralbench.cards.catalogue import KINDS
from paralbench.corpora.providers.archives import unpack


@pytest.fixture(scope="session")
def wheel(repository, run_here, tmp_path_factory) -> Path:
    return _build(repository, "wheel", run_here, tmp_path_factory.mktemp("wheel"))


def _build(project: Path, kind: str, run_here, folder: Path) -> Path:
    run_here(project, "hatchling", "build", "-t", kind, "-d", str(folder))
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="session")
def installed(wheel, install) -> Path:
    return install(wheel)


@pytest.fixture(scope="session")
def members(wheel) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _cards(repository: Path) -> dict[str, bytes]:
    files = [file for top in ("upstreams", "tasks") for file in (repository / top).rglob("*")]
    return {
        file.relative_to(repository).as_posix(): file.read_bytes()
        for file in files
        if file.is_file()
    }


def test_the_wheel_holds_the_cards_byte_by_byte(repository, members):
    prefix = "paralbench/_cards/"
    shipped = {
        name.removeprefix(prefix): content
        for name, content in members.items()
        if name.startswith(prefix)
    }
    assert shipped == _cards(repository)


def test_the_wheel_holds_the_code_and_nothing_else(repository, members):
    code = repository / "benchmark"
    files = {
        file.relative_to(code).as_posix()
        for file in (code / "paralbench").rglob("*")
        if file.is_file() and file.suffix in (".py", ".typed", ".j2", ".css", ".js", ".json")
    }
    held = {name for name in members if not name.startswith("paralbench/_cards/")}
    information = {name for name in held if ".dist-info/" in name}
    assert held - information == files
    assert "paralbench/py.typed" in files
    assert not [name for name in members if "test" in Path(name).stem or "conftest" in name]
    assert all(Path(name).name for name in members)


def test_the_wheel_says_what_it_is(members):
    about = {
        Path(name).name: text.decode() for name, text in members.items() if ".dist-info/" in name
    }
    assert "paralbench = paralbench.cli:main" in about["entry_points.txt"]
    assert "License-Expression: Apache-2.0" in about["METADATA"]
    assert "Requires-Python: >=3.11" in about["METADATA"]
    assert "Requires-Dist: torch<2.14," in about["METADATA"]
    assert "Root-Is-Purelib: true" in about["WHEEL"]
    assert "Apache License" in about["LICENSE"]


def test_an_installed_wheel_finds_its_own_cards(installed, run_python, tmp_path):
    printed = run_python(
        """
import paralbench
from paralbench.cards import load_catalogue
from paralbench.cards.catalogue import KINDS, shipped_folder
print(paralbench.__file__)
print(shipped_folder())
for kind in KINDS:
    print(kind, *load_catalogue().shelf(kind).ids())
""",
        env={"PYTHONPATH": str(installed)},
        cwd=tmp_path,
    ).stdout.splitlines()
    assert printed[0] == str(installed / "paralbench" / "__init__.py")
    assert printed[1] == str(installed / "paralbench" / "_cards")
    here = load_catalogue()
    assert printed[2:] == [" ".join([kind, *here.shelf(kind).ids()]) for kind in KINDS]
    assert (installed / "bin" / "paralbench").is_file()


def test_a_wheel_without_its_cards_does_not_pass_for_empty(installed, run_python, tmp_path):
    target = tmp_path / "site"
    shutil.copytree(installed, target, ignore=shutil.ignore_patterns("_cards"))
    done = run_python(
        "from paralbench.cards import load_catalogue; load_catalogue()",
        env={"PYTHONPATH": str(target)},
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 1
    assert "CardError: no cards: neither " in done.stderr.splitlines()[-1]


def test_a_source_distribution_builds_the_same_wheel(
    repository, run_here, members, tmp_path_factory
):
    source = _build(repository, "sdist", run_here, tmp_path_factory.mktemp("sdist"))
    unpacked = tmp_path_factory.mktemp("unpacked")
    unpack(source, source.name, unpacked)
    (project,) = unpacked.iterdir()
    again = _build(project, "wheel", run_here, tmp_path_factory.mktemp("again"))
    with zipfile.ZipFile(again) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == members
