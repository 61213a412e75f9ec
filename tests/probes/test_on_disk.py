"""Means on the disk: read as an array is, gone with the process, and results equal to the bit."""

import gc
import os
import shutil
import tempfile
from collections import namedtuple
from dataclasses import replace

import numpy as np
import pytest
import torch

from paralbench.errors import StoreError
from paralbench.probes import jobs, layer_choice
from paralbench.probes.inputs import FoldRows, Inputs
from paralbench.probes.jobs import Streamed, standards
from paralbench.probes.layer_choice import standardisation
from paralbench.probes.on_disk import InShards, Order, Scratch
from paralbench.probes.recipes import RECIPES, Classical, Trained
from paralbench.probes.settings import Settings
from paralbench.probes.target import Target
from paralbench.probes.train import train_folds

ORDERS = ["utterances", "layers"]
POSITIONS = [[3, 4, 5, 1, 19, 0, 0], [], [7]]


def put_aside(mean, folder, order: Order = "utterances"):
    """The same means on the disk, written in parts."""
    found = Scratch(folder, mean.shape, order)
    for start in range(0, len(mean), 7):
        found[start : start + 7] = mean[start : start + 7]
    return found


@pytest.fixture
def mean():
    return np.random.default_rng(0).normal(size=(20, 3, 5)).astype(np.float32)


def check_reading(found, mean):
    for rows in [slice(None), slice(4, 11), slice(30, 40), *map(np.array, POSITIONS)]:
        rows = rows if isinstance(rows, slice) else rows.astype(np.int64)
        np.testing.assert_array_equal(found[rows], mean[rows])
        np.testing.assert_array_equal(found[rows, 1], mean[rows, 1])
        np.testing.assert_array_equal(found[rows, 1:], mean[rows, 1:])


@pytest.mark.parametrize("order", ORDERS)
def test_it_is_read_as_an_array_is(mean, order, tmp_path):
    found = put_aside(mean, tmp_path, order)
    assert (len(found), found.shape) == (20, (20, 3, 5))
    check_reading(found, mean)


def test_it_is_read_from_the_files_of_a_store(mean, tmp_path):
    of, order = np.arange(20) % 2, np.random.default_rng(1).permutation(10)
    for number in range(2):
        part = mean[number::2][order]
        (tmp_path / str(number)).write_bytes(b"header" + part.tobytes())
    start = 6 + 4 * 3 * 5 * np.argsort(order).repeat(2)
    files = [tmp_path / "0", tmp_path / "1"]
    found = InShards(files, of, start, mean.shape)
    for file in files:  # merged into another, say
        file.unlink()
    check_reading(found, mean)
    with pytest.raises(StoreError, match="cannot open"):
        InShards(files, of, start, mean.shape)


@pytest.mark.parametrize("order", ORDERS)
def test_a_layer_is_written_in_place(mean, order, tmp_path):
    found = put_aside(mean, tmp_path, order)
    found[:, 1] = 2 * mean[:, 1]
    wanted = mean.copy()
    wanted[:, 1] *= 2
    np.testing.assert_array_equal(found[:], wanted)


@pytest.mark.parametrize("rows", [slice(None, None, 2), np.array([20]), np.array([-1])])
def test_rows_that_are_not_there_are_refused(mean, rows, tmp_path):
    with pytest.raises(IndexError):
        put_aside(mean, tmp_path)[rows]


def test_the_file_has_no_name_and_goes_with_the_means(mean, tmp_path):
    found = put_aside(mean, tmp_path)
    descriptor = found._descriptor
    assert list(tmp_path.iterdir()) == []
    assert os.fstat(descriptor).st_size == mean.nbytes
    del found
    gc.collect()
    with pytest.raises(OSError, match="descriptor"):
        os.fstat(descriptor)


def test_a_disk_without_room_is_told_before_anything_is_written(monkeypatch, tmp_path):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10, 10, 2**30))
    with pytest.raises(StoreError, match=r"265,000 utterances need 25\.3 GiB .* 1\.0 GiB are free"):
        Scratch(tmp_path, (265_000, 25, 1024), "layers")


def test_beside_a_store_of_others_it_is_with_the_temporary_files(mean, monkeypatch, tmp_path):
    monkeypatch.setattr(os, "access", lambda *_: False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    found = put_aside(mean, tmp_path / "theirs")
    assert found.folder == tmp_path
    np.testing.assert_array_equal(found[:], mean)


def test_what_is_not_finite_is_known_without_reading(mean, tmp_path):
    mean[4, 2, 0], mean[11, 0, 3] = np.nan, np.inf
    found = put_aside(mean, tmp_path)
    assert np.flatnonzero(~found.finite).tolist() == [4, 11]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("read", [1, 1 << 30])
def test_standards_are_the_means_of_the_sets_whatever_the_blocks(
    order, read, monkeypatch, tmp_path
):
    rng = np.random.default_rng(0)
    mean = (5 + 3 * rng.normal(size=(300, 3, 4))).astype(np.float32)
    sets = [np.arange(0, 200), np.arange(150, 300, 2)]
    whole = standards(torch.from_numpy(mean), sets)
    monkeypatch.setattr(jobs, "_BLOCK", 64)
    monkeypatch.setattr(jobs, "_READ", read)
    blocks = standards(torch.from_numpy(mean), sets)
    on_disk = Streamed(put_aside(mean, tmp_path, order), torch.device("cpu"), torch.float32)
    streamed = standards(on_disk, sets)
    for rows in sets:
        exact = mean[rows].astype(np.float64)
        wanted = exact.mean(0), 1 / exact.std(0)
        for found in (whole, blocks):
            for one, other in zip(found[rows.tobytes()], wanted, strict=True):
                np.testing.assert_allclose(one, other, rtol=2e-7)
        for one, other in zip(streamed[rows.tobytes()], blocks[rows.tobytes()], strict=True):
            assert torch.equal(one, other)


def test_the_standardisation_of_a_layer_does_not_depend_on_the_blocks(monkeypatch):
    x = np.random.default_rng(0).normal(2, 3, size=(500, 64))
    rows = np.arange(0, 500, 3)
    whole = standardisation(x, rows)
    np.testing.assert_array_equal(whole[0], x[rows].mean(0))
    np.testing.assert_array_equal(whole[1], 1 / x[rows].std(0))
    monkeypatch.setattr(layer_choice, "_BLOCK", 1000)
    for one, other in zip(whole, standardisation(x, rows), strict=True):
        np.testing.assert_array_equal(one, other)


def quick(name):
    """The recipe with fewer steps."""
    recipe = RECIPES[name]
    if isinstance(recipe, Classical):
        return replace(recipe, costs=recipe.costs[:2])
    if not isinstance(recipe, Trained):
        return recipe
    recipe = replace(recipe, checkpoints=(8, 16, 32), hidden=min(recipe.hidden, 8))
    return recipe if recipe.refit else replace(recipe, learning_rates=(1e-2,), fixed_steps=32)


@pytest.mark.parametrize(
    "name",
    ["paralbench", "layers", "superb", "ridge", "lda", "logistic", "knn", "few-shot-4"],
)
def test_results_are_those_in_memory_to_the_bit(corpus, name, tmp_path):
    """With a byte for layers, one at a time is held."""
    one = corpus(layers=3, signal=0.4, clips=8)
    recipe = quick(name)
    seeds = tuple(range(2))
    draws = tuple(one.draw(seed) for seed in seeds) if recipe.selects else ()
    fold = FoldRows("f", one.train, one.test, draws)

    def run(target, metric, mean, held):
        settings = Settings(held=held)
        (found,) = train_folds(
            recipe, Inputs(mean), target, [fold], metric=metric, seeds=seeds, settings=settings
        )
        return found

    targets = [(one.target, "uar")]
    if "regression" in recipe.targets:
        numbers = np.random.default_rng(0).normal(size=len(one.labels))
        targets.append((Target.of_numbers(numbers, -9, 9), "ccc"))
    order = "layers" if recipe.by_layer else "utterances"
    for target, metric in targets:
        expected = run(target, metric, one.features, 4 << 30)
        found = run(target, metric, put_aside(one.features, tmp_path, order), 1)
        for got, wanted in zip(found, expected, strict=True):
            assert got.choices == wanted.choices
            assert got.layer == wanted.layer
            np.testing.assert_array_equal(got.prediction, wanted.prediction)
            np.testing.assert_array_equal(got.layer_weights, wanted.layer_weights)
            if wanted.probability is not None:
                np.testing.assert_array_equal(got.probability, wanted.probability)
