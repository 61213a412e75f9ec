import json

import pytest

HEAVY = ("torch", "torchaudio", "transformers", "pandas", "numpy", "librosa", "sklearn")

RUN = """
import sys
from paralbench.cli import main
sys.argv = ["paralbench", *sys.argv[1:]]
try:
    main()
except SystemExit as stop:
    if stop.code:
        raise
import json
print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ["list", "upstreams"],
        ["list", "upstreams", "--json"],
        ["list", "tasks"],
        ["list", "corpora"],
        ["list", "probes"],
        ["list", "suites"],
        ["show", "polish-emotion"],
        ["validate"],
    ],
    ids=" ".join,
)
def test_listing_imports_nothing_heavy(run_python, arguments):
    done = run_python(RUN, *arguments)
    assert done.stdout.strip()
    loaded = set(json.loads(done.stderr.splitlines()[-1]))
    assert not loaded & set(HEAVY)


def test_help_names_every_command(run_python):
    done = run_python(RUN, "--help")
    for command in ("list", "run", "transfer", "leaderboard", "demo", "doctor", "corpora"):
        assert command in done.stdout
    assert "torch" not in json.loads(done.stderr.splitlines()[-1])


def test_json_lists_are_machine_readable(run_python):
    rows = json.loads(run_python(RUN, "list", "upstreams", "--json").stdout)
    ids = {row["id"] for row in rows}
    assert {"whisper-base", "fbank", "prosody", "egemaps", "compare2016", "ge2e"} <= ids


def test_an_unknown_kind_of_list_is_refused(run_python):
    done = run_python(RUN, "list", "taks", check=False)
    assert done.returncode == 2
    assert "unknown kind of list 'taks'. Did you mean 'tasks'?" in done.stderr
