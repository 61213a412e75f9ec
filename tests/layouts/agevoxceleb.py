"""AgeVoxCeleb on VoxCeleb2: dev/aac and aac with .m4a files, and the labels' two lists."""

from pathlib import Path

import av
import numpy as np
import soundfile
from tests.layouts.voices import RATE, write_voice

META = "Name \tVoxCeleb2 ID \tVGGFace2 ID \tGender \tSet "
# Speaker: gender, the folder of VoxCeleb2, the part of AgeVoxCeleb, age. The parts cross.
SPEAKERS = {
    "id00012": ("m", "dev/aac", "train", 34),
    "id00015": ("f", "dev/aac", "train", 21),
    "id00016": ("m", "dev/aac", "train", 55),
    "id00018": ("f", "dev/aac", "train", 68),
    "id00019": ("m", "aac", "train", 8),
    "id00020": ("f", "dev/aac", "train", 45),
    "id00042": ("m", "dev/aac", "test", 70),
    "id00043": ("f", "dev/aac", "test", 27),
    "id00044": ("m", "aac", "test", 41),
}
VIDEOS = {"21Uxsk56VDQ": ("00001", "00002"), "34f5sBShxSo": ("00017",)}


def write_m4a(file: Path, speaker: str, sound: str) -> None:
    """A voice in AAC, as VoxCeleb2's audio is."""
    wav = write_voice(file.with_suffix(".wav"), speaker, sound)
    samples, _ = soundfile.read(wav, dtype="float32")
    wav.unlink()
    with av.open(str(file), "w", format="ipod") as container:
        stream = container.add_stream("aac", rate=RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.atleast_2d(samples), format="fltp", layout="mono")
        frame.sample_rate, frame.pts = RATE, 0
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)


def build(root: Path) -> None:
    """Nine speakers, three utterances each; one more has no age."""
    ages: dict[str, list[str]] = {"train": [], "test": []}
    meta = [META]
    for speaker, (gender, folder, part, age) in SPEAKERS.items():
        place = "test" if folder == "aac" else "dev"
        meta.append(f"Someone \t{speaker} \tn000002 \t{gender} \t{place} ")
        for video, names in VIDEOS.items():
            for name in names:
                write_m4a(root / folder / speaker / video / f"{name}.m4a", speaker, str(age))
                # Videos are of several years.
                years = age + (1 if video.startswith("3") else 0)
                ages[part].append(f"{speaker}/{video}/{name} {years}")
    write_m4a(root / "dev/aac/id00099/21Uxsk56VDQ/00001.m4a", "id00099", "")
    for part, lines in ages.items():
        (root / f"utt2age.{part}").write_text("\n".join(lines) + "\n")
    (root / "vox2_meta.csv").write_text("\n".join(meta) + "\n")
