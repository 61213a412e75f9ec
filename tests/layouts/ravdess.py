"""RAVDESS: the folders of the actors, each with its 60 clips."""

from itertools import product
from pathlib import Path

from tests.layouts.voices import write_voice

ACTORS = [f"{number:02}" for number in range(1, 25)]


def clips(actor: str) -> list[str]:
    """The names of an actor's clips of speech without video."""
    found = []
    for emotion, level, text, again in product(range(1, 9), (1, 2), (1, 2), (1, 2)):
        if (emotion, level) != (1, 2):
            found.append(f"03-01-{emotion:02}-{level:02}-{text:02}-{again:02}-{actor}")
    return found


def build(root: Path) -> None:
    """Every clip, since whatever an actor lacks counts as missing; a voice per emotion only."""
    voices: dict[tuple[str, str], bytes] = {}
    for actor in ACTORS:
        folder = root / f"Actor_{actor}"
        for number, name in enumerate(clips(actor)):
            emotion = name[6:8]
            file = folder / f"{name}.wav"
            if (actor, emotion) not in voices:
                write_voice(file, actor, emotion, 0.2)
                voices[actor, emotion] = file.read_bytes()
            else:
                raw = bytearray(voices[actor, emotion])
                raw[44:48] = number.to_bytes(2, "little") * 2  # no two clips are the same
                file.write_bytes(raw)
