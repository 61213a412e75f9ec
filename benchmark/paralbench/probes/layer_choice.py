"""Probes on one layer: the layer and one hyper-parameter are chosen on development utterances."""

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from threadpoolctl import threadpool_limits

from paralbench.errors import ProbeError
from paralbench.metrics import METRICS, Metric
from paralbench.probes.inputs import FoldRows, Index, Inputs
from paralbench.probes.on_disk import Floats32, OnDisk
from paralbench.probes.result import CHOSEN, MIX, Choice, ProbeResult
from paralbench.probes.scores_on_development import best, scores
from paralbench.probes.settings import Settings
from paralbench.probes.target import Target

Floats = npt.NDArray[np.float64]
Given = TypeVar("Given")
Found = TypeVar("Found")

# A dimension whose spread is below this share of its mean is constant but for rounding.
ROUNDING = 1e-6
_BLOCK = 1 << 26  # numbers whose mean and deviation are taken at once


@dataclass(frozen=True)
class Outputs:
    """What the probes of several points say of the same utterances.

    Attributes:
        values: ``(points, n, n_outputs)``, as :meth:`Method.losses` and
            :meth:`Method.probabilities` take them; minus infinity for a class that training lacks.
        prediction: ``(points, n)``, class indices or numbers.
        notes: what is to be said of each point; mostly empty.
    """

    values: Floats
    prediction: npt.NDArray[np.int64] | Floats
    notes: tuple[str, ...]


class Layer(Protocol):
    """One layer's features, ready to be trained on."""

    def outputs(
        self, fit: Index, whole: Index, rows: Index, points: Sequence[float], seed: int
    ) -> Outputs:
        """What probes trained on ``fit``, a part of ``whole``, say of the utterances ``rows``."""
        ...


class Method(ABC):
    """A kind of probe on one layer, with one hyper-parameter.

    Attributes:
        points: values of the hyper-parameter to choose from.
        fixed: the one that is used where nothing is chosen.
        word: what it is called in the tables.
        seeded: whether the seed matters beyond its draw of development utterances.
    """

    word: str
    seeded: bool = False

    def __init__(
        self,
        inputs: Inputs,
        target: Target,
        settings: Settings,
        points: Sequence[float],
        fixed: float,
    ) -> None:
        self.inputs, self.target, self.settings = inputs, target, settings
        self.points, self.fixed = tuple(points), fixed

    @abstractmethod
    def open(self, layer: int, wholes: Sequence[Index]) -> Layer:
        """A layer; whatever is trained on it is trained on parts of ``wholes``."""

    @abstractmethod
    def losses(self, values: Floats, truth: npt.NDArray[np.int64] | Floats) -> Floats:
        """The loss of each point and utterance ``(points, n)``; every truth occurs in training."""

    def probabilities(self, values: Floats) -> Floats | None:
        """Class probabilities ``(points, n, n_classes)``; None where the probe gives none."""
        return None

    def features(self, layer: int) -> Floats | Floats32:
        """A copy of the features of all utterances on one layer, ``(n, dim)``.

        In double precision, but single where they are so many that they are on the disk.
        """
        mean = self.inputs.mean
        return mean[:, layer] if isinstance(mean, OnDisk) else mean[:, layer].astype(np.float64)

    def workers(self, wholes: Sequence[Index]) -> int:
        """How many layers are worked on at the same time, as memory allows.

        Beside a layer there are its largest part in double precision, its training utterances
        standardised, and what solves or compares them, about as much again.
        """
        n, _, dim = self.inputs.mean.shape
        width = 4 if isinstance(self.inputs.mean, OnDisk) else 8
        each = dim * (width * n + 3 * 8 * max(len(whole) for whole in wholes))
        wanted = self.settings.workers or os.cpu_count() or 1
        return int(np.clip(self.settings.held // each, 1, wanted))

    def to_outputs(self, values: Floats, fit: Index, notes: Sequence[str] = ()) -> Outputs:
        """Outputs from values ``(points, n, classes in fit)``, or of numbers ``(points, n, 1)``."""
        said = tuple(notes) or ("",) * len(values)
        if self.target.kind == "regression":
            return Outputs(values, values[:, :, 0], said)
        every = np.full((*values.shape[:2], self.target.n_classes), -np.inf)
        every[:, :, np.unique(self.target.values[fit]).astype(np.int64)] = values
        return Outputs(every, every.argmax(axis=2), said)


def standardisation(x: Floats | Floats32, rows: Index) -> tuple[Floats, Floats]:
    """Mean and 1 / deviation of each dimension of some rows of ``(n, dim)``; 0 for a constant one.

    Nothing can be learned of a constant dimension, and at test it may be anything.
    """
    size = max(2, _BLOCK // max(1, len(rows)))  # dimensions at once
    mean, deviation = np.empty(x.shape[1]), np.empty(x.shape[1])
    for start in range(0, x.shape[1], size):
        some = slice(start, start + size)
        part = x[:, some][rows].astype(np.float64, copy=False)
        mean[some], deviation[some] = part.mean(axis=0), part.std(axis=0)
    varies = deviation > ROUNDING * np.abs(mean)
    return mean, np.divide(1.0, deviation, out=np.zeros_like(mean), where=varies)


def standardised(x: Floats | Floats32, rows: Index, mean: Floats, scale: Floats) -> Floats:
    """Some rows of ``(n, dim)`` with these means and deviations, in double precision."""
    found = x[rows].astype(np.float64, copy=False)  # a copy in any case, by the rows
    found -= mean
    found *= scale
    return found


@dataclass(frozen=True)
class _Pick:
    """The layer and the point of one probe, and its score on development."""

    layer: int
    point: float
    score: float | None = None


@dataclass(frozen=True)
class _Tested:
    """What one probe says of the test utterances; see :class:`Outputs`."""

    prediction: npt.NDArray[Any]
    probability: Floats | None
    note: str


def choose_and_test(
    method: Method,
    folds: Sequence[FoldRows],
    *,
    metric: str,
    seeds: Sequence[int],
    fixed: bool,
) -> list[list[ProbeResult]]:
    """Choose layer and point for each fold and seed, train on all of train, predict test.

    Where nothing is to be chosen, it is the middle layer and the method's fixed point.

    Raises:
        ProbeError: the metric is undefined on a fold's development utterances, or a part cannot be
            trained on; the message names the fold.
    """
    if fixed:
        middle = _Pick(method.inputs.layers // 2, method.fixed)
        picks = [[middle] * len(seeds) for _ in folds]
    else:
        picks = _choose(method, folds, METRICS[metric], seeds)
    tested = _test(method, folds, picks, seeds)
    return [
        [_result(method, fold, seeds, chosen, found, fixed)]
        for fold, chosen, found in zip(folds, picks, tested, strict=True)
    ]


def _choose(
    method: Method, folds: Sequence[FoldRows], metric: Metric, seeds: Sequence[int]
) -> list[list[_Pick]]:
    """The choices of each fold and seed."""
    wholes = [fold.train for fold in folds]
    workers = method.workers(wholes)
    within = workers if method.inputs.layers == 1 else None

    def scored(layer: int) -> list[tuple[Floats, Floats, Floats]]:
        opened = method.open(layer, wholes)
        one = partial(_on_development, method, opened, metric=metric, seeds=seeds)
        return _each(one, folds, method.settings, within)

    by_layer = _each(scored, range(method.inputs.layers), method.settings, workers)
    sign = 1.0 if metric.higher_is_better else -1.0
    picks = []
    for number, fold in enumerate(folds):
        # (seeds, layers, points)
        score, error, loss = (
            np.stack([found[number][kind] for found in by_layer], axis=1) for kind in range(3)
        )
        picks.append([])
        for column in range(len(seeds)):
            with _naming(fold):
                layer, point = best(score[column], error[column], loss[column], metric)
            value = float(sign * score[column, layer, point])
            picks[-1].append(_Pick(layer, method.points[point], value))
    return picks


def _on_development(
    method: Method, layer: Layer, fold: FoldRows, *, metric: Metric, seeds: Sequence[int]
) -> tuple[Floats, Floats, Floats]:
    """Score, its standard error, and loss of each seed and point, ``(seeds, points)``."""
    target = method.target
    known: dict[tuple[bytes, bytes, int], tuple[Floats, Floats, Floats]] = {}
    rows = []
    for seed, (fit, development) in zip(seeds, fold.draws, strict=True):
        # Of few speakers, several seeds draw the same.
        key = (fit.tobytes(), development.tobytes(), seed if method.seeded else 0)
        if key not in known:
            with _naming(fold):
                found = layer.outputs(fit, fold.train, development, method.points, seed)
            score, error = scores(metric, target, development, found.prediction)
            known[key] = score, error, _loss(method, found.values, fit, development)
        rows.append(known[key])
    score, error, loss = (np.stack(kind) for kind in zip(*rows, strict=True))
    return score, error, loss


def _loss(method: Method, values: Floats, fit: Index, development: Index) -> Floats:
    """The mean loss of each point, ``(points,)``; each class has the same say."""
    target = method.target
    truth = target.values[development]
    if target.kind == "regression":
        return method.losses(values, truth).mean(axis=1)
    # Balanced by the development utterances' own classes, as the metrics of this field are. No
    # point can tell a class that the fitting part lacks, and its loss would hide their differences.
    known = np.isin(truth, target.values[fit])
    weights = target.class_weights(development)[truth[known].astype(np.int64)]
    return (method.losses(values[:, known], truth[known]) * weights).sum(axis=1) / len(truth)


def _test(
    method: Method,
    folds: Sequence[FoldRows],
    picks: Sequence[Sequence[_Pick]],
    seeds: Sequence[int],
) -> list[list[_Tested]]:
    """What the chosen probe of each fold and seed says of the test utterances."""
    workers = method.workers([fold.train for fold in folds])
    within = workers if method.inputs.layers == 1 else None

    def tested(layer: int) -> dict[tuple[int, int], _Tested]:
        used = [n for n, row in enumerate(picks) if any(pick.layer == layer for pick in row)]
        opened = method.open(layer, [folds[number].train for number in used])

        def of_fold(number: int) -> dict[tuple[int, int], _Tested]:
            found = _of_fold(method, opened, layer, folds[number], picks[number], seeds)
            return {(number, column): one for column, one in found.items()}

        found = _each(of_fold, used, method.settings, within)
        return {at: one for part in found for at, one in part.items()}

    layers = sorted({pick.layer for row in picks for pick in row})
    parts = _each(tested, layers, method.settings, workers)
    found = {at: one for part in parts for at, one in part.items()}
    return [[found[number, column] for column in range(len(seeds))] for number in range(len(folds))]


def _of_fold(
    method: Method,
    opened: Layer,
    layer: int,
    fold: FoldRows,
    picks: Sequence[_Pick],
    seeds: Sequence[int],
) -> dict[int, _Tested]:
    """What the probes of a fold that are on one layer say, by the position of their seed."""
    columns = [column for column, pick in enumerate(picks) if pick.layer == layer]
    # Seeds that do not matter share their probes.
    groups = [[column] for column in columns] if method.seeded else [columns]
    found = {}
    for group in groups:
        points = sorted({picks[column].point for column in group})
        with _naming(fold):
            outputs = opened.outputs(fold.train, fold.train, fold.test, points, seeds[group[0]])
        probability = method.probabilities(outputs.values)
        for column in group:
            row = points.index(picks[column].point)
            found[column] = _Tested(
                outputs.prediction[row],
                None if probability is None else probability[row],
                outputs.notes[row],
            )
    return found


def _result(
    method: Method,
    fold: FoldRows,
    seeds: Sequence[int],
    picks: Sequence[_Pick],
    tested: Sequence[_Tested],
    fixed: bool,
) -> ProbeResult:
    given = [one.probability for one in tested if one.probability is not None]
    return ProbeResult(
        layer=CHOSEN if method.inputs.layers > 1 else MIX,
        selection="fixed" if fixed else "development",
        seeds=tuple(seeds),
        prediction=np.stack([one.prediction for one in tested]),
        probability=np.stack(given) if given else None,
        choices=tuple(
            Choice(
                score=pick.score,
                layer=pick.layer,
                setting=f"{method.word} {pick.point:g}{one.note}",
            )
            for pick, one in zip(picks, tested, strict=True)
        ),
        layer_weights=np.ones((len(seeds), 1)),
        n_train=len(fold.train),
    )


@contextmanager
def _naming(fold: FoldRows) -> Iterator[None]:
    """Errors name the fold."""
    try:
        yield
    except ProbeError as problem:
        raise ProbeError(f"fold {fold.name!r}: {problem}") from None


def _each(
    work: Callable[[Given], Found],
    items: Sequence[Given],
    settings: Settings,
    workers: int | None,
) -> list[Found]:
    """The work on each item, so many at the same time; with None as part of other work.

    Each has one thread, so that results do not depend on how many cores a machine has.
    """
    if settings.device != "cpu" or workers is None:
        return [work(item) for item in items]
    before = torch.get_num_threads()
    try:
        # A pool even of one: torch keeps the number of threads by thread.
        with (
            threadpool_limits(1, user_api="blas"),
            ThreadPoolExecutor(
                min(workers, len(items)), initializer=torch.set_num_threads, initargs=(1,)
            ) as pool,
        ):
            return list(pool.map(work, items))
    finally:
        torch.set_num_threads(before)
