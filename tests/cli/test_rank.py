import json

import pytest
from typer.testing import CliRunner

from paralbench.cli.main import app
from paralbench.errors import ParalbenchError, StoreError


@pytest.fixture
def rank(repository):
    def run(*options, folder="results/demo"):
        return CliRunner().invoke(app, ["rank", str(repository / folder), *options])

    return run


def test_the_published_demo_can_be_ranked(rank):
    done = rank("--format", "json")
    data = json.loads(done.stdout)
    assert data["columns"] == ["fillets-gender", "polish-emotion"]
    assert len(data["upstreams"]) == 5
    assert len(data["pairs"]) == 10
    assert any("cannot tell 5 upstreams apart" in note for note in data["notes"])


def test_the_table_is_for_people(rank):
    done = rank("--setting", "pair", "--label", "language", "--upstreams", "ge2e, fbank")
    assert "Ranking: pair, recipe paralbench, normalisation none, language" in done.stdout
    assert "Ranked over 2: language: asterisk-prompts -> klettres-ktuberling" in done.stdout


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--format", "html"], "--format: 'html' is not allowed. Allowed: table, csv"),
        (["--setting", "across"], "--setting: 'across' is not allowed. Allowed: within, pair"),
        (["--recipe", "nothing"], "no scores of setting 'within', recipe 'nothing'"),
        (["--upstreams", "hubert"], "unknown upstream to rank 'hubert'"),
    ],
)
def test_what_is_not_allowed(rank, options, error):
    done = rank(*options)
    assert isinstance(done.exception, ParalbenchError)
    assert error in str(done.exception)


def test_a_folder_without_a_run(rank):
    assert isinstance(rank(folder="tests").exception, StoreError)
