"""Label maps across corpora: what a corpus calls a class, in the words that are shared."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from paralbench.cards import Domain, HarmonisedCard
from paralbench.errors import SplitError, UnknownNameError
from paralbench.splits.columns import some
from paralbench.tables.frames import column


@dataclass(frozen=True)
class Harmonised:
    """A domain's utterances in the shared words.

    Attributes:
        frame: the corpora's rows with the shared label in ``target``.
        left_out: ``corpus, utterance, reason, detail`` of each utterance that has no such label:
            ``label-missing``; ``label-unmapped`` or, for a number beyond the scale,
            ``label-off-scale``, both with the corpus's own label.
    """

    frame: pd.DataFrame
    left_out: pd.DataFrame


def harmonise(card: HarmonisedCard, domain: str, frames: Mapping[str, pd.DataFrame]) -> Harmonised:
    """Bring a domain's corpora to the shared label.

    Args:
        card: the label map.
        domain: the name of the domain.
        frames: manifest rows of each of its corpora.

    Raises:
        UnknownNameError: the card has no such domain.
        SplitError: a corpus lacks the label or a column of the filter, or nothing is left.
    """
    if domain not in card.domains:
        raise UnknownNameError(f"domain of {card.id}", domain, card.domains)
    part = card.domains[domain]
    labels = part.columns or (part.label or card.label,)
    found = [_rows(card, domain, part, id, frames[id], labels) for id in part.corpora]
    rows = pd.concat(found, ignore_index=True)
    told = pd.DataFrame({label: column(rows, label) for label in labels})
    own = told.to_numpy(dtype=object)
    missing = np.asarray(told.isna().to_numpy(dtype=bool).any(axis=1))
    wrong = "label-unmapped"
    if part.regions:
        target = _in_regions(part, own, missing)
        fits = np.array([name in card.classes for name in target], dtype=bool)
    elif card.target == "classes":
        shared = part.map or {name: name for name in card.classes}
        target = _looked_up(shared, own[:, 0], missing)
        fits = np.array([name in card.classes for name in target], dtype=bool)
    elif part.values:
        target = _looked_up(part.values, own[:, 0], missing)
        fits = np.array([value is not None for value in target], dtype=bool)
    else:
        wrong = "label-off-scale"
        target, fits = _rescaled(card, part, own[:, 0], missing)
    left = rows.loc[~fits]
    left_out = pd.DataFrame(
        {
            "corpus": left["corpus"],
            "utterance": left["utterance"],
            "reason": np.where(missing[~fits], "label-missing", wrong),
            "detail": [
                None if none else _spoken(labels, values)
                for values, none in zip(own[~fits], missing[~fits], strict=True)
            ],
        }
    )
    if len(left) == len(rows):
        named = sorted({_spoken(labels, values) for values in own[~missing]})
        raise SplitError(
            f"{card.id}: no utterance of domain {domain!r} carries a shared label; its labels: "
            f"{some(named) or 'none'}."
        )
    shared_label = pd.Series(target[fits]).infer_objects()
    kept = rows.loc[fits].reset_index(drop=True).assign(target=shared_label)
    return Harmonised(kept, left_out.reset_index(drop=True))


def _looked_up(names: Mapping[str, object], own: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """What each own name becomes ``(n,)``; None where nothing."""
    pairs = zip(own, missing, strict=True)
    found = np.empty(len(own), dtype=object)
    found[:] = [None if none else names.get(name) for name, none in pairs]
    return found


def _in_regions(domain: Domain, own: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """The class whose bounds hold each utterance's numbers ``(n, columns)``; None where none."""
    values = np.where(missing[:, None], np.nan, own).astype(np.float64)
    found = np.full(len(values), None, dtype=object)
    for name, box in domain.regions.items():
        inside = ~missing
        for label, (low, high) in box.items():
            one = values[:, domain.columns.index(label)]
            with np.errstate(invalid="ignore"):
                inside &= one >= (-np.inf if low is None else low)
                inside &= one < (np.inf if high is None else high)
        found[inside] = name
    return found


def _spoken(labels: Sequence[str], values: np.ndarray) -> str:
    """An utterance's own label, for people: ``bored``, or ``arousal 4.2, valence 3.9``."""
    if len(labels) == 1:
        return str(values[0])
    pairs = zip(labels, values, strict=True)
    return ", ".join(f"{label} {value}" for label, value in pairs)


def common_classes(
    card: HarmonisedCard, train: Collection[str], test: Collection[str]
) -> tuple[str, ...]:
    """The classes that both sides have, in the card's order.

    Raises:
        SplitError: there are fewer than two.
    """
    common = tuple(name for name in card.classes if name in set(train) & set(test))
    if len(common) < 2:
        raise SplitError(
            f"{card.id}: the sides share {len(common)} of the classes {', '.join(card.classes)} "
            f"({', '.join(sorted(set(train)))} | {', '.join(sorted(set(test)))}); at least 2 are "
            "needed."
        )
    return common


def _rescaled(
    card: HarmonisedCard, domain: Domain, own: np.ndarray, missing: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """A corpus's numbers ``(n,)`` on the card's scale, and whether each is on it."""
    values = np.where(missing, np.nan, own).astype(np.float64)
    if domain.scale is None:
        return values, ~missing
    least, most = domain.scale
    low, high = float(card.low or 0), float(card.high or 0)
    with np.errstate(invalid="ignore"):
        fits = (values >= least) & (values <= most)
    shared = low + (values - least) / (most - least) * (high - low)
    return np.clip(shared, low, high), fits


def _rows(
    card: HarmonisedCard,
    name: str,
    domain: Domain,
    id: str,
    frame: pd.DataFrame,
    labels: Sequence[str],
) -> pd.DataFrame:
    """The rows of one corpus that pass the domain's filter."""
    for wanted in (*labels, *domain.where):
        if wanted not in frame.columns:
            raise SplitError(
                f"{card.id}: domain {name!r}: {id} has no column {wanted!r}; it has "
                f"{', '.join(map(str, frame.columns))}."
            )
    passes = np.ones(len(frame), dtype=bool)
    for wanted, values in domain.where.items():
        passes &= column(frame, wanted).isin(values).to_numpy(dtype=bool)
    return frame.loc[passes].assign(corpus=id)
