"""MUStARD++: the table with contexts and utterances, and a clip for each utterance."""

import csv
from pathlib import Path

from tests.layouts.clips import write_clip

HEADER = (
    *("SCENE", "KEY", "SENTENCE", "END_TIME", "SPEAKER", "SHOW", "Sarcasm", "Sarcasm_Type"),
    *("Implicit_Emotion", "Explicit_Emotion", "Valence", "Arousal"),
)
SPEAKERS = (
    *(("BBT", "SHELDON"), ("BBT", "PENNY"), ("BBT", "PERSON"), ("FRIENDS", "ROSS")),
    *(("FRIENDS", "PERSON"), ("SV", "GILFOYLE")),
)
# What is meant, and what is shown.
EMOTIONS = (
    *(("Anger", "Anger"), ("Disgust", "Disgust"), ("Excitement", "Excitement"), ("Fear", "Fear")),
    *(("Frustration", "Frustration"), ("Happiness", "Happiness"), ("Neutral", "Neutral")),
    *(("Ridicule", "Neutral"), ("Sadness", "Sadness"), ("Surprise", "Surprise")),
)
BROKEN = "1_S11E03_067"  # the scene whose row has no key of its own


def rows() -> list[tuple[str, ...]]:
    """A context of two sentences and an utterance, for each speaker and emotion."""
    found: list[tuple[str, ...]] = []
    for place, (show, speaker) in enumerate(SPEAKERS):
        for number, (implicit, explicit) in enumerate(EMOTIONS):
            scene = f"{1 + place}_{60 + number}" if number % 2 else f"1_S0{place}E01_{number:03}"
            if (place, number) == (0, 0):
                scene = BROKEN
            context = [("0:02", "PERSON", show, *[""] * 6)] * 2
            for index, cells in enumerate(context):
                sentence = "Well, I'm sure\nthat you do."
                found.append((scene, f"{scene}_c_{index:02}", sentence, *cells))
            sarcastic = number % 3 == 0
            kind = ("PRO", "ILL", "EMB")[place % 3] if sarcastic else "NONE"
            key = explicit if scene == BROKEN else f"{scene}_u"
            numbers = (str(1 + (number + place) % 8), str(9 - (number + place) % 7))
            found.append(
                (
                    scene,
                    key,
                    f"Line {place}.{number},\nand more",
                    "0:07",
                    speaker,
                    show,
                    str(int(sarcastic)),
                    kind,
                    implicit,
                    explicit,
                    *numbers,
                )
            )
    return found


def build(root: Path) -> None:
    """The table, and a clip for each utterance and one for a context."""
    root.mkdir(parents=True, exist_ok=True)
    lines = rows()
    with (root / "mustard++_text.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([HEADER, *lines])
    for scene, _, _, _, speaker, show, sarcasm, _, implicit, *_ in lines:
        if sarcasm:
            clip = root / "final_utterance_videos" / f"{scene}_u.mp4"
            write_clip(clip, f"{show}/{speaker}", implicit)
    write_clip(root / "final_context_videos" / f"{BROKEN}_c.mp4")
