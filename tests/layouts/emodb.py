"""EmoDB: wav/ and a folder of labels, its ten actors and seven emotions."""

from pathlib import Path

from tests.layouts.voices import write_voice

SPEAKERS = ("03", "08", "09", "10", "11", "12", "13", "14", "15", "16")


def build(root: Path) -> None:
    """A sentence of each actor in each emotion; two versions of one."""
    (root / "lablaut").mkdir(parents=True)
    for speaker in SPEAKERS:
        for number, emotion in enumerate("WLEAFTN"):
            text = ("a01", "a02", "b10")[number % 3]
            write_voice(root / "wav" / f"{speaker}{text}{emotion}a.wav", speaker, emotion)
            (root / "lablaut" / f"{speaker}{text}{emotion}a.lablaut").write_text("")
    write_voice(root / "wav" / "03a01Wc.wav", "03", "W")
    write_voice(root / "wav" / "16b10N.wav", "16", "N")
