"""Cells of a corpus of MSP-Podcast's size within a few GiB, and how cost grows with utterances.

At true size, which takes 54 GB of disk and an hour or more on two cores:
``PARALBENCH_UTTERANCES=265000 pytest tests/performance/test_large.py``. With fewer layers
(``PARALBENCH_LAYERS``) a recipe of single layers takes less of both and the same memory.
"""

import json
import os
from pathlib import Path

import pytest
from tests.performance.large import DIM, LAYERS, make

UTTERANCES = int(os.environ.get("PARALBENCH_UTTERANCES", "25000"))
LIMIT = int(os.environ.get("PARALBENCH_MEMORY_GIB", "8"))
STORE = os.environ.get("PARALBENCH_LARGE_STORE")  # one that was made before
GROWTH = [int(one) for one in os.environ.get("PARALBENCH_GROWTH", "100,1000,10000").split(",")]
COMMAND = "pytest tests/performance/test_large.py"

# What is trained of a recipe, so that gradient descent takes minutes: the steps that are left out
# are no other than those that are taken.
RECIPES = {
    "lda": ("", {}),
    "paralbench": (
        ", one seed, 128 steps at most",
        {"seeds": 1, "checkpoints": [16, 32, 64, 128]},
    ),
    "layers": (
        ", one seed, 64 steps at most",
        {"seeds": 1, "checkpoints": [16, 32, 64]},
    ),
}


def rows_of(name: str, found: dict, n: int) -> list[dict]:
    """Rows of the table for a cell."""
    about, _ = RECIPES[name]
    gib = n * LAYERS * DIM * 4 / 2**30
    size = f"{n:,} utterances, {LAYERS} layers of {DIM}"
    what = f"{name}{about}: a cell of {size} ({gib:.1f} GiB of means)"
    seconds = found["seconds"]
    layers = "" if LAYERS == 25 else f"PARALBENCH_LAYERS={LAYERS} "
    shared = {"command": f"{layers}PARALBENCH_UTTERANCES={n} {COMMAND}"}
    return [
        shared
        | {
            "measure": f"{what}: peak of private memory",
            "ours": found["anonymous"],
            "baseline": gib,
            "unit": "GiB, anonymous pages, looked at ten times a second; the process may have no "
            f"more than {found['limit']} (RLIMIT_DATA), the system's file cache not counted; "
            "baseline: the means alone",
            "target": "8 GiB",
        },
        shared
        | {
            "measure": f"{what}: seconds",
            "ours": seconds["all"],
            "unit": f"s, from the manifest to the written tables, of which {seconds['means']:.0f} "
            "bring the means from the store; rough: two cores with other work beside it",
            "target": "",
        },
    ]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    if STORE:
        return Path(STORE)
    folder = tmp_path_factory.mktemp("large")
    make(folder, UTTERANCES)
    return folder


@pytest.fixture
def measured(run_python, repository):
    """What a module of this folder prints in a process of its own."""

    def run(module, *arguments):
        code = f"import json, sys; from tests.performance.{module} import main\n"
        code += "print(json.dumps(main(*sys.argv[1:])))"
        given = {"PARALBENCH_MEMORY_GIB": str(LIMIT)}
        done = run_python(code, *arguments, timeout=7200, cwd=repository, env=given)
        return json.loads(done.stdout.splitlines()[-1])

    return run


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_a_cell_of_a_large_corpus_fits(name, store, measured, record):
    found = measured(
        "large", "cell", str(store), str(UTTERANCES), name, json.dumps(RECIPES[name][1])
    )
    rows = rows_of(name, found, UTTERANCES)
    text = record("large", rows).read_text()
    assert all(row["measure"] in text for row in rows)
    assert found["anonymous"] < LIMIT
    assert found["uar"] > 0.2  # chance is 1 / 8


@pytest.mark.slow
def test_cost_grows_with_the_utterances_and_memory_does_not(measured, record, tmp_path):
    first, *others = GROWTH
    found = {}
    for n in GROWTH:
        folder = str(tmp_path / str(n))
        measured("growth", folder, str(n))
        found[n] = measured("growth", folder)
    rows = []
    for n in others:
        for stage, what in (("extract", "extraction, tiny encoder"), ("probe", "lda")):
            measure = f"{what}: {n:,} utterances against {first:,}"
            memory, before = found[n][f"{stage}_memory"], found[first][f"{stage}_memory"]
            rows += [
                {
                    "measure": f"{measure}, time of one",
                    "ours": 1e3 * found[n][stage] / n,
                    "baseline": 1e3 * found[first][stage] / first,
                    "unit": f"ms per utterance; baseline: of {first:,}",
                    "target": "1",
                    "command": COMMAND,
                },
                {
                    "measure": f"{measure}, memory",
                    "ours": memory,
                    "baseline": before,
                    "unit": f"GiB, anonymous; baseline: of {first:,}",
                    "target": "",
                    "command": COMMAND,
                },
            ]
    text = record("large", rows).read_text()
    assert all(row["measure"] in text for row in rows)
    last = found[GROWTH[-1]]
    assert last["extract_memory"] < found[first]["extract_memory"] + 0.1
    assert last["extract"] / GROWTH[-1] < 2 * found[first]["extract"] / first
