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


def test_tasks_are_listed_core_first_with_their_corpus_here_or_not(run_python, tmp_path):
    (tmp_path / "l2arctic").mkdir()
    done = run_python(RUN, "list", "tasks", "--json", env={"PARALBENCH_CORPORA": str(tmp_path)})
    rows = json.loads(done.stdout)
    tiers = [row["tier"] for row in rows]
    assert tiers == ["core"] * 13 + ["extended"] * (len(rows) - 13)
    here = {row["id"] for row in rows if row["here"]}
    assert here == {row["id"] for row in rows if row["corpus"] == "l2-arctic"}
    assert {"accent", "l2-arctic-gender"} <= here
    assert all(isinstance(row["here"], bool) for row in rows)


def test_long_lists_are_whole_in_json_and_shortened_for_people(run_python):
    rows = {
        row["id"]: row for row in json.loads(run_python(RUN, "list", "suites", "--json").stdout)
    }
    assert (len(rows["core"]["upstreams"]), len(rows["core"]["tasks"])) == (14, 13)
    assert rows["demo"]["transfer"] == ["emotion", "gender", "language"]
    lines = run_python(RUN, "list", "suites").stdout.splitlines()
    (core,) = [line for line in lines if line.startswith("core ")]
    assert "emotion arousal valence dominance sentiment and 8 more" in core
    assert max(map(len, lines)) < 220
