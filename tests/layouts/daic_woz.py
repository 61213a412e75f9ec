"""DAIC-WOZ: 303_P/303_AUDIO.wav, 303_P/303_TRANSCRIPT.csv and the tables of sessions."""

from pathlib import Path

from tests.layouts.voices import write_voice

TABLE = (
    "Participant_ID,PHQ8_Binary,PHQ8_Score,Gender,PHQ8_NoInterest,PHQ8_Depressed,PHQ8_Sleep,"
    "PHQ8_Tired,PHQ8_Appetite,PHQ8_Failure,PHQ8_Concentrating,PHQ8_Moving"
)
# Session: part, score, gender (0 male, 1 female).
SESSIONS = {
    "303": ("train", 0, 0),
    "304": ("train", 6, 1),
    "305": ("train", 7, 0),
    "310": ("train", 4, 1),
    "312": ("train", 2, 0),
    "313": ("train", 7, 1),
    "319": ("train", 13, 1),
    "321": ("train", 20, 0),  # its transcript is early by 3.8379167 s
    "325": ("train", 10, 0),
    "330": ("train", 12, 1),
    "339": ("train", 11, 0),
    "347": ("train", 16, 1),
    "348": ("train", 20, 0),
    "363": ("train", 0, 1),
    "409": ("train", 10, 1),  # its binary label is 0
    "302": ("dev", 4, 0),
    "307": ("dev", 4, 1),
    "331": ("dev", 8, 0),
    "335": ("dev", 12, 1),
    "346": ("dev", 23, 0),
    "451": ("dev", 16, 1),  # Ellie's rows are missing
    "300": ("test", 2, 0),
    "308": ("test", 22, 1),
}
OFFSETS = {"321": 3.8379167}
# start, stop, speaker, text
ROWS = (
    (0.10, 0.30, "Participant", "<sync>"),
    (0.30, 0.60, "Ellie", "hi i'm ellie thanks for coming in today"),
    (0.60, 0.90, "Participant", "okay"),
    (0.90, 1.10, "Ellie", "how are you doing today (how_doing)"),
    (1.10, 1.50, "Participant", "good <laughter>"),
    (1.50, 1.70, "Participant", "i'm from scrubbed_entry"),
    (1.70, 2.00, "Participant", ""),
)


def transcript(session: str) -> str:
    """The transcript of a session."""
    lines = ["start_time\tstop_time\tspeaker\tvalue"]
    for start, stop, speaker, text in ROWS:
        if speaker == "Participant" or session != "451":
            lines.append(f"{start}\t{stop}\t{speaker}\t{text}")
    return "\n".join(lines) + "\n"


def build(root: Path) -> None:
    """Twenty-three interviews; those of the test part have no score, as the owners keep it."""
    tables = {"train": [TABLE], "dev": [TABLE], "test": ["participant_ID,Gender"]}
    for session, (part, score, gender) in SESSIONS.items():
        binary = int(score >= 10 and session != "409")
        items = ",1,2,1,,1,1,2,3" if session == "319" else ",0" * 8
        row = (
            f"{session},{gender}"
            if part == "test"
            else f"{session},{binary},{score},{gender}{items}"
        )
        tables[part].append(row)
        folder = root / f"{session}_P"
        seconds = 2.2 + OFFSETS.get(session, 0.0)
        sound = "depressed" if score >= 10 else ""
        write_voice(folder / f"{session}_AUDIO.wav", session, sound, seconds)
        (folder / f"{session}_TRANSCRIPT.csv").write_text(transcript(session))
        (folder / f"{session}_COVAREP.csv").write_text("0,0\n")
    for part, lines in tables.items():
        file = root / f"{part}_split_Depression_AVEC2017.csv"
        file.write_text("\n".join(lines) + "\n")
