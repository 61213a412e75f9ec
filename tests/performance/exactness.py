"""The differences that the tests of the upstreams measured, as a table: see `make exactness`.

Usage: python tests/performance/exactness.py FOLDER
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.performance import table


def main(folder: Path) -> None:
    """Write the largest difference of each family against each reference."""
    largest: dict[tuple[str, str], tuple[float, float]] = {}
    counts: dict[tuple[str, str], int] = {}
    for file in sorted(folder.glob("*.jsonl")):
        for line in file.read_text().splitlines():
            family, other, difference, most = json.loads(line)
            key = (family, other)
            counts[key] = counts.get(key, 0) + 1
            largest[key] = max(largest.get(key, (0.0, 0.0)), (difference, most))
    rows = [
        {
            "measure": f"{family}: {other}",
            "ours": difference,
            "unit": f"relative L2, the largest of {counts[family, other]}",
            "target": "1e-5" if "against alone" in other else "1e-4",
            "command": "make exactness",
        }
        for (family, other), (difference, _) in largest.items()
    ]
    if not rows:
        sys.exit(f"{folder}: no differences; run the tests with PARALBENCH_DIFFERENCES={folder}")
    print(table.write("exactness", rows).read_text())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
