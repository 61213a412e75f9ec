"""Common Voice as release 17 lays it out: en/ with tables and clips/."""

from pathlib import Path

from tests.layouts.voices import write_voice

ACCENTS = {
    "Southern African (South Africa, Zimbabwe, Namibia)": "african",
    "Australian English": "australia",
    "Canadian English": "canada",
    "England English": "england",
    "India and South Asia (India, Pakistan, Sri Lanka)": "indian",
    "Irish English": "ireland",
    "New Zealand English": "newzealand",
    "Scottish English": "scotland",
    "United States English": "us",
}
DECADES = ("teens", "twenties", "thirties", "fourties", "fifties", "sixties", "seventies")
COLUMNS = [
    "client_id",
    "path",
    "sentence_id",
    "sentence",
    "sentence_domain",
    "up_votes",
    "down_votes",
    "age",
    "gender",
    "accents",
    "variant",
    "locale",
    "segment",
]


def line(number: int, speaker: str, age: str = "", gender: str = "", accents: str = "") -> str:
    """A row of a table."""
    cells = dict.fromkeys(COLUMNS, "")
    cells |= {
        "client_id": speaker,
        "path": f"common_voice_en_{number}.mp3",
        "sentence": f'He said "number {number}.',
        "up_votes": "2",
        "down_votes": "0",
        "age": age,
        "gender": gender,
        "accents": accents,
        "locale": "en",
    }
    return "\t".join(cells[name] for name in COLUMNS)


def build(root: Path) -> None:
    """Three speakers of each accent in each part, and clips that say less or are in no part."""
    folder = root / "en"
    number = 0
    for part in ("train", "dev", "test"):
        rows = []
        for index, accent in enumerate(ACCENTS):
            for speaker in range(3):
                number += 1
                gender = ("female_feminine", "male_masculine")[(index + speaker) % 2]
                age = DECADES[(3 * index + speaker) % len(DECADES)]
                name = f"{part}{index}{speaker}"
                rows.append(line(number, name, age, gender, accent))
                write_voice(folder / "clips" / f"common_voice_en_{number}.mp3", name, accent)
        extra = {
            "train": [line(901, "t1", "", "do_not_wish_to_say", ""), line(902, "t2", "eighties")],
            "dev": [line(903, "d1", "twenties", "male_masculine", "England English|slow")],
            "test": [line(904, "e1", "", "non-binary", "my own")],
        }[part]
        rows += extra
        for row in extra:
            write_voice(folder / "clips" / row.split("\t")[1])
        _write(folder / f"{part}.tsv", rows)
    for clip, name in ((905, "validated"), (906, "other"), (907, "invalidated")):
        write_voice(folder / "clips" / f"common_voice_en_{clip}.mp3")
        _write(folder / f"{name}.tsv", [line(clip, "v1", "teens", "male_masculine")])


def _write(file: Path, rows: list[str]) -> None:
    file.write_text("\n".join(["\t".join(COLUMNS), *rows]) + "\n", encoding="utf-8")
