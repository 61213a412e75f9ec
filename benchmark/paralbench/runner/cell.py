"""One cell: features, folds, the leakage gate, probes, scores, and the tables of it all."""

import json
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from paralbench import __version__
from paralbench.cards import Catalogue
from paralbench.errors import ParalbenchError, ProbeError
from paralbench.features.device import with_backend
from paralbench.metrics import METRICS
from paralbench.probes.recipes import Recipe, get_recipe
from paralbench.probes.result import ProbeResult
from paralbench.runner.device import one_thread
from paralbench.runner.keys import cards_digest, cell_name, digest, rows_digest
from paralbench.runner.plan import Cell
from paralbench.runner.problem import Problem
from paralbench.runner.request import Request
from paralbench.runner.scoring import (
    Outcome,
    confusion_frame,
    prediction_frame,
    score_rows,
)
from paralbench.runner.sessions import Sessions, by_session
from paralbench.splits.columns import LEAKS
from paralbench.splits.develop import development
from paralbench.splits.fold import Fold
from paralbench.splits.gate import check
from paralbench.tables import TABLES, frames
from paralbench.tables.slots import NO_UPSTREAM

if TYPE_CHECKING:
    from paralbench.features.extract import ExtractionReport
    from paralbench.features.store import FeatureSpace
    from paralbench.runner.upstream import Upstream

_PACKAGES = ("torch", "transformers", "numpy", "pandas", "scikit-learn", "librosa")


@dataclass(frozen=True)
class Context:
    """What the cells of one upstream share.

    Attributes:
        catalogue: the cards.
        request: the run.
        upstream: None for the floors.
        space: its features.
        report: what extracting them took in this run; None if the cell did not pay for it.
    """

    catalogue: Catalogue
    request: Request
    upstream: "Upstream | None"
    space: "FeatureSpace | None"
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
    recipe = get_recipe(cell.recipe)
    problem, dropped = _with_features(problem, cell, context)
    leaks = _gate(problem, context.request)
    sessions = None
    if problem.by_session:
        problem, sessions = by_session(problem)
    results = _train(cell, recipe, problem, sessions, context)
    layers = [[fold_results[i] for fold_results in results] for i in range(len(results[0]))]
    common = _common(cell, key, recipe, problem, context, leaks, results[0][0].selection)
    rows: list[dict[str, Any]] = []
    predictions, confusions, selections = [], [], []
    for one in layers:
        outcome, tested, probabilities = _outcome(one, problem)
        rows += score_rows(outcome, problem.card.metrics, common, context.request.seed)
        predictions.append(prediction_frame(outcome, tested, probabilities, key))
        confusions.append(confusion_frame(outcome, key))
        selections += _selections(one, problem.folds, key)
    seconds = time.perf_counter() - started
    audit = pd.concat([problem.audit, dropped], ignore_index=True)
    audit.insert(0, "cell", key)
    return {
        "scores": pd.DataFrame(rows, columns=TABLES["scores"].names),
        "predictions": pd.concat(predictions, ignore_index=True),
        "confusion": pd.concat(confusions, ignore_index=True),
        "selection": pd.DataFrame(selections, columns=TABLES["selection"].names),
        "timings": _timings(key, seconds, context),
        "audit": audit,
        "manifest": _manifest(key, cell, problem, context),
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


def _train(
    cell: Cell, recipe: Recipe, problem: Problem, sessions: Sessions | None, context: Context
) -> list[list[ProbeResult]]:
    """For each fold, the results of its probes (one, or one per layer)."""
    from paralbench.probes import floors, normalise, train

    request, frame = context.request, problem.frame
    target = problem.target()
    metric = problem.card.metrics[0]
    seeds = range(recipe.n_seeds if request.seeds is None else request.seeds)
    if recipe.input == "nothing":
        # One constant for all folds: the most frequent class of a fold's training part is apt to be
        # the one that its test part has least of, and pooled folds would score below chance.
        known = np.unique(np.concatenate([fold.train for fold in problem.folds]))
        return [
            [replace(floors.majority(target, known, fold.test), n_train=len(fold.train))]
            for fold in problem.folds
        ]
    if recipe.input == "duration":
        features = floors.duration_features(frame["seconds"].to_numpy())
    else:
        assert context.space is not None
        if sessions is None:
            features = context.space.mean(list(frame["content"]))
        else:
            means = context.space.mean(sessions.contents)
            features = sessions.merge(means, context.space.frames(sessions.contents))
        if cell.normalisation == "speaker":
            features = normalise.by_speaker(features, problem.speakers(), frame["target"])
    settings = train.Settings(device=request.device)
    results = []
    with one_thread():
        for index, fold in enumerate(problem.folds):
            draw = None if problem.fixed is not None else _drawer(problem, index, recipe, request)
            results.append(
                train.train_probes(
                    recipe,
                    features,
                    target,
                    fold.train,
                    fold.test,
                    metric=metric,
                    draw=draw,
                    fixed=problem.fixed,
                    seeds=tuple(seeds),
                    settings=settings,
                )
            )
    return results


def _drawer(
    problem: Problem, index: int, recipe: Recipe, request: Request
) -> Callable[[int], tuple[np.ndarray, np.ndarray]]:
    """Given a seed, what to fit on and what to choose by; both pass the gate."""
    allow = LEAKS if request.allow_leakage else problem.leaks
    fold = problem.folds[index]

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


def _outcome(
    results: list[ProbeResult], problem: Problem
) -> tuple[Outcome, pd.DataFrame, np.ndarray | None]:
    """The out-of-fold predictions of one probe, in the order of folds."""
    rows = np.concatenate([fold.test for fold in problem.folds])
    if len(np.unique(rows)) != len(rows):
        raise ProbeError("an utterance is in the test part of two folds; scores would count twice.")
    names = np.concatenate([np.full(len(f.test), f.name, dtype=object) for f in problem.folds])
    units = problem.units(rows)
    probabilities = None
    if results[0].probability is not None:
        found = [one.probability for one in results if one.probability is not None]
        probabilities = np.concatenate(found, axis=1)
    outcome = Outcome(
        layer=results[0].layer,
        truth=problem.target().values[rows],
        prediction=np.concatenate([one.prediction for one in results], axis=1),
        fold=names,
        units=units,
        unit=problem.unit,
        classes=problem.classes,
        n_train={fold.name: one.n_train for fold, one in zip(problem.folds, results, strict=True)},
    )
    return outcome, problem.frame.iloc[rows].reset_index(drop=True), probabilities


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
        "transductive": cell.normalisation == "speaker",
        "leakage": ", ".join(leaks),
        "contaminated": bool(saw & tested),
        "precision": upstream.precision if upstream else None,
        "features_key": context.space.key[:16] if context.space else None,
        "cards_key": cards_digest(problem, recipe.content())[:16],
        "paralbench_version": __version__,
    }


def _selections(results: list[ProbeResult], folds: list[Fold], key: str) -> list[dict[str, Any]]:
    return [
        {
            "cell": key,
            "fold": fold.name,
            "seed": str(seed),
            "layer": result.layer,
            "learning_rate": choice.learning_rate,
            "weight_decay": choice.weight_decay,
            "steps": choice.steps,
            "development_score": choice.score,
            "layer_weights": " ".join(f"{weight:.4f}" for weight in weights),
        }
        for result, fold in zip(results, folds, strict=True)
        for seed, choice, weights in zip(
            result.seeds, result.choices, result.layer_weights, strict=False
        )
    ]


def _timings(key: str, seconds: float, context: Context) -> pd.DataFrame:
    upstream = context.upstream
    shared = {"cell": key, "precision": upstream.precision if upstream else None}
    rows = [{**shared, "stage": "probe", "seconds": seconds, "device": context.request.device}]
    report = context.report
    if report is not None and report.encoded:
        rows.append(
            {
                **shared,
                "stage": "encode",
                "seconds": report.seconds,
                "audio_seconds": report.audio_seconds,
                "peak_memory_bytes": report.peak_memory_bytes,
                "device": with_backend(context.request.device, report.backend or "torch"),
            }
        )
    return pd.DataFrame(rows, columns=TABLES["timings"].names)


def _manifest(key: str, cell: Cell, problem: Problem, context: Context) -> pd.DataFrame:
    """What the cell was made with, as rows ``kind, id, key, value``."""
    metric = problem.card.metrics[0]
    better = METRICS[metric].higher_is_better
    facts: list[tuple[str, str, str, object]] = [
        ("task", cell.task, "primary_metric", metric),
        ("task", cell.task, "higher_is_better", str(better).lower()),
        ("task", cell.task, "classes", " ".join(problem.classes)),
        ("run", "run", "seed", context.request.seed),
        ("run", "run", "sample", _samples(context.request)),
        ("machine", "machine", "system", f"{platform.system()} {platform.machine()}"),
        ("machine", "machine", "device", context.request.device),
        ("package", "python", "version", platform.python_version()),
        *(("package", name, "version", version(name)) for name in _PACKAGES),
    ]
    for id in cell.corpora:
        card = context.catalogue.corpora.get(id)
        rows = frames.rows(problem.frame, problem.frame["corpus"] == id)
        facts += [
            ("corpus", id, "utterances", len(rows)),
            ("corpus", id, "seconds", round(float(frames.column(rows, "seconds").sum()), 3)),
            ("corpus", id, "audio_sha256", digest(sorted(rows["content"]))[:16]),
            ("corpus", id, "licence", card.licence),
        ]
    if context.upstream is not None:
        upstream = context.upstream
        facts += [
            ("upstream", cell.upstream, "weights", upstream.weights.where),
            ("upstream", cell.upstream, "sha256", upstream.weights.sha256),
            ("upstream", cell.upstream, "licence", upstream.card.licence),
        ]
    rows = [(key, kind, id, what, str(value)) for kind, id, what, value in facts]
    return pd.DataFrame(rows, columns=TABLES["manifest"].names)


def _samples(request: Request) -> str:
    parts = {id: part.model_dump(mode="json") for id, part in request.samples.items()}
    return json.dumps(parts, sort_keys=True) if parts else "all"
