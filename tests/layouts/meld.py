"""MELD.Raw: three folders of clips and three tables, with the speakers in all of them."""

import csv
from pathlib import Path

from tests.layouts.clips import write_clip

HEADER = (
    *("Sr No.", "Utterance", "Speaker", "Emotion", "Sentiment", "Dialogue_ID", "Utterance_ID"),
    *("Season", "Episode", "StartTime", "EndTime"),
)
FOLDERS = {
    "train": "train/train_splits",
    "dev": "dev_splits_complete",
    "test": "output_repeated_splits_test",
}
TABLES = {
    "train": "train/train_sent_emo.csv",
    "dev": "dev_sent_emo.csv",
    "test": "test_sent_emo.csv",
}
SPEAKERS = ("Chandler", "Monica", "Ross and Chandler")
EMOTIONS = {
    **dict.fromkeys(("anger", "disgust", "fear", "sadness"), "negative"),
    **{"joy": "positive", "neutral": "neutral", "surprise": "positive"},
}


def rows(part: str) -> list[tuple[str, ...]]:
    """A dialogue for each emotion, in which every speaker says one line."""
    return [
        (
            str(3 * dialogue + number + 1),
            f"Line {number}, “{emotion}”, in {part}.",
            *(speaker, emotion, sentiment, str(dialogue), str(number)),
            *("8", "21", "00:16:16,059", "00:16:21,731"),
        )
        for dialogue, (emotion, sentiment) in enumerate(EMOTIONS.items())
        for number, speaker in enumerate(SPEAKERS)
    ]


def build(root: Path) -> None:
    """Tables and clips, and a stray one."""
    for part, folder in FOLDERS.items():
        lines = rows(part)
        (root / TABLES[part]).parent.mkdir(parents=True, exist_ok=True)
        with (root / TABLES[part]).open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([HEADER, *lines])
        for _, _, speaker, emotion, _, dialogue, number, *_ in lines:
            clip = root / folder / f"dia{dialogue}_utt{number}.mp4"
            write_clip(clip, f"{part} {speaker}", emotion)
    write_clip(root / FOLDERS["test"] / "final_videos_testdia0_utt0.mp4")
