"""IEMOCAP_full_release: five sessions, one dialogue each, two speakers, with the owners' litter."""

from pathlib import Path

from tests.layouts.voices import write_voice

HEADER = "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n"
# Label: valence, activation, dominance.
LABELS = {
    "ang": (1.5, 4.0, 4.5),
    "hap": (4.0, 3.0, 3.0),
    "exc": (4.5, 4.0, 3.5),
    "neu": (3.0, 2.5, 2.5),
    "sad": (2.0, 2.0, 2.0),
    "fru": (2.0, 3.5, 3.5),
    "xxx": (3.0, 3.0, 3.0),
}


def build(root: Path) -> None:
    """Each speaker has a turn of every label; the markers change sides with the session."""
    for number in range(1, 6):
        dialog = f"Ses0{number}{'FM'[number % 2]}_impro01"
        folder = root / f"Session{number}"
        text, words = HEADER, ""
        for place, (label, numbers) in enumerate(LABELS.items()):
            for letter in "FM":
                name = f"{dialog}_{letter}{place:03}"
                begin = 2.0 * place + (letter == "M")
                text += turn(name, label, tuple(one + 0.1 * number for one in numbers), begin)
                words += f"{name} [{begin:08.4f}-{begin + 0.3:08.4f}]: Turn {place}, {letter}.\n"
                file = folder / "sentences" / "wav" / dialog / f"{name}.wav"
                write_voice(file, f"{number}{letter}", label)
        evaluations = folder / "dialog" / "EmoEvaluation"
        for rater in ("Categorical", "Attribute", "Self-evaluation"):
            (evaluations / rater).mkdir(parents=True)
            (evaluations / rater / f"{dialog}_e1.txt").write_text(
                f"{dialog}_F000 :act 3; :val 3;\n"
            )
        (evaluations / f"{dialog}.txt").write_text(text)
        (evaluations / f"._{dialog}.txt").write_bytes(b"\x00\x05\x16\x07")
        (folder / "dialog" / "transcriptions").mkdir()
        (folder / "dialog" / "transcriptions" / f"{dialog}.txt").write_text(words)
        write_voice(folder / "sentences" / "wav" / dialog / f"._{name}.wav")


def turn(name: str, label: str, numbers: tuple[float, ...], begin: float = 6.2901) -> str:
    """A turn's line and the raters' lines below it."""
    valence, activation, dominance = numbers
    return (
        f"[{begin:.4f} - {begin + 0.3:.4f}]\t{name}\t{label}\t"
        f"[{valence:.4f}, {activation:.4f}, {dominance:.4f}]\n"
        "C-E2:\tNeutral;\t()\nA-E3:\tval 3; act 2; dom  2;\t()\n\n"
    )
