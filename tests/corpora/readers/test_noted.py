"""Readers read label files by ``read_noted`` alone: else a kept manifest could be stale."""

import os
import sys
from importlib import import_module
from pathlib import Path

import pytest
from tests import layouts

from paralbench.cards.catalogue import load_catalogue
from paralbench.corpora.readers import READERS
from paralbench.corpora.readers.noted import digest, noting, read_noted

LAYOUTS = sorted(
    file.stem
    for file in Path(layouts.__file__).parent.glob("*.py")
    if "def build(root: Path)" in file.read_text(encoding="utf-8")
)
_opened: list[str] | None = None


def _hook(event: str, arguments: tuple) -> None:
    if event == "open" and _opened is not None and isinstance(arguments[0], (str, os.PathLike)):
        _opened.append(str(Path(arguments[0]).absolute()))


@pytest.fixture
def opened():
    """The files that Python opens during a test."""
    global _opened
    _opened = []
    sys.addaudithook(_hook)  # cannot be taken back; it is silent after the test
    yield _opened
    _opened = None


def test_notes_say_what_was_read(tmp_path: Path):
    (tmp_path / "labels.csv").write_bytes(b"one")
    with noting() as notes:
        assert read_noted(tmp_path / "labels.csv") == b"one"
    assert notes == {str(tmp_path / "labels.csv"): digest(b"one")}
    read_noted(tmp_path / "labels.csv")
    assert len(notes) == 1


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_file_that_a_reader_opens_is_noted(layout: str, opened: list[str], tmp_path: Path):
    corpora = load_catalogue().corpora
    id = layout.replace("_", "-")
    if id not in corpora:
        pytest.fail(f"tests/layouts/{layout}.py: no corpus card {id}")
    import_module(f"tests.layouts.{layout}").build(tmp_path)
    card = corpora.get(id)
    read = READERS.get(card.reader.name)
    del opened[:]
    with noting() as notes:
        read(card, tmp_path)
    assert {file for file in opened if file.startswith(f"{tmp_path}/")} <= set(notes)
