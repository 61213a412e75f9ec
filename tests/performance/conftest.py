"""Measurements: each is a ratio against a baseline of the same run, kept as a row of a CSV file.

They run under ``make test-all`` and assert only that the measurement was made: a slow machine is
no fault of the code.
"""

import csv
import datetime
import platform
from importlib.metadata import version

import pytest

COLUMNS = ["measure", "ours", "baseline", "unit", "ratio", "target", "command", "device"]
COLUMNS += ["versions", "date"]


@pytest.fixture
def record(repository):
    """Write rows to ``results/performance/NAME.csv``, replacing those of the same measures."""

    def write(name, rows):
        file = repository / "results" / "performance" / f"{name}.csv"
        old = []
        if file.is_file():
            with file.open(newline="") as stream:
                old = list(csv.DictReader(stream))
        packages = ("paralbench", "torch", "transformers", "numpy")
        shared = {
            "device": f"cpu, {platform.machine()}, {platform.system()}",
            "versions": " ".join(
                [f"python {platform.python_version()}", *(f"{p} {version(p)}" for p in packages)]
            ),
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        }
        new = [{**shared, **row, "ratio": f"{row['baseline'] / row['ours']:.2f}"} for row in rows]
        for row in new:
            row["ours"], row["baseline"] = f"{row['ours']:.4g}", f"{row['baseline']:.4g}"
        kept = [row for row in old if row["measure"] not in {row["measure"] for row in new}]
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(sorted([*kept, *new], key=lambda row: row["measure"]))
        return file

    return write
