"""A run with a process for each device: the local run's tables, and what happens to lost work."""

import os

import pytest

from paralbench.errors import Fault, ParalbenchError
from paralbench.runner.executors.processes import Processes
from paralbench.runner.request import Request


@pytest.fixture(scope="module")
def said():
    """What the processes' executor says."""
    return []


@pytest.fixture(scope="module")
def two(said):
    """Two processes on the CPU."""
    with Processes(("cpu", "cpu"), said.append) as executor:
        executor.settle(Request(("fbank",)))
        yield executor


def results(executor, work, parts, told=lambda index, event: None):
    return dict(executor.run(work, parts, told))


def test_the_tables_are_the_local_runs(run, local, tmp_path, noted, assert_same, shards_written):
    found, summary = run(tmp_path / "home", tmp_path / "run", noted, devices=("cpu", "cpu"))
    expected, before = local
    assert_same(found, expected)
    assert found.read("failures")["error"].tolist() == ["LeakageError"] * 3
    counts = [(one.done, one.failed, one.encoded) for one in (summary, before)]
    assert counts == [(3, 3, 36)] * 2
    assert shards_written(tmp_path / "home") > 1
    assert noted.works["cells"][-1] == (6, 6)
    seconds, total = noted.works["fbank: encoding"][-1]
    assert seconds == pytest.approx(total)
    timings = found.read("timings")
    (encode,) = timings[timings["stage"] == "encode"].itertuples()
    assert encode.audio_seconds == pytest.approx(total)
    # The same command with another executor finds all of it done.
    _, again = run(tmp_path / "home", tmp_path / "run", noted)
    assert (again.done, again.reused, again.failed) == (0, 3, 3)


def test_parts_are_spread_over_processes_that_stay(two, works):
    told = []
    work = works.Squares(seconds=0.05)
    found = results(two, work, range(8), lambda *event: told.append(event))
    assert {index: square for index, (square, _, _) in found.items()} == {
        index: index**2 for index in range(8)
    }
    assert sorted(told) == [(index, f"{index} is begun") for index in range(8)]
    processes = {process for _, process, _ in found.values()}
    assert len(processes) == 2
    assert os.getpid() not in processes
    again = results(two, works.Squares(), range(8))
    assert {process for _, process, _ in again.values()} <= processes


@pytest.mark.parametrize("kills", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_a_part_whose_process_is_killed_is_begun_again_twice(two, works, tmp_path, said, kills):
    said.clear()
    found = results(two, works.Killed(tmp_path, kills), [0, 1, 2])
    assert [found[0], found[2]] == [0, 2]
    assert len(list(tmp_path.iterdir())) == 3
    how = "the process for cpu ended (SIGKILL)"
    assert said == [f"{how}; its work is begun again"] * 2
    if kills < 3:
        assert found[1] == 1
    else:
        assert isinstance(found[1], Fault)
        assert found[1].error == "WorkerLostError"
        assert how in found[1].message
        assert "name fewer devices" in found[1].message


def test_what_a_part_raises_ends_the_run(two, works):
    with pytest.raises(ParalbenchError, match="no room for 0"):
        results(two, works.Refused(), [0])
    assert results(two, works.Squares(), [3])[0][0] == 9  # and others can follow


@pytest.mark.slow
def test_a_fault_of_ours_is_printed_by_its_process_and_told(two, works, capfd):
    found = results(two, works.Broken(), [0])
    assert "exit code 1" in found[0].message
    assert "NotADirectoryError: a fault of ours" in capfd.readouterr().err


def test_what_is_left_is_dropped_when_the_results_are_closed(two, works):
    running = two.run(works.Squares(seconds=30), range(4), lambda *_: None)
    other = two.run(works.Squares(), range(1), lambda *_: None)
    assert next(other)[0] == 0
    other.close()
    running.close()
    assert results(two, works.Squares(), [5])[0][0] == 25


def test_devices_are_of_one_kind_and_here(noted, monkeypatch):
    import torch

    with pytest.raises(ParalbenchError, match="'cuda:7' is not here"):
        Processes(("cuda:7",), noted.line).settle(Request(("fbank",)))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(ParalbenchError, match="several kinds"):
        Processes(("cpu", "cuda:1"), noted.line).settle(Request(("fbank",)))
    request, place = Processes(("cuda",), noted.line).settle(Request(("fbank",), threads=3))
    assert (request.device, request.threads, place.slots) == ("cuda", 3, 2)


@pytest.mark.parametrize(
    ("visible", "device", "seen"),
    [
        ("", "cuda:1", "1"),
        ("4,6", "cuda:1", "6"),
        ("MIG-a, MIG-b", "cuda:0", "MIG-a"),
        ("4", "cpu", None),
    ],
)
def test_a_process_sees_its_gpu_alone(monkeypatch, visible, device, seen):
    from paralbench.runner.executors.processes import _visible

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert _visible(device) == seen


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"executor": "slurm"}, "Allowed: local, ray"),
        ({"executor": "ray", "devices": ("cpu",)}, "finds the cluster's own"),
        ({"address": "auto"}, "is for the executor 'ray'"),
        ({"devices": ("cpu", "tpu")}, "Allowed: auto, cpu"),
    ],
)
def test_requests_that_are_wrong_say_so(changes, message):
    with pytest.raises(ParalbenchError, match=message):
        Request(("fbank",), **changes)
