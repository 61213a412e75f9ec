"""TIMIT: TRAIN/ and TEST/ with NIST SPHERE files, words and phones, and DOC/SPKRINFO.TXT."""

from pathlib import Path

from tests.layouts.voices import write_voice

# Three men and women per region in each part.
INITIALS = {"TRAIN": ("FCJF0", "MCPM0", "FDAW0"), "TEST": ("FAKS0", "MDAB0", "FELC0")}
BORN = ("06/17/60", "10/28/35", "01/03/49", "??/??/??")
HEADER = """\
; DARPA TIMIT speakers
;ID  Sex DR Use  RecDate   BirthDate  Ht    Race Edu  Comments
"""


def speakers() -> list[tuple[str, str, int]]:
    """Part, speaker and region, each speaker once."""
    return [
        (part, f"{name[:3]}{chr(ord('A') + region)}{name[4]}", region)
        for part, names in INITIALS.items()
        for region in range(1, 9)
        for name in names
    ]


def build(root: Path) -> None:
    """One sentence of each speaker; one has no date of birth."""
    lines = []
    for number, (part, speaker, region) in enumerate(speakers()):
        sentence = ("SA1", "SX37", "SI1027")[number % 3]
        file = root / part / f"DR{region}" / speaker / f"{sentence}.WAV"
        write_voice(file, speaker, str(region), format="NIST", subtype="PCM_16")
        file.with_suffix(".TXT").write_text("0 4800 She had your dark suit. \n")
        file.with_suffix(".PHN").write_text("0 4800 h#\n")
        use = {"TRAIN": "TRN", "TEST": "TST"}[part]
        born = BORN[3 if number == 5 else number % 3]
        who = f"{speaker[1:]}  {speaker[0]}  {region}  {use}"
        lines.append(f"{who}  03/03/86  {born}  5'11\"  WHT  BS  a comment, or none")
    (root / "DOC").mkdir()
    (root / "DOC" / "SPKRINFO.TXT").write_text(HEADER + "\n".join(lines) + "\n")
