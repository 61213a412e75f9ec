"""``weights fetch`` and ``weights verify``."""

import json
import shutil

import pytest


def test_fetching_prints_place_source_size_and_checksum(paralbench, small_models):
    done = paralbench("weights", "fetch", "mine", "fbank")
    assert done.code == 0
    heads, mine, fbank = done.out.splitlines()
    assert heads.split() == ["id", "source", "size", "sha256", "folder"]
    assert str(small_models / "hubert") in mine
    assert " MB " in mine
    assert "no weights" in fbank


def test_fetching_goes_on_after_a_failure_and_tells(paralbench):
    done = paralbench("weights", "fetch", "absent", "mine")
    assert done.code == 1
    assert done.out.splitlines()[-1].startswith("mine ")
    assert "absent: the weights of 'absent' cannot be had here" in done.err
    assert "hf download somebody/model" in done.err
    assert done.err.splitlines()[-1] == "1 could not be had: absent"


def test_fetching_goes_on_after_a_fault_of_ours(paralbench, monkeypatch):
    from paralbench.upstreams import weights

    def resolve(card, **_):
        if card.id == "absent":
            raise KeyError("a layout that nobody knows")
        return weights.Weights(None, "0" * 64, "no weights")

    monkeypatch.setattr(weights, "resolve", resolve)
    done = paralbench("weights", "fetch", "absent", "mine", "--json")
    assert done.code == 1
    assert [row["id"] for row in done.json] == ["absent", "mine"]
    assert done.json[0]["problem"] == "KeyError: 'a layout that nobody knows'"


def test_fetching_as_json(paralbench, small_models):
    done = paralbench("weights", "fetch", "absent", "mine", "--json")
    assert done.code == 1
    absent, mine = done.json
    assert "cannot be had" in absent["problem"]
    assert mine["folder"] == str(small_models / "hubert")
    assert len(mine["sha256"]) == 64


@pytest.mark.parametrize("command", ["fetch", "verify"])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "their ids, --all, or --suite"),
        (["mine", "--all"], "in one way"),
        (["--suite", "demmo"], "Did you mean 'demo'"),
        (["minne"], "Did you mean 'mine'"),
    ],
)
def test_a_wrong_request_is_refused(command, arguments, message, paralbench):
    done = paralbench("weights", command, *arguments)
    assert done.code == 2
    assert message in done.err


def test_a_suite_names_its_upstreams(paralbench, monkeypatch):
    from paralbench.cards import load_catalogue

    asked = []
    monkeypatch.setattr(
        "paralbench.upstreams.weights.resolve", lambda card, **_: asked.append(card) or _had()
    )
    assert paralbench("weights", "fetch", "--suite", "demo").code == 0
    assert [card.id for card in asked] == list(load_catalogue().suites.get("demo").upstreams)


def _had():
    from paralbench.upstreams.weights import Weights

    return Weights(None, "0" * 64, "no weights")


def test_verifying_compares_with_the_card(paralbench):
    done = paralbench("weights", "verify", "mine", "--device", "cpu")
    assert done.code == 0
    told, verdict = done.out.splitlines()
    assert told.startswith("mine: 4 layers x 32, ")
    assert " parameters, folder " in told
    assert "verified on real weights: no" in told
    assert float(told.partition("exactness: ")[2].partition(";")[0]) <= 1e-5
    assert verdict == "mine: as the card says"


@pytest.mark.parametrize(
    ("id", "fault"),
    [
        ("miscounted", "parameters: the card says 7, the weights give"),
        ("other-size", "layers: the card says 13, the weights give 4"),
        ("broken", "model.safetensors: truncated or damaged"),
        ("absent", "the weights of 'absent' cannot be had here"),
    ],
)
def test_what_does_not_fit_fails(id, fault, paralbench):
    done = paralbench("weights", "verify", id, "mine", "--device", "cpu")
    assert done.code == 1
    assert fault in done.out
    assert "mine: as the card says" in done.out
    assert done.err.splitlines()[-1] == f"1 failed: {id}"


def test_weights_that_depend_on_the_batch_fail(paralbench, monkeypatch):
    monkeypatch.setattr("paralbench.features.exactness.TOLERANCE", -1.0)
    done = paralbench("weights", "verify", "mine", "--device", "cpu", "--json")
    assert done.code == 1
    (row,) = json.loads(done.out)
    assert "pooled statistics in a batch differ by" in row["faults"][0]


def test_a_folder_of_ones_own(paralbench, small_models, tmp_path):
    shutil.copytree(small_models / "hubert", tmp_path / "copy")
    done = paralbench("weights", "verify", "absent", "--folder", tmp_path / "copy")
    assert done.code == 0, done.out
    assert f"folder {tmp_path / 'copy'}" in done.out
    done = paralbench("weights", "verify", "absent", "mine", "--folder", tmp_path / "copy")
    assert done.code == 2
    assert "--folder: for one upstream; 2 are named" in done.err
