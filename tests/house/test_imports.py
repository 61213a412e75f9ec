"""Imports point one way, and what is listed often imports little."""

import pytest

from paralbench.corpora.readers import READERS
from paralbench.upstreams.registry import FAMILIES

# What takes long to import. pydantic, yaml, typer and rich are what the command line is made of.
HEAVY = {
    "av",
    "librosa",
    "matplotlib",
    "numba",
    "numpy",
    "opensmile",
    "pandas",
    "pyarrow",
    "s3prl",
    "scipy",
    "sklearn",
    "soundfile",
    "soxr",
    "torch",
    "torchaudio",
    "transformers",
}


def test_imports_point_one_way(run_python, repository):
    """The contracts are in pyproject.toml, in the order of the house."""
    done = run_python(
        "import sys; from importlinter.cli import lint_imports; "
        "sys.exit(lint_imports(no_cache=True))",
        cwd=repository,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 kept, 0 broken" in done.stdout


@pytest.mark.parametrize(
    "module",
    [
        "paralbench",
        "paralbench.cards",
        "paralbench.cards.crosscheck",
        "paralbench.cli",
        "paralbench.corpora.readers",
        "paralbench.errors",
        "paralbench.paths",
        "paralbench.registry",
        "paralbench.torchaudio_cure",
        "paralbench.upstreams.registry",
    ],
)
def test_an_import_that_everything_needs_is_light(run_python, module):
    code = "import sys, importlib; importlib.import_module(sys.argv[1]); print(*sys.modules)"
    loaded = set(run_python(code, module).stdout.split())
    assert module in loaded
    assert not loaded & HEAVY


def test_listing_names_and_cards_imports_nothing_heavy(run_python):
    printed = run_python(
        """
import sys
from paralbench.cards import load_catalogue
from paralbench.cards.crosscheck import problems
from paralbench.corpora.readers import READERS
from paralbench.upstreams.registry import FAMILIES
problems(load_catalogue(), FAMILIES.names(), READERS.names())
print(*sys.modules)
"""
    ).stdout
    assert not set(printed.split()) & HEAVY


def test_every_name_of_ours_leads_somewhere():
    """A registry imports on first use, so a wrong target would only be seen then."""
    for name in FAMILIES:
        family = FAMILIES.get(name)
        assert callable(family)
        assert isinstance(family.version, int), name
    assert all(callable(READERS.get(name)) for name in READERS)
