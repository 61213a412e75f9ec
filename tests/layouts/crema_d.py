"""CREMA-D: AudioWAV/ and the two tables, six actors, two sentences."""

from pathlib import Path

from tests.layouts.voices import write_voice

ACTORS = {
    "1001": (51, "Male"),
    "1002": (21, "Female"),
    "1003": (21, "Female"),
    "1004": (42, "Female"),
    "1005": (29, "Male"),
    "1006": (58, "Male"),
}
EMOTIONS = ("ANG", "DIS", "FEA", "HAP", "NEU", "SAD")


def build(root: Path) -> None:
    """Six actors say two sentences in six emotions, one of them at three levels."""
    names = []
    for actor in ACTORS:
        for emotion in EMOTIONS:
            levels = ("XX",) if emotion == "NEU" else ("LO", "MD", "HI")
            names += [f"{actor}_IEO_{emotion}_{level}" for level in levels]
            names.append(f"{actor}_DFA_{emotion}_XX")
    for name in names:
        actor, _, emotion, level = name.split("_")
        write_voice(root / "AudioWAV" / f"{name}.wav", actor, emotion + level)
    rows = [f'{number},"{name}"' for number, name in enumerate(names, 1)]
    header = '"Stimulus_Number","Filename"'
    (root / "SentenceFilenames.csv").write_text("\n".join([header, *rows]))
    rows = [
        f'{actor},{age},"{sex}","Caucasian","Not Hispanic"' for actor, (age, sex) in ACTORS.items()
    ]
    header = '"ActorID","Age","Sex","Race","Ethnicity"'
    (root / "VideoDemographics.csv").write_text("\n".join([header, *rows]) + "\n")
