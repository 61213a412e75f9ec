"""Counters of energy, read from made-up ones of the processors and a made-up NVML."""

import sys
import time
from types import ModuleType, SimpleNamespace

import pytest
import torch

from paralbench.features.energy import EnergyMeter, find_counter

LARGEST = 262_143_328_850  # microjoules, as Intel's counters start over


@pytest.fixture
def rapl(tmp_path):
    """Two processors, a part of one, and the whole machine; ``say(id, microjoules)``."""
    for id, name in (
        ("intel-rapl:0", "package-0"),
        ("intel-rapl:0:0", "core"),
        ("intel-rapl:1", "package-1"),
        ("intel-rapl:2", "psys"),
    ):
        folder = tmp_path / id
        folder.mkdir()
        (folder / "name").write_text(f"{name}\n")
        (folder / "max_energy_range_uj").write_text(f"{LARGEST}\n")
        (folder / "energy_uj").write_text("1000000\n")

    def say(id, microjoules):
        (tmp_path / f"intel-rapl:{id}" / "energy_uj").write_text(f"{microjoules}\n")

    return SimpleNamespace(folder=tmp_path, say=say)


def test_processors_are_added_and_their_parts_are_not(rapl):
    with EnergyMeter("cpu", rapl=rapl.folder) as meter:
        rapl.say(0, 1_000_000 + 2_500_000)
        rapl.say("0:0", 90_000_000)
        rapl.say(1, 1_000_000 + 500_000)
        rapl.say(2, 70_000_000)
    assert meter.joules == pytest.approx(3.0)


def test_a_counter_that_starts_over_is_understood(rapl):
    rapl.say(0, LARGEST - 999_999)
    with EnergyMeter("cpu", rapl=rapl.folder) as meter:
        rapl.say(0, 2_000_000)
    assert meter.joules == pytest.approx(3.0)


def test_long_work_is_read_on_the_way(rapl, monkeypatch):
    """A counter may start over twice in a long block; it is read before it can."""
    monkeypatch.setattr("paralbench.features.energy._READ_EVERY", 0.01)
    seen = []

    def advance():
        seen.append(1)
        return 1.5

    meter = EnergyMeter("cpu", rapl=rapl.folder)
    meter._counter.advance = advance
    with meter:
        until = time.monotonic() + 20
        while len(seen) < 4 and time.monotonic() < until:
            time.sleep(0.005)
    assert len(seen) >= 4
    assert meter.joules == pytest.approx(1.5 * (len(seen) - 1))  # the first one starts


def test_closed_or_absent_counters_give_no_figure(rapl, tmp_path):
    with EnergyMeter("cpu", rapl=tmp_path / "nothing") as meter:
        pass
    assert meter.joules is None
    (rapl.folder / "intel-rapl:1" / "energy_uj").unlink()
    assert find_counter("cpu", rapl=rapl.folder) is None
    assert find_counter("mps") is None


def test_a_counter_that_is_lost_on_the_way_gives_no_figure(rapl):
    with EnergyMeter("cpu", rapl=rapl.folder) as meter:
        rapl.say(0, "")
    assert meter.joules is None


class NvmlError(Exception):
    pass


@pytest.fixture
def nvml(monkeypatch):
    """A GPU with the UUID ``abc``, whose counter gives each of ``readings`` in turn."""
    module = ModuleType("pynvml")
    module.readings, module.NVMLError = [], NvmlError

    def energy(handle):
        assert handle == "handle of GPU-abc"
        if not module.readings:
            raise NvmlError("not supported")
        return module.readings.pop(0)

    module.nvmlInit = lambda: None
    module.nvmlDeviceGetHandleByUUID = lambda uuid: f"handle of {uuid}"
    module.nvmlDeviceGetTotalEnergyConsumption = energy
    monkeypatch.setitem(sys.modules, "pynvml", module)
    properties = SimpleNamespace(uuid="abc")
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _device: properties)
    return module


def test_a_gpus_millijoules_are_counted(nvml):
    nvml.readings[:] = [1_000, 5_000, 12_500]  # found, entered, left
    with EnergyMeter("cuda:0") as meter:
        pass
    assert meter.joules == pytest.approx(7.5)


def test_a_gpu_without_a_counter_gives_no_figure(nvml):
    assert find_counter("cuda:0") is None
    nvml.readings[:] = [1_000, 2_000]
    with EnergyMeter("cuda:0") as meter:
        pass
    assert meter.joules is None


def test_without_the_package_a_gpu_gives_no_figure(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert find_counter("cuda:0") is None
