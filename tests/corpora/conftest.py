"""Miniature corpora and corpus cards."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from paralbench.cards import CorpusCard
from paralbench.cards.catalogue import read_card, shipped_folder


@pytest.fixture
def wav() -> Callable[..., Path]:
    """Write a short tone; files of equal ``number`` have equal content."""

    def write(path: Path, number: int = 0, seconds: float = 0.05, rate: int = 16000) -> Path:
        time = np.arange(round(seconds * rate)) / rate
        path.parent.mkdir(parents=True, exist_ok=True)
        opus = {"format": "OGG", "subtype": "OPUS"} if path.suffix == ".opus" else {}
        tone = 0.3 * np.sin(2 * np.pi * (200 + 7 * number) * time)
        soundfile.write(path, tone, rate, **opus)
        return path

    return write


@pytest.fixture
def lay(wav: Callable[..., Path]) -> Callable[..., Path]:
    """Lay out a miniature corpus: one file per name, each with other content."""

    def write(root: Path, *names: str, suffix: str = ".wav") -> Path:
        for number, name in enumerate(names):
            wav(root / f"{name}{suffix}", number)
        return root

    return write


@pytest.fixture(scope="session")
def shipped() -> Callable[[str], CorpusCard]:
    """A corpus card of ours, by id."""

    def get(id: str) -> CorpusCard:
        (card, *_) = read_card(shipped_folder() / "tasks" / "corpora" / f"{id}.yaml", "corpus")
        assert isinstance(card, CorpusCard)
        return card

    return get


@pytest.fixture(scope="session")
def make_card() -> Callable[..., CorpusCard]:
    """A corpus card for the reader, the labels and the options given."""

    def make(reader: str = "filename", id: str = "mine", **given: Any) -> CorpusCard:
        options = given.pop("options", {})
        data: dict[str, Any] = {
            "name": "A corpus for a test",
            "access": "open",
            "licence": "ours",
            "speakers": "known",
            "labels": {"emotion": {"kind": "class", "values": ["anger", "neutral"]}},
            "reader": {"name": reader, "options": options},
        }
        return CorpusCard.build(data | given, id=id)

    return make
