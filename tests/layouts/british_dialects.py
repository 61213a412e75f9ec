"""English dialects of the British Isles: line_index_all.csv and a folder for each archive."""

from pathlib import Path

from tests.layouts.voices import write_voice

REGIONS = {"ir": "irish", "mi": "midlands", "no": "northern", "sc": "scottish", "so": "southern"}
REGIONS |= {"we": "welsh"}
TEXTS = ("Flights to Naples, Rome and Nice leave at six", 'It says "no entry')


def build(root: Path) -> None:
    """Two lines of each of four speakers a region; the Irish ones are men."""
    lines = []
    for short, region in REGIONS.items():
        for speaker in range(4):
            sex = "m" if short == "ir" or speaker % 2 else "f"
            folder = root / f"{region}_english_{'female' if sex == 'f' else 'male'}"
            person = f"{short}{sex}_{10_000 + 7 * speaker:05}"
            for number, text in enumerate(TEXTS):
                name = f"{person}_{speaker:05}{number:06}"
                write_voice(folder / f"{name}.wav", person, region, rate=48_000)
                lines.append(f"BI{len(lines):04}, {name}, {text}")
    (root / "line_index_all.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
