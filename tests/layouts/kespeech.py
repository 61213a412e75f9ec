"""KeSpeech: Audio/, Metadata/ and Tasks/ASR, three speakers of each class in each part."""

from pathlib import Path

from tests.layouts.voices import write_voice

DIALECTS = (
    "Mandarin",
    "Zhongyuan",
    "Southwestern",
    "Ji-Lu",
    "Jiang-Huai",
    "Lan-Yin",
    "Jiao-Liao",
    "Northeastern",
    "Beijing",
)
PARTS = {"train_phase1": 2, "train_phase2": 1, "dev_phase1": 2, "dev_phase2": 1, "test": 3}


def build(root: Path) -> None:
    """One utterance of each speaker; everybody in a part of phase 2 speaks again in it."""
    people: list[str] = []
    for part, n_speakers in PARTS.items():
        lists: dict[str, list[str]] = {
            name: [] for name in ("wav.scp", "text", "utt2spk", "utt2subdialect")
        }
        for dialect in DIALECTS:
            for _ in range(n_speakers):
                speaker = str(1_000_001 + len(people))
                people.append(speaker)
                phase = "phase2" if part.endswith("2") else "phase1"
                utterance = f"{speaker}_{len(people):08x}"
                path = f"Audio/{speaker}/{phase}/{utterance}.wav"
                write_voice(root / path, speaker, dialect)
                lists["wav.scp"].append(f"{utterance} {path}")
                lists["text"].append(f"{utterance} 今天<SPOKEN_NOISE>天气很好")
                lists["utt2spk"].append(f"{utterance} {speaker}")
                lists["utt2subdialect"].append(f"{utterance} {dialect}")
        folder = root / "Tasks" / "ASR" / part
        folder.mkdir(parents=True)
        # The lists are not in one order.
        lists["utt2subdialect"].reverse()
        for name, lines in lists.items():
            (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    (root / "Metadata").mkdir()
    genders = [f"{one} {('Female', 'Male')[int(one) % 2]}" for one in people]
    ages = [f"{one} {18 + int(one) * 7 % 40}" for one in people]
    (root / "Metadata" / "spk2gender").write_text("\n".join(genders) + "\n")
    (root / "Metadata" / "spk2age").write_text("\n".join(ages) + "\n")
