"""What computed the features is told in keys and tables, or agrees to 1e-5."""

import numpy as np
import pytest

import paralbench
from paralbench.errors import ParalbenchError

FAST = {"recipes": ("paralbench",), "seeds": 1}


@pytest.fixture(scope="module")
def small(small_upstream):
    """A folder with the card ``small``: wav2vec 2.0, with small random weights beside it."""
    return small_upstream("wav2vec2-base")


@pytest.fixture
def run(small, cards, tmp_path):
    def run(name, **how):
        return paralbench.evaluate(
            ["small", "fbank"],
            "voices-emotion",
            cards=[cards, small],
            out=tmp_path / name,
            **FAST,
            **how,
        )

    return run


def told(results, column):
    """Upstream to the values of a column of its scores."""
    return results.scores.groupby("upstream")[column].agg(lambda values: set(values)).to_dict()


@pytest.fixture
def command_line(request):
    return request.getfixturevalue("paralbench")


def test_an_upstream_of_one_precision_is_keyed_and_told_by_it(run):
    full, half = run("full"), run("half", precision="bf16")
    assert told(full, "precision") == {"small": {"fp32"}, "fbank": {"fp32"}}
    assert told(half, "precision") == {"small": {"bf16"}, "fbank": {"fp32"}}
    keys, others = told(full, "features_key"), told(half, "features_key")
    assert keys["fbank"] == others["fbank"]
    assert keys["small"] != others["small"]
    encoded = half.timings[half.timings["stage"] == "encode"]
    assert list(encoded["precision"]) == ["bf16"]  # fbank's features were there


def test_openvino_is_told_and_gives_the_same_features(run, small, cards, monkeypatch, tmp_path):
    monkeypatch.setenv("PARALBENCH_HOME", str(tmp_path / "torch"))
    plain = run("torch")
    wanted = paralbench.extract("small", "voices", cards=[cards, small])
    monkeypatch.setenv("PARALBENCH_HOME", str(tmp_path / "openvino"))
    fast = run("openvino", backend="openvino")
    found = paralbench.extract("small", "voices", cards=[cards, small], backend="openvino")
    assert told(fast, "features_key") == told(plain, "features_key")
    for results, devices in ((plain, ["cpu", "cpu"]), (fast, ["cpu", "cpu (openvino)"])):
        encoded = results.timings[results.timings["stage"] == "encode"]
        assert sorted(encoded["device"]) == devices
    difference = np.linalg.norm(found.mean - wanted.mean, axis=2)
    relative = difference / np.linalg.norm(wanted.mean, axis=2)
    assert 0 < relative.max() < 1e-5


def test_what_openvino_does_not_compute_is_refused(run):
    with pytest.raises(ParalbenchError, match=r"openvino.*in fp32, not on cpu in bf16"):
        run("half", precision="bf16", backend="openvino")
    with pytest.raises(
        ParalbenchError, match=r"backend: 'tvm' is not allowed\. Allowed: torch, op"
    ):
        run("other", backend="tvm")
    with pytest.raises(ParalbenchError, match=r"compile: 'maybe' is not allowed\. Allowed: auto"):
        run("other", compile="maybe")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")  # of torch's own compiler
def test_compiled_blocks_give_the_same_features(run, small, cards, monkeypatch, tmp_path):
    means = {}
    for choice in ("no", "yes"):
        monkeypatch.setenv("PARALBENCH_HOME", str(tmp_path / choice))
        results = run(choice, compile=choice)
        means[choice] = paralbench.extract("small", "voices", cards=[cards, small]).mean
        assert told(results, "upstream").keys() == {"small", "fbank"}
    difference = np.linalg.norm(means["yes"] - means["no"], axis=2)
    assert 0 < (difference / np.linalg.norm(means["no"], axis=2)).max() < 1e-5


def test_a_dry_run_tells_what_would_compute(command_line, cards, small, tmp_path):
    done = command_line(
        *("run", "--upstreams", "small,fbank", "--tasks", "voices-emotion"),
        *("--cards", cards, "--cards", small, "--out", tmp_path / "run"),
        *("--backend", "openvino", "--dry-run"),
        check=0,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith(("small", "fbank"))]
    assert [" ".join(line.split()[-2:]) for line in sorted(lines)] == [
        "cpu, fp32",
        "(openvino), fp32",
    ]
