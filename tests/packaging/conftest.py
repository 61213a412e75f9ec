"""What the packaging tests build and install, once per session and without an index."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parent / "example_package"


@pytest.fixture(scope="session")
def run_here() -> Callable[..., str]:
    """Run a module of this Python: ``run_here(folder, "pip", "install", ...)``; its output."""

    def run(folder: Path, module: str, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=folder,
            env={**os.environ, "PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        if done.returncode:
            pytest.fail(f"{module} {' '.join(arguments)}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    return run


@pytest.fixture(scope="session")
def install(run_here, tmp_path_factory) -> Callable[[Path], Path]:
    """Install a project folder or a wheel, without what it depends on, into a folder of its own."""

    def into(what: Path) -> Path:
        target = tmp_path_factory.mktemp("installed")
        offline = ("--no-deps", "--no-build-isolation", "--no-compile", "--quiet")
        run_here(target, "pip", "install", *offline, "--target", str(target), str(what))
        return target

    return into


@pytest.fixture(scope="session")
def example(install, tmp_path_factory) -> Path:
    """Where the example package is installed."""
    copy = tmp_path_factory.mktemp("example") / "package"  # a build leaves files behind
    shutil.copytree(EXAMPLE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    return install(copy)
