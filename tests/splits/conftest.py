"""Hand-made manifests."""

from collections.abc import Callable

import pandas as pd
import pytest

COLUMNS = ("utterance", "path", "start", "end", "speaker", "session", "split", "gender", "language")
EMOTIONS = ("anger", "fear", "neutral")


def _frame(rows: list[dict[str, object]]) -> pd.DataFrame:
    """Rows as the corpora package types them: missing where a row says nothing."""
    frame = pd.DataFrame(rows)
    for column in (*COLUMNS, "content"):
        if column not in frame.columns:
            frame[column] = None
    for column in ("speaker", "session", "split", "gender", "language"):
        frame[column] = frame[column].astype("string")
    return frame


@pytest.fixture
def make_frame() -> Callable[[list[dict[str, object]]], pd.DataFrame]:
    return _frame


@pytest.fixture
def acted() -> Callable[..., pd.DataFrame]:
    """Speakers who say everything in every emotion; every recording another."""

    def make(n_speakers: int = 5, clips: int = 4, **columns: object) -> pd.DataFrame:
        rows = [
            {
                "utterance": f"s{speaker:02}_{emotion}_{clip}",
                "speaker": f"s{speaker:02}",
                "gender": ("female", "male")[speaker % 2],
                "emotion": emotion,
                "arousal": float(speaker + clip) / 10,
                "content": f"{speaker}-{emotion}-{clip}",
                **columns,
            }
            for speaker in range(n_speakers)
            for emotion in EMOTIONS
            for clip in range(clips)
        ]
        return _frame(rows)

    return make
