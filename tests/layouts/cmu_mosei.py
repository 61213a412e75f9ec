"""CMU-MOSEI's folder Raw: nine videos of seven segments, labels and folds in every form."""

import tempfile
from pathlib import Path

import h5py
import numpy as np
import soundfile
from tests.layouts.voices import RATE, write_voice

PARTS = {"train": "0", "valid": "1", "test": "2"}
# In the order of the .csd file, which is not that of time: place in time and intensity.
SEGMENTS = ((3, 0.0), (0, -2.6), (6, 3.0), (1, -1.4), (4, 1.0), (2, -0.6), (5, 1.4))
EMOTIONS = 6
LENGTH = 0.3
CSV = ",file,index,start,end,label2a,label2b,label6,label7,split"


def videos() -> dict[str, str]:
    """Names as YouTube's and Vimeo's, and their parts; one is in no fold."""
    named = {f"{part[:2]}-_{n}xQ": part for part in PARTS for n in range(3)}
    return named | {"81406": "none"}


def times(place: int) -> tuple[float, float]:
    """Begin and end of a segment; the first begins before its video."""
    return (-0.2 if place == 0 else LENGTH * place, LENGTH * (place + 1))


def build(root: Path) -> None:
    """Three videos in each fold, with a segment of each class."""
    rows, folds = [], {part: [] for part in PARTS}
    labels = root / "CMU_MOSEI_Labels.csd"
    root.mkdir(parents=True, exist_ok=True)
    with h5py.File(labels, "w") as file, tempfile.TemporaryDirectory() as pieces:
        data = file.create_group("All Labels").create_group("data")
        for video, part in videos().items():
            if part in folds:
                folds[part].append(video)
            features = np.zeros((len(SEGMENTS), 1 + EMOTIONS))
            sound = [np.zeros(0)] * len(SEGMENTS)
            for index, (place, score) in enumerate(SEGMENTS):
                features[index, 0] = score
                if index < EMOTIONS:  # the last segment has no emotion
                    features[index, 1 + index] = 1 / 3
                piece = write_voice(Path(pieces) / f"{video}{place}.wav", video, f"{score}", LENGTH)
                sound[place] = soundfile.read(piece)[0]
                begin, end = times(place)
                emotion = index if index < EMOTIONS else 0
                rows.append(
                    f"{len(rows)},{video},{index},{begin},{end},{int(score >= 0)},"
                    f"{int(np.sign(score))},{emotion},{seven(score)},{PARTS.get(part, '3')}"
                )
            group = data.create_group(video)
            group["features"] = features.astype("float32")
            group["intervals"] = np.array([times(place) for place, _ in SEGMENTS])
            wav = root / "Audio" / "Full" / "WAV_16000" / f"{video}.wav"
            wav.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(wav, np.concatenate(sound), RATE)
    (root / "CMU_MOSEI_Labels.csv").write_text("\n".join([CSV, *rows]) + "\n")
    text = "\n\n".join(f"standard_{part}_fold={names!r}" for part, names in folds.items())
    (root / "cmu_mosei_std_folds.py").write_text(text + "\n")


def seven(score: float) -> int:
    """The class by a table of its own, not by the reader's rule."""
    return {0.0: 0, -2.6: -3, 3.0: 3, -1.4: -2, 1.0: 1, -0.6: -1, 1.4: 2}[score]
