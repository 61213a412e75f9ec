"""VoxCeleb1: wav/SPEAKER/VIDEO/UTTERANCE.wav, vox1_meta.csv and iden_split.txt."""

from pathlib import Path

from tests.layouts.voices import write_voice

HEADER = "VoxCeleb1 ID\tVGGFace1 ID\tGender\tNationality\tSet"
SPEAKERS = {
    **{f"id1000{n}": ("mf"[n % 2], "dev") for n in range(1, 9)},
    **{f"id1027{n}": ("mf"[n % 2], "test") for n in range(6)},
}
VIDEOS = {"1zcIwhmdeo4": ("00001", "00002"), "7gWzIy6yIIk": ("00001",)}


def build(root: Path) -> None:
    """Fourteen speakers, three utterances each."""
    meta, parts = [HEADER], []
    for speaker, (gender, part) in SPEAKERS.items():
        meta.append(f"{speaker}\tSomeone_{speaker}\t{gender}\tIreland\t{part}")
        names = [f"{video}/{name}" for video, names in VIDEOS.items() for name in names]
        for number, name in enumerate(names, 1):
            # Each speaker is in all three parts of the identification split.
            parts.append(f"{number} {speaker}/{name}.wav")
            write_voice(root / "wav" / speaker / f"{name}.wav", speaker + name, gender)
    (root / "vox1_meta.csv").write_text("\n".join(meta) + "\n")
    (root / "iden_split.txt").write_text("\n".join(parts) + "\n")
