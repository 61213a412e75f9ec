"""MSP-Podcast as release 1.12 lays it out: Labels/labels_consensus.csv and Audios/."""

from pathlib import Path

from tests.layouts.voices import write_voice

HEADER = "FileName,EmoClass,EmoAct,EmoVal,EmoDom,SpkrID,Gender,Split_Set"
SPEAKERS = {
    "Train": ("11", "12", "13", "14"),
    "Development": ("21", "22", "23"),
    "Test1": ("31", "32", "33"),
}
# Class: arousal, valence, dominance.
EMOTIONS = {
    "A": (5.6, 2.2, 5.4),
    "H": (5.0, 5.8, 4.6),
    "S": (2.4, 2.6, 2.8),
    "D": (4.2, 2.8, 4.8),
    "N": (3.6, 4.0, 4.0),
}


def rows() -> list[str]:
    """Every part's speakers in five classes; two of Unknown, of Test2, and classes of no task."""
    found: list[str] = []

    def add(emotion: str, numbers: tuple[float, float, float], speaker: str, part: str) -> None:
        gender = "Unknown" if speaker == "Unknown" else ("Female", "Male")[int(speaker) % 2]
        place = len(found)
        name = f"MSP-PODCAST_{place // 10:04}_{place % 10:04}.wav"
        values = ",".join(f"{one:.2f}" for one in numbers)
        found.append(f"{name},{emotion},{values},{speaker},{gender},{part}")

    for part, speakers in SPEAKERS.items():
        for shift, speaker in enumerate(speakers):
            for emotion, numbers in EMOTIONS.items():
                add(emotion, tuple(one + 0.2 * shift for one in numbers), speaker, part)
    for emotion in ("A", "N"):
        add(emotion, EMOTIONS[emotion], "Unknown", "Train")
        add(emotion, EMOTIONS[emotion], "31", "Test2")
    for emotion in ("X", "O", "U", "F", "C"):
        add(emotion, (4.0, 4.0, 4.0), "12", "Train")
    # Some turns of the corpus are cut again, and have three numbers.
    add("H", EMOTIONS["H"], "13", "Train")
    found[-1] = found[-1].replace(".wav", "_0001.wav")
    return found


def build(root: Path) -> None:
    """The table and a voice for each row, and a clip of Test3, which has no row."""
    lines = rows()
    (root / "Labels").mkdir(parents=True, exist_ok=True)
    (root / "Labels" / "labels_consensus.csv").write_text("\n".join([HEADER, *lines]) + "\n")
    for line in lines:
        name, emotion, _, _, _, speaker, *_ = line.split(",")
        write_voice(root / "Audios" / name, speaker, emotion)
    write_voice(root / "Audios" / "MSP-PODCAST_9999_0001.wav")
