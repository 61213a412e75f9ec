"""What the classes' priors do to a transfer setting: rows of ``priors`` and ``class_priors``."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from paralbench.probes.recipes import Recipe, Trained
from paralbench.runner.transfer_drops import Ceiling
from paralbench.runner.transfer_predictions import Predicted, in_common
from paralbench.transfer.priors import (
    Corrected,
    at_temperature,
    em_priors,
    recalls,
    reweighted,
    temperature,
)

Row = dict[str, Any]
Floats = np.ndarray


@dataclass(frozen=True)
class PriorRows:
    """Rows of both tables."""

    variants: list[Row] = field(default_factory=list)
    classes: list[Row] = field(default_factory=list)


def prior_rows(
    cell: str,
    classes: tuple[str, ...],
    layers: Mapping[str, Predicted],
    recipe: Recipe,
    train_counts: Floats | None,
    source: Ceiling,
    ceiling: Ceiling,
    *,
    transductive: bool = False,
) -> PriorRows:
    """What priors do to the scores of a setting.

    The recalls of the training corpus by itself, reweighted by the tested corpus's priors, are the
    accuracy that would be left if nothing but the priors differed. EM starts from the priors that
    the loss implied. It is calibrated on the training corpus's held-out speakers: the out-of-fold
    predictions of its own ceiling.

    Args:
        cell: the setting's.
        classes: the class names.
        layers: its predictions by layer.
        recipe: how it was trained.
        train_counts: training utterances of each class ``(classes,)``; None where unknown.
        source: the training corpus by itself, on the same classes.
        ceiling: the tested corpus by itself.
        transductive: whether the setting itself read unlabelled test data.
    """
    found = PriorRows()
    for layer, setting in layers.items():
        assumed = loss_prior(recipe, train_counts, len(classes))
        one = _Layer(classes, setting, source.layers.get(layer), assumed)
        shared = {"cell": cell, "layer": layer}
        for row in _variants(one, layer, cell, source, ceiling):
            if row["variant"] == "cross":
                row["transductive"] = transductive
            found.variants.append(shared | row)
        for row in _by_class(one, train_counts):
            found.classes.append(shared | row)
    return found


def loss_prior(recipe: Recipe, train_counts: Floats | None, n_classes: int) -> Floats | None:
    """The priors that a recipe's probabilities assume, ``(classes,)``.

    A balanced loss, equal priors or balanced votes assume equal ones; else they are those of the
    training data; None where these are unknown or lack a class.
    """
    if not (isinstance(recipe, Trained) and not recipe.balanced):
        return np.full(n_classes, 1 / n_classes)
    if train_counts is None or (train_counts <= 0).any():
        return None
    return train_counts / train_counts.sum()


class _Layer:
    """A setting's predictions on one layer, and what EM makes of them."""

    def __init__(
        self,
        classes: tuple[str, ...],
        setting: Predicted,
        source: Predicted | None,
        assumed: Floats | None,
    ):
        self.classes, self.setting, self.source, self.assumed = classes, setting, source, assumed
        self.n = len(classes)
        self.test_prior = np.bincount(setting.truth, minlength=self.n) / len(setting.truth)
        self.em: Corrected | None = None
        self.calibrated: Corrected | None = None
        self.temperature: float | None = None
        self.no_em, self.no_calibrated = self._correct()

    def _correct(self) -> tuple[str | None, str | None]:
        """Run EM; the reasons why it, or its calibrated variant, cannot be run."""
        probability = self.setting.probability
        if probability is None:
            why = "the probe gives no probabilities"
            return why, why
        if self.assumed is None:
            why = "the training priors are unknown, or a class was not trained"
            return why, why
        self.em = em_priors(probability, self.assumed)
        source = self.source
        if source is None or source.probability is None:
            return None, "no held-out predictions of the training corpus to calibrate on"
        if len(source.probability) != len(probability):
            return None, "the training corpus by itself has other seeds"
        each = np.array([temperature(one, source.truth) for one in source.probability])
        self.temperature = float(each.mean())
        self.calibrated = em_priors(at_temperature(probability, each[:, None]), self.assumed)
        return None, None

    def recall(self, prediction: np.ndarray, truth: np.ndarray | None = None) -> Floats:
        """Mean recalls over the seeds; NaN for a class that does not occur."""
        return recalls(self.setting.truth if truth is None else truth, prediction, self.n).mean(0)


def _variants(one: _Layer, layer: str, cell: str, source: Ceiling, ceiling: Ceiling) -> list[Row]:
    setting = one.setting
    rows = [_scored("cross", cell, setting.truth, setting.prediction, one.n)]
    top = ceiling.layers.get(layer)
    if top is None:
        rows.append(_lacking("ceiling", ceiling.reason or f"the ceiling has no layer {layer}"))
    else:
        here = in_common(setting, top)[1]
        rows.append(_scored("ceiling", ceiling.cell, here.truth, here.prediction, one.n))
    if one.source is None:
        why = source.reason or f"the training corpus by itself has no layer {layer}"
        rows += [_lacking("in-corpus", why), _lacking("reweighted", why)]
    else:
        own = _scored("in-corpus", source.cell, one.source.truth, one.source.prediction, one.n)
        recall = one.recall(one.source.prediction, one.source.truth)
        present = one.test_prior > 0
        value = float(reweighted(recall[present], one.test_prior[present]))
        rows.append(own)
        if np.isnan(value):
            rows.append(_lacking("reweighted", "the training corpus by itself lacks a class"))
        else:
            uar = float(recall[present].mean())
            rows.append({**own, "variant": "reweighted", "wa": value, "uar": uar})
    for name, corrected, why in (
        ("em", one.em, one.no_em),
        ("em-calibrated", one.calibrated, one.no_calibrated),
    ):
        if corrected is None:
            rows.append({**_lacking(name, why or ""), "transductive": True})
            continue
        decided = corrected.probability.argmax(axis=-1)
        row = _scored(name, cell, setting.truth, decided, one.n)
        row["decisions_changed"] = float((decided != setting.prediction).mean())
        row["temperature"] = one.temperature if name == "em-calibrated" else None
        rows.append({**row, "transductive": True})
    return rows


def _scored(
    variant: str, cell: str | None, truth: np.ndarray, prediction: np.ndarray, n_classes: int
) -> Row:
    found = recalls(truth, prediction, n_classes)
    return {
        "variant": variant,
        "source_cell": cell,
        "wa": float((prediction == truth).mean()),
        "uar": float(np.nanmean(found)),
        "decisions_changed": None,
        "temperature": None,
        "transductive": False,
        "reason": None,
    }


def _lacking(variant: str, reason: str) -> Row:
    names = ("source_cell", "wa", "uar", "decisions_changed", "temperature")
    lacks = dict.fromkeys(names)
    return {"variant": variant, **lacks, "transductive": False, "reason": reason}


def _by_class(one: _Layer, train_counts: Floats | None) -> list[Row]:
    def corrected(found: Corrected | None) -> tuple[Floats, Floats]:
        if found is None:
            nothing = np.full(one.n, np.nan)
            return nothing, nothing
        decided = found.probability.argmax(axis=-1)
        return found.prior.mean(axis=0), one.recall(decided)

    nothing = np.full(one.n, np.nan)
    em, recall_em = corrected(one.em)
    calibrated, recall_calibrated = corrected(one.calibrated)
    own = one.source
    columns = {
        "train_prior": nothing if train_counts is None else train_counts / train_counts.sum(),
        "test_prior": one.test_prior,
        "loss_prior": nothing if one.assumed is None else one.assumed,
        "em_prior": em,
        "em_calibrated_prior": calibrated,
        "recall": one.recall(one.setting.prediction),
        "recall_in_corpus": nothing if own is None else one.recall(own.prediction, own.truth),
        "recall_em": recall_em,
        "recall_em_calibrated": recall_calibrated,
    }
    return [
        {
            "class": name,
            **{
                key: None if np.isnan(values[place]) else float(values[place])
                for key, values in columns.items()
            },
        }
        for place, name in enumerate(one.classes)
        if one.test_prior[place] > 0
    ]
