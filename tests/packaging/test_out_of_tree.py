"""An installed package brings cards, an upstream family and a reader of its own."""

import shutil

import numpy as np
import pytest
import soundfile

from paralbench.cards import load_catalogue
from paralbench.corpora.readers import READERS
from paralbench.upstreams.registry import FAMILIES


@pytest.fixture
def run_beside(run_python, example, tmp_path):
    """Run code where the example package is installed beside us."""

    def run(code: str, *arguments: str, check: bool = True, more: str = ""):
        path = f"{more}:{example}" if more else str(example)
        return run_python(code, *arguments, env={"PYTHONPATH": path}, check=check, cwd=tmp_path)

    return run


@pytest.fixture
def voices(tmp_path):
    """The corpus of the example package: three speakers, four loud and four soft tones each."""
    rng = np.random.default_rng(0)
    for speaker in ("anna", "bela", "cleo"):
        folder = tmp_path / "voices" / speaker
        folder.mkdir(parents=True)
        for number in range(8):
            voice, level = (("loud", 0.5), ("soft", 0.05))[number % 2]
            samples = level * rng.standard_normal(8000 + 100 * number).clip(-1.9, 1.9)
            soundfile.write(folder / f"{voice}-{number}.wav", samples, 16_000)
    return tmp_path / "voices"


def test_here_it_is_not_installed():
    """Otherwise the tests below would prove nothing."""
    assert "example-level" not in FAMILIES
    assert "example-voices" not in READERS
    assert "example-level" not in load_catalogue().upstreams


def test_its_cards_and_names_are_listed_without_running_it(run_beside, example):
    run_beside(
        """
import sys
from pathlib import Path
from paralbench.cards import load_catalogue
from paralbench.cards.crosscheck import problems
from paralbench.corpora.readers import READERS
from paralbench.upstreams.registry import FAMILIES

catalogue = load_catalogue()
assert "example-level" in FAMILIES.names() and "fbank" in FAMILIES.names()
assert "example-voices" in READERS.names() and "csv" in READERS.names()
assert "example-voices-voice" in catalogue.tasks
file = catalogue.upstreams.get("example-level").file
assert file.is_relative_to(sys.argv[1]), file
found = problems(catalogue, families=FAMILIES.names(), readers=READERS.names())
assert not [line for line in found if line.startswith(sys.argv[1])], found
loaded = {"torch", "numpy", "pandas", "paralbench_example.family", "paralbench_example.reader"}
assert not loaded & set(sys.modules), loaded & set(sys.modules)
""",
        str(example),
    )


def test_its_family_and_reader_are_benchmarked(run_beside, voices):
    """Level tells loud from soft, whoever speaks: one call from its cards to a score."""
    run_beside(
        """
import sys
from paralbench import evaluate

results = evaluate(
    "example-level",
    "example-voices-voice",
    roots={"example-voices": sys.argv[1]},
    recipes=["paralbench", "majority"],
    seeds=1,
)
assert results.failures.empty, results.failures
board = results.leaderboard.set_index("upstream")["value"]
assert board["example-level"] > 0.9, board
assert board["(majority)"] == 0.5, board
assert results.scores["n_utterances"].max() == 24
""",
        str(voices),
    )


@pytest.mark.parametrize(
    ("group", "name", "ours", "code"),
    [
        (
            "paralbench.families",
            "fbank",
            "paralbench.upstreams.fbank:load",
            "from paralbench.upstreams.registry import FAMILIES; FAMILIES.names()",
        ),
        (
            "paralbench.readers",
            "example-voices",
            "paralbench_example.reader:read",
            "from paralbench.corpora.readers import READERS; READERS.get('csv')",
        ),
    ],
)
def test_a_name_that_is_taken_is_refused_naming_both(run_beside, tmp_path, group, name, ours, code):
    _distribution(tmp_path / "rival", group, f"{name} = rival.module:load")
    done = run_beside(code, check=False, more=str(tmp_path / "rival"))
    assert done.returncode == 1
    message = done.stderr.splitlines()[-1]
    assert f"{name!r} is there twice" in message
    assert "'rival.module:load' of the package 'rival'" in message
    assert repr(ours) in message


def test_a_card_whose_id_is_taken_is_refused_naming_both_files(run_beside, example, tmp_path):
    _distribution(tmp_path / "rival", "paralbench.cards", "rival = rival.cards")
    cards = example / "paralbench_example" / "cards"
    shutil.copytree(cards, tmp_path / "rival" / "rival" / "cards")
    code = "from paralbench.cards import load_catalogue; load_catalogue()"
    done = run_beside(code, check=False, more=str(tmp_path / "rival"))
    assert done.returncode == 1
    message = done.stderr.splitlines()[-1]
    assert "is already taken by" in message
    assert str(cards) in message
    assert str(tmp_path / "rival") in message


@pytest.mark.parametrize("value", ["rival.no_such_folder", "no_such_package", "rival.module"])
def test_cards_that_are_not_there_name_the_package_at_fault(run_beside, tmp_path, value):
    _distribution(tmp_path / "rival", "paralbench.cards", f"rival = {value}")
    code = "from paralbench.cards import load_catalogue; load_catalogue()"
    done = run_beside(code, check=False, more=str(tmp_path / "rival"))
    assert done.returncode == 1
    message = done.stderr.splitlines()[-1]
    assert message.startswith("paralbench.errors.CardError: ")
    assert f"{value!r} of the package 'rival' cannot be found" in message


def _distribution(folder, group, point):
    """A package ``rival`` as pip would leave it behind."""
    (folder / "rival").mkdir(parents=True)
    (folder / "rival" / "__init__.py").write_text("")
    (folder / "rival" / "module.py").write_text("")
    information = folder / "rival-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: rival\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(f"[{group}]\n{point}\n")
