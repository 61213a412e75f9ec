"""The probe grid, batched and as a plain loop, on made-up statistics of true size.

It runs on the CPU and on a GPU alike: ``python -m tests.performance.grid mix 256 cpu`` prints what
it measured as JSON.
"""

import json
import resource
import sys
import time
from dataclasses import replace

import numpy as np
import torch

from paralbench.probes.batches import Batches, initial_weights
from paralbench.probes.engine import MIX_EPSILON
from paralbench.probes.heads import INITIAL_SCALE
from paralbench.probes.inputs import FoldRows, Inputs
from paralbench.probes.jobs import Job
from paralbench.probes.recipes import RECIPES
from paralbench.probes.settings import Settings
from paralbench.probes.target import Target
from paralbench.probes.train import train_folds

RATES = (0.3, 1.0, 3.0, 5.0, 10.0, 20.0, 30.0)
DECAYS = (1e-4, 1e-2)
CLASSES, SPEAKERS = 4, 50


def made_up(n, layers, dim, folds, seeds):
    """Statistics, labels and folds with development speakers of their own."""
    random = np.random.default_rng(0)
    mean = random.standard_normal((n, layers, dim), dtype=np.float32)
    labels = random.integers(0, CLASSES, n)
    speakers = np.arange(n) % SPEAKERS
    rows = []
    for fold in range(folds):
        tested = speakers % folds == fold
        train = np.flatnonzero(~tested)
        others = np.unique(speakers[train])
        draws = []
        for _ in range(seeds):
            chosen = np.isin(speakers[train], random.choice(others, SPEAKERS // 6, replace=False))
            draws.append((train[~chosen], train[chosen]))
        rows.append(FoldRows(str(fold), train, np.flatnonzero(tested), tuple(draws)))
    return Inputs(mean), Target.of_classes(labels, CLASSES), rows


def recipe_of(kind, steps):
    """The recipe of a kind of grid with one checkpoint: every probe takes all steps."""
    name = {"mix": "paralbench", "layers": "layers"}[kind]
    return replace(
        RECIPES[name],
        learning_rates=RATES,
        weight_decays=DECAYS,
        checkpoints=(steps,),
        patience=None,
    )


def batched(kind, steps, inputs, target, folds, seeds, device="cpu"):
    """Seconds for the whole grid: training, development scores, choice, refit, test."""
    started = time.perf_counter()
    results = train_folds(
        recipe_of(kind, steps),
        inputs,
        target,
        folds,
        metric="uar",
        seeds=tuple(range(seeds)),
        settings=Settings(device=device),
    )
    assert len(results) == len(folds)
    return time.perf_counter() - started


def plain_loop(kind, steps, inputs, target, folds, count, device="cpu"):
    """Seconds per probe of a loop over single probes as one writes it with torch.

    The statistics are standardised once per training set, which is not counted; nothing is scored.
    """
    recipe = recipe_of(kind, steps)
    rows, _ = folds[0].draws[0]
    given = torch.from_numpy(inputs.mean)
    if kind == "layers":
        given = given[:, :1]
    x = (given - given[rows].mean(0)) / given[rows].std(0) / given.shape[2] ** 0.5
    x = x.contiguous().to(device)
    truth = torch.from_numpy(target.values).to(device)
    weights = torch.from_numpy(target.class_weights(rows)).float().to(device)
    started = time.perf_counter()
    for number in range(count):
        rate, decay = recipe.points[number % len(recipe.points)]
        weight = initial_weights(number, given.shape[2], CLASSES, INITIAL_SCALE).float().to(device)
        bias = torch.zeros(CLASSES, device=device)
        mix = torch.zeros(given.shape[1], device=device)
        parameters = [weight, bias] + ([mix] if kind == "mix" else [])
        for one in parameters:
            one.requires_grad_()
        groups = [{"params": [weight], "weight_decay": decay}, {"params": [bias]}]
        if kind == "mix":
            groups.append({"params": [mix], "lr": recipe.mix_rate, "eps": MIX_EPSILON})
        optimizer = torch.optim.AdamW(groups, lr=rate, eps=recipe.epsilon, weight_decay=0.0)
        batches = Batches(Job(rows, number), recipe.batch_size)
        for _ in range(steps):
            batch = torch.from_numpy(batches.next()).to(device)
            features = x[batch]
            if kind == "mix":
                features = torch.einsum("nld,l->nd", features, mix.softmax(0))
            else:
                features = features[:, 0]
            loss = torch.nn.functional.cross_entropy(
                features @ weight + bias, truth[batch], reduction="none"
            )
            loss = (loss * weights[truth[batch]]).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    if device != "cpu":
        torch.cuda.synchronize()
    return (time.perf_counter() - started) / count


def products(kind, steps, inputs, jobs, device="cpu"):
    """Seconds that the grid's matrix products alone take: what no batching can go below.

    Per job and step one product forward and one for the gradient, all points at once.
    """
    batch, layers, dim = recipe_of(kind, 1).batch_size, inputs.layers, inputs.dim
    layers = layers if kind == "mix" else 1
    x = torch.randn(batch * layers, dim, device=device)
    w = torch.randn(dim, len(RATES) * len(DECAYS) * CLASSES, device=device)
    g = torch.randn(batch * layers, w.shape[1], device=device)
    for _ in range(3):
        x @ w, x.T @ g
    repeats = 200
    if device != "cpu":
        torch.cuda.synchronize()
    started = time.perf_counter()
    for _ in range(repeats):
        x @ w
        x.T @ g
    if device != "cpu":
        torch.cuda.synchronize()
    return (time.perf_counter() - started) / repeats * jobs * steps


def measure(kind, steps, device="cpu", n=5_500, layers=13, dim=768, folds=5, seeds=3, loop=6):
    """Everything about one grid, as plain data."""
    inputs, target, rows = made_up(n, layers, dim, folds, seeds)
    jobs = folds * seeds * (layers if kind == "layers" else 1)
    probes = jobs * len(RATES) * len(DECAYS)
    ours = batched(kind, steps, inputs, target, rows, seeds, device)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    if device != "cpu":
        peak = torch.cuda.max_memory_allocated()
    each = 0.0
    if loop:
        # Small products may be quicker on one thread: the loop has the better of both.
        times = []
        for threads in {1, torch.get_num_threads()}:
            torch.set_num_threads(threads)
            times.append(plain_loop(kind, steps, inputs, target, rows, loop, device))
        each = min(times)
    return {
        "probes": probes,
        "steps": steps,
        "ours": ours,
        "loop": each * probes,
        "products": products(kind, steps, inputs, jobs, device),
        "peak": peak,
    }


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], int(sys.argv[2]), *sys.argv[3:4])))
