"""The largest corpora, as label files of their size: time and memory of making their manifests.

Each is measured in fresh processes: a dict per row, settled and collected, as the readers of file
names do it; the reader; and the reader again, with the manifest kept.
"""

import json
import random
from pathlib import Path

import pytest

from paralbench.cards.catalogue import read_card, shipped_folder

MSP_ROWS, AGE_ROWS = 265_000, 1_100_000
GIB = 2**30
CODE = """
import json, resource, sys, time
from pathlib import Path
from paralbench.cards.catalogue import read_card
started = time.perf_counter()
from paralbench.corpora.load import load_manifest
from paralbench.corpora.manifest import make_manifest
from paralbench.corpora.readers.labels import settle

way, root, file = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
card = read_card(file, "corpus")[0]
if way == "reader":
    manifest = load_manifest(card, root, look=False)
else:
    import csv
    rows = []
    for table, given in json.loads(sys.argv[4]).items():
        with (root / table).open(encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines, given["names"], delimiter=given["separator"]):
                raw = {name: given["values"].get(name, {}).get(v, v) for name, v in row.items()}
                rows.append(settle(card, raw | given["same"] | {"path": raw["utterance"]}))
    manifest = make_manifest(card.id, root, [row for row in rows if isinstance(row, dict)], [])
seconds = time.perf_counter() - started
try:
    # Not ru_maxrss, which begins with what the parent held.
    (peak,) = (line for line in open("/proc/self/status") if line.startswith("VmHWM"))
    peak = int(peak.split()[1]) * 1024
except FileNotFoundError:
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
print(json.dumps({"rows": len(manifest), "seconds": seconds, "peak": peak}))
"""


def msp_podcast(root: Path) -> dict:
    """One table; a turn in a hundred is by an unknown speaker of the training part."""
    draw = random.Random(0)
    lines = ["FileName,EmoClass,EmoAct,EmoVal,EmoDom,SpkrID,Gender,Split_Set"]
    for n in range(MSP_ROWS):
        part = ("Train", "Train", "Train", "Development", "Test1")[n * 5 // MSP_ROWS]
        speaker = "Unknown" if part == "Train" and n % 100 == 0 else str(n // 100)
        numbers = ",".join(f"{draw.uniform(1, 7):.4f}" for _ in range(3))
        name = f"MSP-PODCAST_{n // 50:04d}_{n % 50:04d}.wav"
        gender = ("Male", "Female")[n // 100 % 2]
        lines.append(f"{name},{'ASHUFDCNOX'[n % 10]},{numbers},{speaker},{gender},{part}")
    (root / "Audios").mkdir()
    (root / "Labels").mkdir()
    (root / "Labels" / "labels_consensus.csv").write_text("\n".join(lines) + "\n")
    values = {
        "emotion": dict(zip("ASHUFDCNOX", _labels("msp-podcast", "emotion"), strict=True)),
        "split": {"Development": "development", "Test1": "test", "Split_Set": "train"},
        "speaker": {"Unknown": ""},
    }
    names = [
        "utterance",
        "emotion",
        "arousal",
        "valence",
        "dominance",
        "speaker",
        "gender",
        "split",
    ]
    table = {"names": names, "separator": ",", "same": {}, "values": values}
    return {"Labels/labels_consensus.csv": table}


def agevoxceleb(root: Path) -> dict:
    """Two lists of ages beside the table of VoxCeleb2's speakers."""
    speakers, tables = 6000, {}
    meta = ["Name \tVoxCeleb2 ID \tVGGFace2 ID \tGender \tSet "]
    meta += [f"S \tid{n:05d} \tn{n:06d} \t{'mf'[n % 2]} \tdev " for n in range(speakers)]
    (root / "vox2_meta.csv").write_text("\n".join(meta) + "\n")
    lines = {"train": [], "test": []}
    for n in range(AGE_ROWS):
        speaker, video = n * speakers // AGE_ROWS, n // 7
        part = "train" if speaker % 12 else "test"
        lines[part].append(f"id{speaker:05d}/v{video:010d}/{n % 7:05d} {20 + speaker % 60}")
    for part, found in lines.items():
        (root / f"utt2age.{part}").write_text("\n".join(found) + "\n")
        same = {"split": part}
        given = {"names": ["utterance", "age"], "separator": " ", "same": same, "values": {}}
        tables[f"utt2age.{part}"] = given
    return tables


def _labels(id: str, label: str) -> tuple[str, ...]:
    return _card(id)[0].labels[label].values


def _card(id: str):
    file = shipped_folder() / "tasks" / "corpora" / f"{id}.yaml"
    return read_card(file, "corpus")[0], file


@pytest.mark.slow
@pytest.mark.parametrize(
    ("id", "build", "n_rows", "most_seconds"),
    [("msp-podcast", msp_podcast, MSP_ROWS, 15), ("agevoxceleb", agevoxceleb, AGE_ROWS, 60)],
)
def test_scale(id, build, n_rows, most_seconds, record, run_python, tmp_path):
    tables = json.dumps(build(tmp_path))
    _, file = _card(id)

    def measured(way: str) -> dict:
        done = run_python(CODE, way, str(tmp_path), str(file), tables, timeout=600)
        return json.loads(done.stdout)

    by_row, first, again = measured("rows"), measured("reader"), measured("reader")
    shared = {"command": "pytest tests/performance/test_scale.py"}
    beside = "baseline: a dict per row"
    about = f"{id}, {n_rows:,} rows"
    rows = [
        {
            "measure": f"{about}: manifest, first",
            "ours": first["seconds"],
            "baseline": by_row["seconds"],
            "unit": f"s; {beside}",
            "target": f"{most_seconds} s",
        },
        {
            "measure": f"{about}: manifest, kept",
            "ours": again["seconds"],
            "baseline": first["seconds"],
            "unit": "s; baseline: read anew",
            "target": "",
        },
        {
            "measure": f"{about}: peak memory",
            "ours": first["peak"] / GIB,
            "baseline": by_row["peak"] / GIB,
            "unit": f"GiB; {beside}",
            "target": "2 GiB",
        },
    ]
    record("scale", [{**row, **shared} for row in rows])
    assert first["rows"] == again["rows"] == n_rows
    assert first["seconds"] < most_seconds
    assert max(first["peak"], again["peak"]) < 2 * GIB
