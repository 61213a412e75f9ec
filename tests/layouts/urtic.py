"""URTIC as ComParE2017_Cold_4students: wav/ and lab/ComParE2017_Cold.tsv, test unlabelled."""

from pathlib import Path

from tests.layouts.voices import write_voice

HEADER = "file_name\tCold (upper respiratory tract infection)"
COUNTS = {"train": 16, "devel": 12, "test": 4}


def build(root: Path) -> None:
    """Every fourth file with a cold; the table lists two of the test files, without a label."""
    rows = [HEADER]
    for part, count in COUNTS.items():
        for number in range(1, count + 1):
            name, label = f"{part}_{number:04}.wav", "NC" if number % 4 else "C"
            write_voice(root / "wav" / name, name, label)
            if part != "test":
                rows.append(f"{name}\t{label}")
            elif number <= 2:
                rows.append(f"{name}\t?")
    (root / "lab").mkdir()
    (root / "lab" / "ComParE2017_Cold.tsv").write_text("\n".join(rows) + "\n")
