"""E-DAIC: 302_P/302_AUDIO.wav, 302_P/302_Transcript.csv and labels/train_split.csv."""

from pathlib import Path

from tests.layouts.voices import write_voice

TABLE = "Participant_ID,Gender,PHQ_Binary,PHQ_Score,PCL-C (PTSD),PTSD Severity"
TRANSCRIPT = '''Start_Time,End_Time,Text,Confidence
0.1,0.5,so I'm going to,0.934209526
0.6,1.1,"well, I am ""fine""",0.9
1.1,1.1,,0.2
1.2,1.6,thank you,0.88
'''
# Part: sessions; half of them are depressed.
SESSIONS = {
    "train": (
        "302",
        "303",
        "304",
        "315",
        "316",
        "317",
        "319",
        "320",
        "409",
        "601",
        "602",
        "612",
        "613",
        "614",
    ),
    "dev": ("305", "306", "307", "603", "604", "605"),
    "test": ("606", "607", "608", "609", "610", "611"),
}


def build(root: Path) -> None:
    """Twenty-six interviews."""
    (root / "labels").mkdir(parents=True)
    for part, sessions in SESSIONS.items():
        lines = [TABLE]
        for place, session in enumerate(sessions):
            depressed = place >= len(sessions) // 2
            score = 10 + place if depressed else place
            gender = ("male", "female")[place % 2]
            lines.append(f"{session},{gender},{int(depressed)},{score},0,28.0")
            folder = root / f"{session}_P"
            name = f"{session}_AUDIO.wav"
            write_voice(folder / name, session, "depressed" if depressed else "", 1.8)
            (folder / f"{session}_Transcript.csv").write_text(TRANSCRIPT)
        (root / "labels" / f"{part}_split.csv").write_text("\n".join(lines) + "\n")
