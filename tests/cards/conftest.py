"""Small valid cards of every kind, to be bent by the tests."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

SMALLEST: dict[str, dict[str, Any]] = {
    "upstream": {
        "name": "Nothing learned",
        "family": "fbank",
        "weights": [{"source": "none"}],
        "licence": "MIT",
    },
    "corpus": {
        "name": "Two emotions",
        "access": "open",
        "licence": "CC0",
        "reader": {"name": "filename"},
        "labels": {
            "emotion": {"kind": "class", "values": ["angry", "calm"]},
            "age": {"kind": "number", "low": 18, "high": 90, "unit": "years"},
        },
        "speakers": "known",
    },
    "task": {
        "name": "Anger",
        "corpus": "corpus",
        "label": "emotion",
        "target": "classes",
        "classes": ["angry", "calm"],
        "split": {"protocol": "leave-one-speaker-out"},
        "metrics": ["uar"],
        "span": "short",
    },
    "harmonised": {
        "name": "Anger everywhere",
        "label": "emotion",
        "target": "classes",
        "classes": ["angry", "calm"],
        "metrics": ["uar"],
        "domains": {"here": {"corpora": ["corpus"]}, "there": {"corpora": ["corpus"]}},
    },
    "suite": {"name": "Everything", "upstreams": ["upstream"], "tasks": ["task"]},
}


@pytest.fixture
def smallest() -> dict[str, dict[str, Any]]:
    """For each kind the data of a valid card, with as few keys as possible."""
    return deepcopy(SMALLEST)


@pytest.fixture
def write() -> Callable[..., Path]:
    """Write ``write(path, data)``: a card of plain data, or the text of a file as it is."""

    def write_file(file: Path, content: dict[str, Any] | str | bytes) -> Path:
        file.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, dict):
            content = yaml.safe_dump(content, sort_keys=False)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return file

    return write_file
