"""The versions that were tested: for every requirement one that fits, and no address."""

import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version


@pytest.fixture(scope="module")
def project(repository):
    return tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def pinned(repository) -> dict[str, Version]:
    lines = (repository / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert [line for line in pins if not re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.]*", line)] == []
    versions = dict(line.split("==") for line in pins)
    assert len(versions) == len(pins)
    assert list(versions) == sorted(versions)
    return {name: Version(version) for name, version in versions.items()}


def test_every_requirement_has_a_tested_version_that_fits(project, pinned):
    extras = project["project"]["optional-dependencies"]
    wanted = [
        *project["project"]["dependencies"],
        *project["build-system"]["requires"],
        *(line for extra in extras for line in extras[extra]),
    ]
    for requirement in map(Requirement, wanted):
        version = pinned[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version), requirement


def test_pip_may_pick_the_build_of_torch_that_fits_the_machine(pinned):
    assert all(version.local is None for version in pinned.values())
    built = ("nvidia-", "triton", "cuda-")
    pure = {"nvidia-ml-py"}  # reads the driver's counters, whatever CUDA there is
    assert not [name for name in pinned if name.startswith(built) and name not in pure]
