"""The probe grid of an IEMOCAP-sized cell against a plain loop over its probes, in one run."""

import json
import os

import pytest

STEPS = int(os.environ.get("PARALBENCH_STEPS", "256"))
SIZE = "5,500 utterances, 13 layers of 768; 5 folds, 7 rates, 2 decays, 3 seeds"
COMMAND = "pytest tests/performance/test_grid.py"


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "target"), [("layers", "10"), ("mix", "4")])
def test_the_grid_against_a_loop_over_probes(kind, target, record, repository, run_python):
    code = "import sys; from tests.performance.grid import *\n"
    code += "print(json.dumps(measure(sys.argv[1], int(sys.argv[2]))))"
    threads = {"OMP_NUM_THREADS": "2", "MKL_NUM_THREADS": "2"}
    done = run_python(code, kind, str(STEPS), timeout=3600, cwd=repository, env=threads)
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["ours"] > 0
    assert found["loop"] > 0
    what = {"layers": "every layer by itself", "mix": "learned mix"}[kind]
    what = f"{what}, {found['probes']} probes of {STEPS} steps"
    shared = {"command": COMMAND}
    record(
        "grid",
        [
            shared
            | {
                "measure": f"{what}: {SIZE}",
                "ours": found["ours"],
                "baseline": found["loop"],
                "unit": "s; baseline: a loop over probes, extrapolated from 6 of them",
                "target": target,
            },
            shared
            | {
                "measure": f"{what}: the matrix products alone",
                "ours": found["ours"],
                "baseline": found["products"],
                "unit": "s; baseline: the arithmetic bound, products of the same sizes",
                "target": "",
            },
            shared
            | {
                "measure": f"{what}: peak memory of the process",
                "ours": found["peak"] / 2**30,
                "unit": "GiB",
                "target": "4 GiB",
            },
        ],
    )
