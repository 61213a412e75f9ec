"""The modules of the package and the files of the repository, for the rules of the house."""

import subprocess
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def modules(repository: Path) -> list[Path]:
    """Every module of the package."""
    found = sorted((repository / "benchmark" / "paralbench").rglob("*.py"))
    assert found
    return found


@pytest.fixture(scope="session")
def files(repository: Path) -> list[Path]:
    """Every file that is, or would be, in the repository: tracked, or new and not ignored."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
    )
    if listing.returncode:
        pytest.skip(f"needs a git checkout: {listing.stderr.strip()}")
    found = [repository / name for name in listing.stdout.split("\0") if name]
    return [file for file in found if file.is_file()]
