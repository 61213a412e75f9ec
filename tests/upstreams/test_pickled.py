"""Old checkpoints with classes in them: read as data, whatever they name."""

import argparse
import enum
import os
import pickle
from fractions import Fraction
from pathlib import Path

import pytest
import torch

from paralbench.errors import WeightsError
from paralbench.upstreams import pickled
from paralbench.upstreams.pickled import plain, read_pickled

LAYOUTS = pytest.mark.parametrize("zipped", [True, False], ids=["zip", "before zip"])


class Meter:
    """Stands for a trainer's own class; making one leaves a trace."""

    made = 0

    def __init__(self, value):
        type(self).made += 1
        self.value = value

    def __reduce__(self):
        return type(self), (self.value,), {"total": 3}


METER = f"{Meter.__module__}.{Meter.__qualname__}"


class Colour(enum.Enum):
    RED = 1


class Breaks:
    """What an attacker would write."""

    def __reduce__(self):
        return os.mkdir, ("broken",)


class Evaluates:
    def __reduce__(self):
        return eval, ("open('broken', 'w')",)


@pytest.fixture
def save(tmp_path, monkeypatch):
    """``save(content, zipped)``: the file; what a file would do, it would do in this folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(pickled.VARIABLE, raising=False)

    def write(content, zipped=True) -> Path:
        file = tmp_path / "old.pt"
        torch.save(content, file, _use_new_zipfile_serialization=zipped)
        return file

    return write


@LAYOUTS
def test_tensors_and_plain_data_need_no_leave(save, zipped):
    content = {"model": {"w": torch.arange(3.0)}, "step": 3, "names": ["a", ("b", None)]}
    given = read_pickled(save(content, zipped))
    assert torch.equal(given.pop("model")["w"], content.pop("model")["w"])
    assert given == content


@LAYOUTS
def test_a_namespace_is_read_when_it_is_allowed(save, zipped):
    arguments = argparse.Namespace(dim=512, layers=[(512, 10, 5)], inner=argparse.Namespace(x=1))
    file = save({"args": arguments, "model": {"w": torch.ones(2)}}, zipped)
    with pytest.raises(WeightsError, match=r"holds more than tensors.*argparse\.Namespace"):
        read_pickled(file)
    given = read_pickled(file, allow=pickled.NAMESPACE)
    assert not isinstance(given["args"], argparse.Namespace)
    assert plain(given["args"], where=file) == {
        "dim": 512,
        "layers": [[512, 10, 5]],
        "inner": {"x": 1},
    }
    assert torch.equal(plain(given["model"], where=file)["w"], torch.ones(2))


@LAYOUTS
def test_an_allowed_class_is_never_imported_or_called(save, zipped):
    Meter.made = 0
    file = save({"meter": Meter(5)}, zipped)
    Meter.made = 0
    given = read_pickled(file, allow=[METER])["meter"]
    assert Meter.made == 0
    assert type(given) is not Meter
    assert plain(given, where=file) == {"called_with": [5], "total": 3}


def test_an_allowed_function_is_not_run_either(save, tmp_path):
    file = save({"harmless": 1, "eval": Evaluates()})
    given = read_pickled(file, allow=["builtins.eval"])
    assert plain(given["eval"], where=file) == {"called_with": ["open('broken', 'w')"]}
    assert not (tmp_path / "broken").exists()


@LAYOUTS
@pytest.mark.parametrize("kind", [Breaks, Evaluates])
def test_code_is_refused_and_named(kind, save, zipped, tmp_path):
    with pytest.raises(WeightsError, match=r"Nothing of it was run") as refusal:
        read_pickled(save({"x": kind()}, zipped), allow=pickled.NAMESPACE)
    assert ("mkdir" if kind is Breaks else "eval") in str(refusal.value)
    assert not (tmp_path / "broken").exists()


def test_a_blocked_module_stays_blocked(save, tmp_path, monkeypatch):
    """Torch itself refuses names of the operating system, allowed or not."""
    file = save({"x": Breaks()})
    name = f"{os.mkdir.__module__}.mkdir"
    monkeypatch.setenv(pickled.VARIABLE, name)
    with pytest.raises(WeightsError, match=name) as refusal:
        read_pickled(file)
    assert not (tmp_path / "broken").exists()
    assert pickled.VARIABLE not in str(refusal.value)


def test_the_message_names_all_and_says_how_to_allow_them(save, monkeypatch):
    file = save({"one": Meter(1), "args": argparse.Namespace(a=1), "third": Fraction(1, 2)})
    with pytest.raises(WeightsError) as refusal:
        read_pickled(file)
    (setting,) = [w for w in str(refusal.value).split() if w.startswith(pickled.VARIABLE)]
    assert setting.partition("=")[2].split(",") == sorted(
        ["argparse.Namespace", "fractions.Fraction", METER]
    )
    monkeypatch.setenv(pickled.VARIABLE, setting.partition("=")[2])
    given = read_pickled(file)
    assert all(isinstance(given[name], pickled.StandIn) for name in ("one", "args", "third"))


def test_what_is_allowed_once_is_not_allowed_for_ever(save):
    file = save({"args": argparse.Namespace()})
    read_pickled(file, allow=pickled.NAMESPACE)
    with pytest.raises(WeightsError, match="refused"):
        read_pickled(file)


def test_omegaconf_without_omegaconf(save):
    omegaconf = pytest.importorskip("omegaconf", reason="omegaconf comes with s3prl")
    config = {"model": {"layers": 12, "dims": [1, 2], "name": "x", "rate": 0.5, "none": None}}
    file = save({"cfg": omegaconf.OmegaConf.create(config)})
    given = read_pickled(file, allow=pickled.OMEGACONF)
    assert not isinstance(given["cfg"], omegaconf.DictConfig)
    assert plain(given["cfg"], where=file) == config


def test_numbers_of_numpy_are_inert(save):
    import numpy as np

    file = save({"best": np.float64(1.5), "model": {"w": torch.zeros(1)}})
    given = read_pickled(file, allow=pickled.NUMPY)
    assert isinstance(given["best"], pickled.StandIn)


@LAYOUTS
@pytest.mark.parametrize("part", [0.0, 0.1, 0.5, 0.9, 0.99])
def test_a_truncated_file_is_told(part, save, zipped):
    file = save({"model": {"w": torch.randn(1000)}, "args": argparse.Namespace(a=1)}, zipped)
    whole = file.read_bytes()
    file.write_bytes(whole[: int(part * len(whole))])
    with pytest.raises(WeightsError, match=r"truncated or damaged.*fetch it again"):
        read_pickled(file, allow=pickled.NAMESPACE)


@pytest.mark.parametrize(
    "content", [b"version https://git-lfs.github.com/spec/v1\n", b"<!DOCTYPE html>", b"\0" * 99]
)
def test_no_checkpoint_at_all(content, save):
    file = save({})
    file.write_bytes(content)
    with pytest.raises(WeightsError, match="truncated or damaged"):
        read_pickled(file)


def test_a_missing_file_and_another_content(save, tmp_path):
    with pytest.raises(WeightsError, match="no such file"):
        read_pickled(tmp_path / "none.pt")
    with pytest.raises(WeightsError, match="holds a list"):
        read_pickled(save([torch.ones(1)]))


def test_a_pickle_of_pythons_own(save):
    file = save({})
    file.write_bytes(pickle.dumps({"a": Breaks()}))
    with pytest.raises(WeightsError):
        read_pickled(file)


def test_what_contains_itself_is_told(save):
    loop = argparse.Namespace()
    loop.itself = loop
    file = save({"args": loop})
    given = read_pickled(file, allow=pickled.NAMESPACE)
    with pytest.raises(WeightsError, match="contains itself"):
        plain(given["args"], where=file)
