"""What ``doctor`` tells of this machine and of the upstreams here."""

import json

import pytest


def rows_of(done):
    """The rows of the upstreams by id, from ``--json``."""
    assert done.code == 0
    return {row["id"]: row for row in done.json["upstreams"]}


def test_what_is_here_is_measured(paralbench):
    row = rows_of(paralbench("doctor", "--upstreams", "mine", "--device", "cpu", "--json"))["mine"]
    assert row["measured_on"] == "real"
    assert row["where"].startswith("folder ")
    assert (row["layers"], row["dim"], row["batching"]) == (4, 32, "any")
    assert row["batch_error"] <= 1e-5
    assert row["speed"] > 0
    assert row["problem"] is None


def test_without_measuring_nothing_is_loaded(paralbench, monkeypatch):
    monkeypatch.setattr(
        "paralbench.runner.examine.load_encoder", lambda *_: pytest.fail("is loaded")
    )
    done = paralbench("doctor", "--no-measure", "--upstreams", "mine,absent", "--json")
    rows = rows_of(done)
    assert rows["mine"]["measured_on"] is None
    assert rows["mine"]["where"].startswith("folder ")
    assert rows["absent"]["where"] is None


def test_what_is_not_here_may_be_measured_with_random_weights(paralbench):
    rows = rows_of(paralbench("doctor", "--upstreams", "absent", "--json"))
    assert rows["absent"]["measured_on"] is None
    row = rows_of(paralbench("doctor", "--random", "--upstreams", "absent", "--json"))["absent"]
    assert row["measured_on"] == "random"
    assert row["batch_error"] <= 1e-5
    text = paralbench("doctor", "--random", "--upstreams", "absent").out
    assert "random (real ones are not here)" in text


def test_an_upstream_that_fails_is_a_row(paralbench):
    done = paralbench("doctor", "--upstreams", "broken,mine", "--device", "cpu")
    assert done.code == 0
    lines = {line.split()[0]: line for line in done.out.splitlines() if line}
    assert "truncated or damaged" in lines["broken:"]
    assert lines["broken"].split()[-2:] == ["failed", "-"]
    assert lines["mine"].split()[1] == "extended"
    assert float(lines["mine"].split()[-1]) > 0
    assert float(lines["mine"].split()[-2]) <= 1e-5


def test_batching_is_told_where_not_every_batch_is_exact(paralbench):
    lines = paralbench("doctor", "--upstreams", "fbank").out.splitlines()
    (row,) = [line for line in lines if line.startswith("fbank")]
    assert row.split()[-2] == "single"


def test_the_core_comes_first_and_the_rest_is_told(paralbench, monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    done = paralbench("doctor", "--no-measure")
    lines = done.out.splitlines()
    assert "GPU: none" in lines
    assert any(line.startswith("packages: paralbench ") for line in lines)
    kinds = [line.split()[1] for line in lines[lines.index("corpora:") :] if "extended" in line]
    assert kinds
    table = [line for line in lines if " core " in line or " extended " in line]
    order = [" core " in line for line in table]
    assert order == sorted(order, reverse=True)
    assert "`paralbench weights fetch ID`" in lines[-1]


def test_a_terminal_gets_a_rich_table(capsys, monkeypatch):
    import sys

    from paralbench.cli.tables import print_table

    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    print_table(("id", "speed"), [("a[b]", "3.1"), ("c", "12.0")], right=("speed",))
    assert "─" in (text := capsys.readouterr().out)
    assert "a[b]" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--upstreams", "whisper-bas"], "Did you mean 'whisper-base'"),
        (["--device", "abacus"], "device: 'abacus' is not here"),
        (["--random", "--no-measure"], "give one of them"),
        (["--weights", "mine=nowhere"], "--weights: mine: no folder"),
    ],
)
def test_a_wrong_request_is_refused(arguments, message, paralbench):
    done = paralbench("doctor", *arguments)
    assert done.code == 2
    assert message in done.err


def test_json_is_one_document(paralbench):
    done = paralbench("doctor", "--no-measure", "--json")
    told = json.loads(done.out)
    assert set(told) == {"machine", "corpora", "upstreams"}
    assert isinstance(told["machine"]["gpus"], list)
    assert "polish-emotion" in told["corpora"]
