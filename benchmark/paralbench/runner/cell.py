"""One cell: features, folds, the leakage gate, probes, scores, and the tables of it all."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from paralbench import __version__
from paralbench.cards import Catalogue
from paralbench.errors import ParalbenchError, ProbeError
from paralbench.probes.recipes import Recipe, get_recipe
from paralbench.probes.result import ProbeResult
from paralbench.runner import facts
from paralbench.runner.curves import extrapolation_frame
from paralbench.runner.keys import cards_digest, cell_name, rows_digest
from paralbench.runner.outcome import Outcome
from paralbench.runner.plan import Cell
from paralbench.runner.probing import Round, train_rounds
from paralbench.runner.problem import Problem
from paralbench.runner.reading import Features
from paralbench.runner.request import Request
from paralbench.runner.scoring import join_tables, tables_of
from paralbench.runner.sessions import by_session
from paralbench.runner.shared_training import SharedTraining
from paralbench.runner.timings import timings
from paralbench.runner.transfer_drops import with_normalised
from paralbench.splits.columns import LEAKS
from paralbench.splits.fold import Fold
from paralbench.splits.gate import check
from paralbench.tables import TABLES
from paralbench.tables.slots import NO_UPSTREAM

if TYPE_CHECKING:
    from paralbench.features.extract import ExtractionReport
    from paralbench.features.store import FeatureSpace
    from paralbench.probes.gram import GramCache
    from paralbench.runner.upstream import Upstream


@dataclass(frozen=True)
class Context:
    """What the cells of one upstream share.

    Attributes:
        catalogue: the cards.
        request: the run.
        upstream: None for the floors.
        space: its features.
        shared: trains what several of its cells train alike.
        grams: sums over utterances, kept between its cells.
        report: what extracting them took in this run; None if the cell did not pay for it.
    """

    catalogue: Catalogue
    request: Request
    upstream: "Upstream | None"
    space: "FeatureSpace | None"
    shared: SharedTraining
    grams: "GramCache | None" = None
    report: "ExtractionReport | None" = None


def cell_key(
    cell: Cell,
    problem: Problem | ParalbenchError,
    request: Request,
    catalogue: Catalogue,
    description: Mapping[str, Any] | None,
) -> str:
    """The cell's name, ending in the digest of all that its scores depend on."""
    recipe = get_recipe(cell.recipe)
    parts: dict[str, Any] = {
        "recipe": recipe.content(),
        "seeds": request.seeds,
        "seed": request.seed,
        "allow_leakage": request.allow_leakage,
        "features": description,
    }
    if recipe.curves:
        parts["train_shares"] = sorted(request.train_shares)
    if recipe.reads == "frames":
        parts["frames_layer"] = request.frames_layer
    if cell.upstream != NO_UPSTREAM and cell.upstream in catalogue.upstreams:
        parts["contaminated_by"] = catalogue.upstreams.get(cell.upstream).contaminated_by
    if isinstance(problem, ParalbenchError):
        parts["problem"] = f"{type(problem).__name__}: {problem}"
    else:
        parts["cards"] = problem.content
        parts["rows"] = rows_digest(problem)
    return cell_name(cell, parts)


def run_cell(cell: Cell, key: str, problem: Problem, context: Context) -> dict[str, pd.DataFrame]:
    """Train and score a cell.

    Returns:
        its tables by name.

    Raises:
        LeakageError: train, development and test share what they must not.
        ProbeError: no probe can be trained on this.
        UndefinedMetricError: the primary metric is undefined on the predictions.
    """
    started = time.perf_counter()
    request = context.request
    recipe = get_recipe(cell.recipe)
    problem, dropped = _with_features(problem, cell, context)
    leaks = _gate(problem, request)
    sessions = None
    if problem.by_session:
        problem, sessions = by_session(problem)
    features = None
    if context.space is not None:
        features = Features(context.space, request.frames_layer, context.grams)
    rounds, skipped = context.shared.rounds(
        cell,
        problem,
        ready=lambda other: _with_features(other, cell, context)[0],
        train=lambda one: train_rounds(cell, recipe, one, sessions, features, request),
    )
    selection = rounds[0].results[0][0].selection
    common = _common(cell, key, recipe, problem, context, leaks, selection)
    tables = join_tables(
        _score(results, one, problem, common, request) for one in rounds for results in one.by_layer
    )
    if cell.setting != "within":
        tables["scores"] = with_normalised(tables["scores"])
    if len(rounds) > 1:
        metric = problem.card.metrics[0]
        tables["extrapolation"] = extrapolation_frame(tables["scores"], metric, key)
    audit = pd.concat([problem.audit, dropped], ignore_index=True)
    audit.insert(0, "cell", key)
    seconds = time.perf_counter() - started
    return {
        **tables,
        "selection": _selections(rounds, problem.folds, key),
        "timings": timings(key, seconds, context.upstream, context.report, request),
        "audit": audit,
        "manifest": facts.manifest(
            key, cell, problem, context.catalogue, request, context.upstream, skipped
        ),
    }


def _with_features(problem: Problem, cell: Cell, context: Context) -> tuple[Problem, pd.DataFrame]:
    """Leave out the utterances that this upstream has no features for, and say which."""
    columns = ["corpus", "utterance", "kept", "reason", "detail"]
    if context.space is None:
        return problem, pd.DataFrame(columns=columns)
    reasons = context.space.excluded(problem.frame["content"])
    out = problem.frame["content"].isin(list(reasons)).to_numpy()
    left = problem.frame[out]
    dropped = pd.DataFrame(
        {
            "corpus": left["corpus"],
            "utterance": left["utterance"],
            "kept": False,
            "reason": [reasons[content] for content in left["content"]],
            "detail": f"no features from {cell.upstream}",
        },
        columns=columns,
    )
    return problem.without(out), dropped


def _gate(problem: Problem, request: Request) -> tuple[str, ...]:
    """Pass every fold through the leakage gate; the kinds that are let pass."""
    allow = LEAKS if request.allow_leakage else problem.leaks
    found = [leak.kind for fold in problem.folds for leak in check(problem.frame, fold, allow)]
    return tuple(sorted(set(found)))


def _score(
    results: list[ProbeResult],
    one: Round,
    problem: Problem,
    common: Mapping[str, Any],
    request: Request,
) -> dict[str, pd.DataFrame]:
    """The tables of the out-of-fold predictions of one probe, in the order of folds."""
    rows = np.concatenate([fold.test for fold in problem.folds])
    if len(np.unique(rows)) != len(rows):
        raise ProbeError("an utterance is in the test part of two folds; scores would count twice.")
    names = [np.full(len(fold.test), fold.name, dtype=object) for fold in problem.folds]
    found = [result.probability for result in results if result.probability is not None]
    probabilities = np.concatenate(found, axis=1) if found else None
    tested = problem.frame.iloc[rows].reset_index(drop=True)
    outcome = Outcome(
        layer=results[0].layer,
        truth=problem.target().values[rows],
        prediction=np.concatenate([result.prediction for result in results], axis=1),
        fold=np.concatenate(names),
        units=problem.units(rows),
        unit=problem.unit,
        classes=problem.classes,
        n_train={
            fold.name: result.n_train for fold, result in zip(problem.folds, results, strict=True)
        },
        speaker=problem.names("speaker", rows) if problem.speakers_known else None,
    )
    return tables_of(
        outcome,
        tested,
        probabilities,
        problem.card.metrics,
        common,
        request.seed,
        detail=len(one.by_layer) == 1,
        train_share=one.share,
    )


def _common(
    cell: Cell,
    key: str,
    recipe: Recipe,
    problem: Problem,
    context: Context,
    leaks: tuple[str, ...],
    selection: str,
) -> dict[str, Any]:
    upstream = context.upstream
    tested = set(problem.frame["corpus"].iloc[np.concatenate([f.test for f in problem.folds])])
    saw = set(upstream.card.contaminated_by) if upstream else set()
    return {
        "cell": key,
        "suite": context.request.suite,
        "upstream": cell.upstream,
        "revision": upstream.weights.sha256[:16] if upstream else None,
        "variant": upstream.card.variant if upstream else None,
        "task": cell.task,
        "label": problem.card.label,
        "setting": cell.setting,
        "train_corpora": cell.train,
        "test_corpus": cell.test,
        "split": problem.split,
        "recipe": cell.recipe,
        "normalisation": cell.normalisation,
        "selection": selection,
        "transductive": cell.normalisation != "none",
        "leakage": ", ".join(leaks),
        "contaminated": bool(saw & tested),
        "precision": upstream.precision if upstream else None,
        "features_key": context.space.key[:16] if context.space else None,
        "cards_key": cards_digest(problem, recipe.content())[:16],
        "paralbench_version": __version__,
    }


def _selections(rounds: list[Round], folds: list[Fold], key: str) -> pd.DataFrame:
    """Rows of ``selection``: what was chosen for each fold, seed, layer and share."""
    rows = [
        {
            "cell": key,
            "fold": fold.name,
            "seed": str(seed),
            "layer": result.layer,
            "train_share": one.share,
            "learning_rate": choice.learning_rate,
            "weight_decay": choice.weight_decay,
            "steps": choice.steps,
            "chosen_layer": choice.layer,
            "setting": choice.setting,
            "development_score": choice.score,
            "layer_weights": " ".join(f"{weight:.4f}" for weight in weights),
        }
        for one in rounds
        for layer in one.by_layer
        for result, fold in zip(layer, folds, strict=True)
        for seed, choice, weights in zip(
            result.seeds, result.choices, result.layer_weights, strict=False
        )
    ]
    return pd.DataFrame(rows, columns=TABLES["selection"].names)
