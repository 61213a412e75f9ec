"""Two small corpora that name the same feelings differently."""

from collections.abc import Callable

import pandas as pd
import pytest

from paralbench.cards import HarmonisedCard

CARD = {
    "name": "Feelings",
    "label": "emotion",
    "target": "classes",
    "classes": ["anger", "joy", "neutral"],
    "metrics": ["uar"],
    "domains": {
        "one": {"corpora": ["one"], "map": {"angry": "anger", "happy": "joy", "calm": "neutral"}},
        "two": {"corpora": ["two"], "label": "mood", "map": {"A": "anger", "N": "neutral"}},
    },
}


@pytest.fixture
def make_card() -> Callable[..., HarmonisedCard]:
    def make(**changes: object) -> HarmonisedCard:
        return HarmonisedCard.build({**CARD, **changes}, id="feelings")

    return make


@pytest.fixture
def frames() -> dict[str, pd.DataFrame]:
    def frame(corpus: str, label: str, labels: list[str | None]) -> pd.DataFrame:
        rows = range(len(labels))
        return pd.DataFrame(
            {
                "corpus": corpus,
                "utterance": [f"{corpus}{i}" for i in rows],
                "speaker": [f"s{i % 2}" for i in rows],
                "language": ["cs" if i % 2 else "nl" for i in rows],
                label: pd.Series(labels, dtype="string"),
            }
        )

    return {
        "one": frame("one", "emotion", ["angry", "happy", "calm", "bored", None, "angry"]),
        "two": frame("two", "mood", ["N", "A", "A", "?"]),
    }
