"""Groups of speakers: by gender, age and language, and whether a gap between them is chance."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from paralbench.metrics import Metric
from paralbench.metrics.base import Floats
from paralbench.runner.outcome import Mask, Tally
from paralbench.statistics.units import Units, sum_by_unit, within_class
from paralbench.tables.frames import column

COLUMNS = ("gender", "age", "language")
PERMUTATIONS = 1000
FEWEST_SPEAKERS = 2  # of one speaker, the group cannot be told from the voice


@dataclass(frozen=True)
class Comparison:
    """The groups of a column that can be compared.

    Attributes:
        column: gender, age or language.
        groups: their bundles in the tally, by name, ``(bundles,)`` each; with a reason, all groups
            that there are.
        reason: why they cannot be compared; None where they can.
        unmixed: whether every speaker is in one group.
    """

    column: str
    groups: dict[str, Mask]
    reason: str | None
    unmixed: bool = True


def group_columns(frame: pd.DataFrame) -> dict[str, np.ndarray]:
    """The group of each row ``(n,)``, None where unknown, for each column with two or more.

    Ages in years are put into decades: ``20-29``.
    """
    found = {}
    for name in COLUMNS:
        if name in frame.columns:
            values = column(frame, name)
            known = values.notna().to_numpy()
            groups = np.full(len(frame), None, dtype=object)
            groups[known] = [_group(name, one) for one in values[known]]
            if len(set(groups[known])) > 1:
                found[name] = groups
    return found


def _group(name: str, value: Any) -> str:
    if name != "age" or isinstance(value, str):
        return str(value)
    decade = int(value // 10) * 10
    return f"{decade}-{decade + 9}"


def compare(tally: Tally, name: str, label: str) -> Comparison:
    """Which groups of a column can be compared.

    A group of fewer than two speakers is left out, and so is one that lacks a class: an average
    over its classes measures something else.

    Args:
        tally: the outcome, bundled by the column.
        name: the column.
        label: the label that is predicted.
    """
    of = tally.group[name]
    groups = {one: of == code for code, one in enumerate(tally.group_names[name])}
    if name == label:
        return Comparison(name, groups, f"{name} is the label")
    known = of >= 0
    if (tally.speaker[known] < 0).any():
        return Comparison(name, groups, "speakers unknown")
    several = {
        one: chosen
        for one, chosen in groups.items()
        if len(np.unique(tally.speaker[chosen])) >= FEWEST_SPEAKERS
    }
    if len(several) < 2:
        return Comparison(name, groups, f"fewer than 2 groups have {FEWEST_SPEAKERS} speakers")
    classes = tally.held.any(axis=0)
    complete = {
        one: chosen
        for one, chosen in several.items()
        if (tally.held[chosen].any(axis=0) == classes).all()
    }
    if len(complete) < 2:
        return Comparison(name, groups, "fewer than 2 groups hold every class")
    inside = np.logical_or.reduce(list(complete.values()))
    pairs = np.unique(np.stack([tally.speaker[inside], of[inside]]), axis=1)
    unmixed = pairs.shape[1] == len(np.unique(pairs[0]))
    return Comparison(name, complete, None, unmixed)


def group_scores(metric: Metric, sums: Floats, comparison: Comparison) -> dict[str, float]:
    """The score of each group, averaged over seeds; groups where it is undefined are left out.

    Args:
        metric: the metric.
        sums: its statistics, ``(bundles, seeds, k)``.
        comparison: the groups.
    """
    if comparison.reason:
        return {}
    scores = {
        name: metric.value(sums[chosen].sum(axis=0)) for name, chosen in comparison.groups.items()
    }
    return {name: float(one.mean()) for name, one in scores.items() if not np.isnan(one).any()}


def gap_row(
    tally: Tally, comparison: Comparison, metric: Metric, sums: Floats, seed: int
) -> dict[str, Any]:
    """The row of the ``gaps`` table: the best group minus the worst, and what chance makes of it.

    Chance is groups permuted among the speakers who have one. Where every speaker has one class
    they are permuted within the class, so that a group's share of it stays. Permutations that leave
    a group without a class are not counted, as such groups are not compared.

    Args:
        tally: the outcome.
        comparison: the groups.
        metric: the metric.
        sums: its statistics, ``(bundles, seeds, k)``.
        seed: of the permutations.
    """
    scores = group_scores(metric, sums, comparison)
    reason = comparison.reason
    if reason is None and len(scores) < 2:
        reason = f"{metric.name} is defined in fewer than 2 groups"
    shown = comparison.groups if reason else scores
    inside = np.logical_or.reduce([comparison.groups[name] for name in shown])
    row: dict[str, Any] = {
        "column": comparison.column,
        "groups": " | ".join(shown),
        "metric": metric.name,
        **dict.fromkeys(("best", "worst", "gap", "null_mean", "null_high", "p_value")),
        "permutations": 0,
        "n_speakers": tally.n_speakers(inside),
        "reason": reason,
    }
    if reason:
        return row
    sign = 1 if metric.higher_is_better else -1
    ordered = sorted(scores, key=lambda name: (sign * scores[name], name))
    row["worst"], row["best"] = ordered[0], ordered[-1]
    row["gap"] = gap = abs(scores[ordered[-1]] - scores[ordered[0]])
    if not comparison.unmixed:
        row["reason"] = "a speaker is in several groups"
        return row
    masks = [comparison.groups[name] for name in scores]
    null = _permuted_gaps(tally, masks, metric, sums, np.random.default_rng(seed))
    if not len(null):
        row["reason"] = "in no permutation the score of every group is defined"
        return row
    return row | {
        "null_mean": float(null.mean()),
        "null_high": float(np.quantile(null, 0.95)),
        "p_value": (int((null >= gap - 1e-12).sum()) + 1) / (len(null) + 1),
        "permutations": len(null),
    }


def _permuted_gaps(
    tally: Tally, masks: Sequence[Mask], metric: Metric, sums: Floats, rng: np.random.Generator
) -> Floats:
    """Gaps between groups of speakers permuted, ``(permutations,)`` or fewer."""
    inside = np.logical_or.reduce(masks)
    names, of = np.unique(tally.speaker[inside], return_inverse=True)
    speakers = Units(of, len(names), (np.arange(len(names)),))
    held = np.zeros((len(names), tally.held.shape[1]), dtype=bool)
    np.logical_or.at(held, of, tally.held[inside])
    if held.shape[1]:
        speakers = within_class(speakers, held)
    group = np.zeros(len(names), dtype=np.int64)
    for code, mask in enumerate(masks):
        group[of[mask[inside]]] = code
    permuted = np.tile(group, (PERMUTATIONS, 1))
    for stratum in speakers.strata:
        permuted[:, stratum] = rng.permuted(permuted[:, stratum], axis=1)
    by_speaker = sum_by_unit(np.moveaxis(sums[inside], 0, 1), speakers)
    whole = by_speaker.sum(axis=0)
    flat = by_speaker.reshape(len(names), -1)
    scores: list[Floats] = []
    usable: npt.NDArray[np.bool_] = np.ones(PERMUTATIONS, dtype=bool)
    for code in range(len(masks)):
        totals = ((permuted == code).astype(np.float64) @ flat).reshape(-1, *whole.shape)
        usable &= metric.comparable(totals, whole).all(axis=-1)
        scores.append(metric.value(totals).mean(axis=-1))
    return np.ptp(np.stack(scores)[:, usable], axis=0)
