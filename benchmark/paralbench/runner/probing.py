"""From a problem to trained probes: what they read, the folds and their draws, learning curves."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from paralbench.probes.inputs import FoldRows
from paralbench.probes.recipes import Recipe
from paralbench.probes.result import ProbeResult
from paralbench.runner.plan import Cell
from paralbench.runner.problem import Problem
from paralbench.runner.reading import Features, read_inputs
from paralbench.runner.request import Request
from paralbench.runner.sessions import Sessions
from paralbench.splits.columns import LEAKS
from paralbench.splits.develop import development
from paralbench.splits.fold import Fold
from paralbench.splits.gate import check
from paralbench.splits.subsets import subsets


@dataclass(frozen=True)
class Round:
    """The probes that were trained on one share of the training speakers.

    Attributes:
        share: of the training speakers; 1 is all of them.
        results: for each fold its results: one, or one for each layer.
    """

    share: float
    results: list[list[ProbeResult]]

    @property
    def by_layer(self) -> list[list[ProbeResult]]:
        """For each result of a fold those of all folds."""
        return [list(layer) for layer in zip(*self.results, strict=True)]


def train_rounds(
    cell: Cell,
    recipe: Recipe,
    problem: Problem,
    sessions: Sessions | None,
    features: Features | None,
    request: Request,
) -> tuple[list[Round], dict[float, str]]:
    """Train a cell's probes, on all training speakers and on the shares that were asked for.

    Returns:
        the rounds, the whole one first; and for each share that could not be drawn in every fold
        the reason.

    Raises:
        ProbeError: no probe can be trained on this.
        LeakageError: train, development and test share what they must not.
        SplitError: no development utterances can be drawn.
    """
    from paralbench.probes.settings import Settings
    from paralbench.probes.train import train_folds

    seeds = range(recipe.n_seeds if request.seeds is None else request.seeds)
    chooses = recipe.selects and problem.fixed is None
    found = [(1.0, problem.folds)]
    skipped: dict[float, str] = {}
    if recipe.curves:
        shares, skipped = _shares(problem, request, recipe.development_share if chooses else None)
        found += shares
    rows = [
        _rows(problem, fold, index, recipe, request, seeds if chooses else range(0))
        for _, folds in found
        for index, fold in enumerate(folds)
    ]
    results = iter(
        train_folds(
            recipe,
            read_inputs(cell, recipe, problem, sessions, features),
            problem.target(),
            rows,
            metric=problem.card.metrics[0],
            seeds=tuple(seeds),
            fixed=problem.fixed,
            settings=Settings(
                device=request.device,
                workers=request.threads if request.device == "cpu" else None,
                grams=None if features is None else features.grams,
            ),
        )
    )
    rounds = [Round(share, [next(results) for _ in folds]) for share, folds in found]
    return rounds, skipped


def _shares(
    problem: Problem, request: Request, development_share: float | None
) -> tuple[list[tuple[float, list[Fold]]], dict[float, str]]:
    """Folds whose training part is a share of the whole, and why a share has none."""
    wanted = sorted({share for share in request.train_shares if share < 1})
    if not wanted:
        return [], {}
    skipped: dict[float, str] = {}
    drawn: dict[float, list[Fold]] = {share: [] for share in wanted}
    for index, fold in enumerate(problem.folds):
        # A draw of its own for each fold, as for development parts.
        parts = subsets(
            problem.frame,
            fold,
            "target",
            wanted,
            request.seed * len(problem.folds) + index,
            problem.leaks,
            development_share,
        )
        for part in parts:
            if part.rows is None:
                skipped.setdefault(part.share, f"fold {fold.name}: {part.reason}")
            else:
                name = f"{fold.name}, {part.share:g} of the speakers"
                drawn[part.share].append(Fold(name, part.rows, fold.test, fold.development))
    return [(share, drawn[share]) for share in wanted if share not in skipped], skipped


def _rows(
    problem: Problem, fold: Fold, index: int, recipe: Recipe, request: Request, seeds: range
) -> FoldRows:
    draw = _drawer(problem, fold, index, recipe, request)
    return FoldRows(fold.name, fold.train, fold.test, tuple(draw(seed) for seed in seeds))


def _drawer(
    problem: Problem, fold: Fold, index: int, recipe: Recipe, request: Request
) -> Callable[[int], tuple[np.ndarray, np.ndarray]]:
    """Given a seed, what to fit on and what to choose by; both pass the gate."""
    allow = LEAKS if request.allow_leakage else problem.leaks

    def draw(seed: int) -> tuple[np.ndarray, np.ndarray]:
        if fold.development is not None:
            return fold.train, fold.development
        # Another draw for each fold; with one for all, folds tend to choose by the same speakers.
        number = seed * len(problem.folds) + index
        fit, chosen = development(
            problem.frame,
            fold.train,
            "target",
            recipe.development_share,
            number,
            allow=problem.leaks,
        )
        check(problem.frame, Fold(f"{fold.name}, seed {seed}", fit, fold.test, chosen), allow)
        return fit, chosen

    return draw
