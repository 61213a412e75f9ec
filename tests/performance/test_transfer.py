"""Every ordered pair of eight corpora for the core's upstreams, from features in the store."""

import json
import os

import pytest

UTTERANCES = int(os.environ.get("PARALBENCH_TRANSFER_UTTERANCES", "1000"))
UPSTREAMS = int(os.environ.get("PARALBENCH_TRANSFER_UPSTREAMS", "14"))
CELLS = int(os.environ.get("PARALBENCH_TRANSFER_CELLS", "100"))
COMMAND = "pytest tests/performance/test_transfer.py"
THREADS = {"OMP_NUM_THREADS": "2", "MKL_NUM_THREADS": "2"}


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["ridge", "lda"])
def test_all_pairs_of_eight_corpora(recipe, record, repository, run_python):
    code = "import json, sys; from tests.performance.pairs import measure\n"
    code += "print(json.dumps(measure(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))"
    given = (recipe, str(UTTERANCES), str(UPSTREAMS))
    done = run_python(code, *given, timeout=7200, cwd=repository, env=THREADS)
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["pairs"] == 56
    assert min(found["ours"], found["one"], found["one_alone"]) > 0
    size = f"8 corpora of {UTTERANCES:,} utterances, 56 pairs, 5 seeds"
    record(
        "transfer",
        [
            {
                "measure": f"{recipe}: {size}, {UPSTREAMS} upstreams",
                "ours": found["ours"],
                "unit": "s",
                "target": "minutes on two cores" if UPSTREAMS == 14 else "",
                "command": COMMAND,
            },
            {
                "measure": f"{recipe}: {size}, hubert-base, each training part once",
                "ours": found["one"],
                "baseline": found["one_alone"],
                "unit": "s; baseline: each pair by itself",
                "target": "",
                "command": COMMAND,
            },
        ],
    )


@pytest.mark.slow
def test_all_pairs_of_one_upstream_with_the_trained_recipe(record, repository, run_python):
    code = "import json, sys; from tests.performance.pairs import measure\n"
    code += "print(json.dumps(measure('paralbench', int(sys.argv[1]), 1, alone=False)))"
    done = run_python(code, str(UTTERANCES), timeout=7200, cwd=repository, env=THREADS)
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["pairs"] == 56
    assert found["ours"] > 0
    size = f"8 corpora of {UTTERANCES:,} utterances, 56 pairs, 5 seeds"
    record(
        "transfer",
        [
            {
                "measure": f"paralbench: {size}, hubert-base",
                "ours": found["ours"],
                "unit": "s",
                "target": "",
                "command": COMMAND,
            }
        ],
    )


@pytest.mark.slow
def test_drops_and_priors_of_a_pair(record, repository, run_python):
    code = "import sys; from tests.performance.pairs import measure_tables\n"
    code += "print(measure_tables(int(sys.argv[1]), int(sys.argv[2])))"
    given = (str(UTTERANCES), str(CELLS))
    done = run_python(code, *given, timeout=3600, cwd=repository, env=THREADS)
    seconds = float(done.stdout.splitlines()[-1])
    assert seconds > 0
    record(
        "transfer",
        [
            {
                "measure": f"drops and priors of a pair, {UTTERANCES:,} test utterances, 5 seeds",
                "ours": seconds / CELLS,
                "unit": "s",
                "target": "",
                "command": COMMAND,
            }
        ],
    )
