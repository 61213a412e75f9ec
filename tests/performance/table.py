"""Writing measurements to ``results/performance/NAME.csv``."""

import csv
import datetime
import platform
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

COLUMNS = ["measure", "ours", "baseline", "unit", "ratio", "target", "command", "device"]
COLUMNS += ["versions", "date"]
FOLDER = Path(__file__).resolve().parents[2] / "results" / "performance"


def write(name: str, rows: Iterable[Mapping[str, Any]]) -> Path:
    """Write rows, replacing those of the same measures; returns the file.

    A row needs ``measure, ours, unit, target, command``. With a ``baseline``, measured in the same
    run, ``ratio`` says how many times better ours is, where less is better.
    """
    file = FOLDER / f"{name}.csv"
    old = []
    if file.is_file():
        with file.open(newline="") as stream:
            old = list(csv.DictReader(stream))
    packages = ("paralbench", "torch", "transformers", "numpy")
    shared = {
        "baseline": "",
        "ratio": "",
        "device": f"cpu, {platform.machine()}, {platform.system()}",
        "versions": " ".join(
            [f"python {platform.python_version()}", *(f"{p} {_version(p)}" for p in packages)]
        ),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }
    new = [{**shared, **row} for row in rows]
    for row in new:
        if row["baseline"] != "":
            row["ratio"] = row["ratio"] or f"{row['baseline'] / row['ours']:.2f}"
            row["baseline"] = f"{row['baseline']:.4g}"
        row["ours"] = f"{row['ours']:.4g}"
    kept = [row for row in old if row["measure"] not in {row["measure"] for row in new}]
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(sorted([*kept, *new], key=lambda row: row["measure"]))
    return file


def _version(package: str) -> str:
    """Of an installed package; ``here`` for one that runs from its source alone."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "here"
