"""AccentDB: data/ with nine accents; Odiya and Welsh of one speaker."""

from pathlib import Path

from tests.layouts.voices import write_voice

SPEAKERS = {
    "american": 2,
    "australian": 2,
    "bangla": 2,
    "british": 2,
    "indian": 2,
    "malayalam": 2,
    "odiya": 1,
    "telugu": 2,
    "welsh": 1,
}


def build(root: Path) -> None:
    """Five sentences of each speaker, at 44.1 kHz, some in stereo."""
    for accent, n_speakers in SPEAKERS.items():
        for speaker in range(1, n_speakers + 1):
            folder = root / "data" / accent / f"speaker_{speaker:02}"
            for number in range(1, 6):
                file = folder / f"{accent}_s{speaker:02}_{number:03}.wav"
                name, channels = f"{accent}{speaker}", 1 + number % 2
                write_voice(file, name, accent, 0.2, rate=44_100, channels=channels)
