"""The test harness itself: a silent skip, the network and the user's folders."""

import re
import shutil

import pytest

TESTS = """
import os, socket
from pathlib import Path
import pytest
from paralbench.paths import home

def test_passes(): pass
def test_skips_for_no_good_reason(): pytest.skip("not today")
def test_lacks_a_package(): pytest.importorskip("no_such_package")
def test_needs_a_gpu(): pytest.skip("needs a GPU: there is none")
@pytest.mark.parametrize("card", [])
def test_of_no_card_at_all(card): pass
@pytest.mark.xfail(reason="known", strict=True)
def test_fails_as_known(): raise AssertionError
def test_reaches_out(): socket.create_connection(("192.0.2.1", 80), timeout=1)
def test_stays_here():
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()).close()
def test_has_a_home_of_its_own(paralbench_home):
    assert home() == paralbench_home != Path(os.environ["USER_HOME"])
    home().mkdir()
def test_has_another_one(): assert not home().exists()
"""


@pytest.fixture
def outcomes(run_python, repository, tmp_path):
    """Run the tests above under the harness; test name to outcome."""

    def run(strict: str = "") -> dict[str, str]:
        shutil.copy(repository / "tests" / "conftest.py", tmp_path)
        (tmp_path / "test_it.py").write_text(TESTS)
        home = {"PARALBENCH_HOME": str(tmp_path / "user"), "USER_HOME": str(tmp_path / "user")}
        done = run_python(
            "import sys, pytest; sys.exit(pytest.main(sys.argv[1:]))",
            *("-v", "-p", "no:cacheprovider", "-c", "/dev/null", "--rootdir", str(tmp_path)),
            str(tmp_path),
            env={**home, "PARALBENCH_STRICT_SKIPS": strict},
            check=False,
        )
        assert not (tmp_path / "user").exists()
        return dict(re.findall(r"::(?:test_)(\w+)\S* ([A-Z]+)", done.stdout))

    return run


def test_skips_are_reported(outcomes):
    found = outcomes()
    assert {name for name, outcome in found.items() if outcome == "FAILED"} == {"reaches_out"}
    assert {name for name, outcome in found.items() if outcome == "SKIPPED"} == {
        "skips_for_no_good_reason",
        "lacks_a_package",
        "needs_a_gpu",
        "of_no_card_at_all",
    }
    assert found["fails_as_known"] == "XFAIL"
    assert sum(outcome == "PASSED" for outcome in found.values()) == 4


def test_a_skip_without_a_good_reason_fails_where_skips_are_strict(outcomes):
    found = outcomes(strict="1")
    assert {name for name, outcome in found.items() if outcome in ("FAILED", "ERROR")} == {
        "reaches_out",
        "skips_for_no_good_reason",
        "lacks_a_package",
        "of_no_card_at_all",
    }
    assert found["needs_a_gpu"] == "SKIPPED"
    assert found["fails_as_known"] == "XFAIL"
