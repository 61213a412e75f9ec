"""Upstreams compared on one task, from the predictions that a run has left."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from paralbench.errors import ParalbenchError, UnknownNameError
from paralbench.metrics import METRICS
from paralbench.report.run_tables import RunTables, row_name, score_rows, where
from paralbench.statistics.multiple import holm
from paralbench.statistics.paired import RESAMPLES, Difference, difference
from paralbench.statistics.ranking import LEVEL
from paralbench.statistics.sample import Unit

EQUAL = 1e-12  # scores that differ by less are the same


@dataclass(frozen=True)
class Comparison:
    """Two upstreams on the utterances that both have predictions of.

    Attributes:
        column: the task, or the training and the test corpora.
        metric: the metric's id.
        higher_is_better: its direction.
        first, second: the names of the two.
        difference: the first's score minus the second's, with its interval and p-value.
        n_utterances: compared ones.
        left_out: those that only one of the two has.
    """

    column: str
    metric: str
    higher_is_better: bool
    first: str
    second: str
    difference: Difference
    n_utterances: int
    left_out: int

    @property
    def better(self) -> str | None:
        """The one that scores better, whether or not that means anything; None: both the same."""
        value = self.difference.value
        if value is None or abs(value) <= EQUAL:
            return None
        return self.first if (value > 0) == self.higher_is_better else self.second


@dataclass(frozen=True)
class Standings:
    """Who is best in a column, and who cannot be told from that.

    Attributes:
        best: the rows with the best score.
        tied: the others that are not told apart from it.
        unknown: row to the reason why it was not compared with it.
    """

    best: frozenset[str]
    tied: frozenset[str]
    unknown: Mapping[str, str]


@dataclass(frozen=True)
class _Answers:
    """Truth ``(n,)``, predictions ``(seeds, n)``, speakers and sessions of utterances in order.

    Classes are indices of ``names``, which is empty for numbers.
    """

    utterances: pd.MultiIndex
    truth: npt.NDArray[Any]
    prediction: npt.NDArray[Any]
    units: dict[str, npt.NDArray[Any]]  # speaker or session to each utterance's
    names: list[str]


Compare = Callable[[Any, Any], Comparison]


def compare(
    tables: RunTables,
    task: str,
    first: str,
    second: str,
    *,
    setting: str = "within",
    train: str | None = None,
    test: str | None = None,
    recipe: str = "paralbench",
    normalisation: str = "none",
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Comparison:
    """The difference of two upstreams' primary scores on a task, over what its interval resamples.

    Args:
        tables: a run's tables.
        task: a task's id, or that of a harmonised label.
        first: an upstream, as leaderboards call it (``wavlm-large, layer 3`` for a single layer).
        second: the other one.
        setting: which corpora train and test.
        train: training corpora or domains, where the setting has several.
        test: test corpus or domain, likewise.
        recipe: the probe recipe.
        normalisation: ``none`` or ``speaker``.
        resamples: of the speakers.
        seed: of the resamples.

    Returns:
        the comparison; its difference has a reason instead of an interval where speakers are
        unknown or too few, or there are no predictions.

    Raises:
        UnknownNameError: no such score.
        ParalbenchError: train and test are needed to tell one score from another.
    """
    found = score_rows(
        tables, setting=setting, recipes=[recipe], normalisation=normalisation, task=task
    )
    found = [
        row
        for row in found
        if train in (None, row.train_corpora) and test in (None, row.test_corpus)
    ]
    columns = sorted({where(setting, task, row.train_corpora, row.test_corpus) for row in found})
    if len(columns) > 1:
        raise ParalbenchError(
            f"task {task!r} has several scores in setting {setting!r}: {', '.join(columns)}; "
            "say which by train and test."
        )
    rows = {row_name(row): row for row in found}
    for name in (first, second):
        if name not in rows:
            what = f"upstream with a score on {task} ({setting}, {recipe}, {normalisation})"
            raise UnknownNameError(what, name, rows)
    return comparer(tables, resamples=resamples, seed=seed)(rows[first], rows[second])


def comparer(tables: RunTables, *, resamples: int = RESAMPLES, seed: int = 0) -> Compare:
    """A function that compares two score rows of one column; it reads each cell once."""

    @cache
    def answers(cell: str, layer: str, kind: str) -> _Answers | str:
        return _answers(tables.predictions(cell, layer), kind)

    def found(first: SimpleNamespace, second: SimpleNamespace) -> tuple[Difference, int, int]:
        metric = METRICS[first.metric]
        one, two = (answers(row.cell, row.layer, metric.kind) for row in (first, second))
        if isinstance(one, str):
            return _nothing(first, second, one), 0, 0
        if isinstance(two, str):
            return _nothing(first, second, two), 0, 0
        at_one, at_two = _common(one.utterances, two.utterances)
        n = len(at_one)
        counts = n, len(one.utterances) + len(two.utterances) - 2 * n
        unit = _unit(first.interval_method)
        if not n:
            return _nothing(first, second, "no utterance in common"), *counts
        classes = _classes(tables.classes.get(first.cell, ""), {*one.names, *two.names})
        true, other = (
            _indices(answer.truth[at], answer, classes)
            for answer, at in ((one, at_one), (two, at_two))
        )
        if (true != other).any():
            return _nothing(first, second, "the two were scored against other labels"), *counts
        paired = difference(
            metric,
            true,
            _indices(one.prediction[:, at_one], one, classes),
            _indices(two.prediction[:, at_two], two, classes),
            None if unit == "utterance" else one.units[unit][at_one],
            unit=unit,
            seed=seed,
            resamples=resamples,
            classes=classes or None,
        )
        return paired, *counts

    def compare_rows(first: SimpleNamespace, second: SimpleNamespace) -> Comparison:
        return Comparison(
            where(first.setting, first.task, first.train_corpora, first.test_corpus),
            first.metric,
            METRICS[first.metric].higher_is_better,
            row_name(first),
            row_name(second),
            *found(first, second),
        )

    return compare_rows


def standings(rows: Sequence[SimpleNamespace], compare: Compare) -> Standings:
    """Compare the rows of a column with the best of them.

    A row is tied with the best where their paired difference is not significant: the p-values of
    the comparisons with it, corrected by Holm, held against 5 %.

    Args:
        rows: score rows of one column that may be ranked.
        compare: see :func:`comparer`.
    """
    if not rows:
        return Standings(frozenset(), frozenset(), {})
    sign = 1 if METRICS[rows[0].metric].higher_is_better else -1
    ordered = sorted(rows, key=lambda row: (-sign * row.value, row_name(row)))
    top = ordered[0]
    best = {row_name(row) for row in rows if abs(row.value - top.value) <= EQUAL}
    p_values, unknown = {}, {}
    for row in ordered:
        if (name := row_name(row)) in best:
            continue
        found = compare(top, row).difference
        if found.p_value is None:
            unknown[name] = found.reason or "not compared"
        else:
            p_values[name] = found.p_value
    corrected = holm(list(p_values.values()))
    tied = {name for name, p in zip(p_values, corrected, strict=True) if p >= LEVEL}
    return Standings(frozenset(best), frozenset(tied), unknown)


def _answers(frame: pd.DataFrame, kind: str) -> _Answers | str:
    """The rows of one probe in arrays, or why that cannot be done."""
    if not len(frame):
        return "no predictions in this folder"
    frame = frame.sort_values(["seed", "corpus", "utterance"], kind="stable")
    seeds = len(set(frame["seed"]))
    size = len(frame) // seeds
    part = frame.iloc[:size]
    utterances = pd.MultiIndex.from_frame(part[["corpus", "utterance"]])
    every = frame["utterance"].to_numpy(dtype=object)
    if (
        len(frame) != seeds * size
        or not utterances.is_unique
        or (every.reshape(seeds, size) != every[:size]).any()
    ):
        return "not every seed has one prediction of each utterance"
    names: list[str] = []
    if kind == "classes":
        both, found = pd.factorize(pd.concat([part["truth"], frame["prediction"]]))
        names = [str(name) for name in found]
    else:
        both = pd.concat([part["truth"], frame["prediction"]]).to_numpy(dtype=np.float64)
    units = {}
    for unit in ("speaker", "session"):
        known = part[unit].notna()
        units[unit] = np.where(known, part["corpus"] + "/" + part[unit].astype(str), None)
    return _Answers(
        utterances,
        both[:size],
        both[size:].reshape(seeds, size),
        units,
        names,
    )


def _unit(method: object) -> Unit:
    """What a score's interval resamples; speakers where it has none."""
    found = str(method).split("-")[0]
    return "session" if found == "session" else "utterance" if found == "utterance" else "speaker"


def _common(one: pd.MultiIndex, two: pd.MultiIndex) -> tuple[Any, Any]:
    """Where the utterances that both have are in each, in the same order."""
    if one.equals(two):
        everything = np.arange(len(one))
        return everything, everything
    at_two = two.get_indexer(one)
    return np.flatnonzero(at_two >= 0), at_two[at_two >= 0]


def _indices(values: npt.NDArray[Any], answers: _Answers, classes: list[str]) -> npt.NDArray[Any]:
    """Class indices of one upstream as those of ``classes``; numbers as they are."""
    if not classes:
        return values
    return np.array([classes.index(name) for name in answers.names], dtype=np.int64)[values]


def _nothing(first: SimpleNamespace, second: SimpleNamespace, reason: str) -> Difference:
    value = float(first.value - second.value)
    return Difference(value, None, None, None, f"none: {reason}", 0, reason)


def _classes(joined: str, found: set[str]) -> list[str]:
    """The class names in the card's order where that matters, for F1 of the last of two.

    Args:
        joined: the card's names, joined by blanks.
        found: those that occur.
    """
    named, ordered = joined.split(" "), sorted(found)
    if found <= set(named):
        return named if found else []
    # A name has a blank in it.
    return ordered[::-1] if joined == " ".join(ordered[::-1]) else ordered
