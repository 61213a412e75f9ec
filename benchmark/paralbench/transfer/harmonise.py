"""Label maps across corpora: what a corpus calls a class, in the words that are shared."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from paralbench.cards import Domain, HarmonisedCard
from paralbench.errors import SplitError, UnknownNameError


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
    label = part.label or card.label
    found = [_rows(card, domain, part, id, frames[id], label) for id in part.corpora]
    rows = pd.concat(found, ignore_index=True)
    own = rows[label].to_numpy(dtype=object)
    missing = pd.isna(own)
    if card.target == "regression":
        wrong = "label-off-scale"
        target, fits = _rescaled(card, part, own, missing)
    else:
        wrong = "label-unmapped"
        shared = part.map or {name: name for name in card.classes}
        target = np.array(
            [None if none else shared.get(name) for name, none in zip(own, missing, strict=True)]
        )
        fits = np.array([name in card.classes for name in target], dtype=bool)
    left = rows.loc[~fits]
    left_out = pd.DataFrame(
        {
            "corpus": left["corpus"],
            "utterance": left["utterance"],
            "reason": np.where(missing[~fits], "label-missing", wrong),
            "detail": [
                None if none else str(v) for v, none in zip(own[~fits], missing[~fits], strict=True)
            ],
        }
    )
    if len(left) == len(rows):
        raise SplitError(
            f"{card.id}: no utterance of domain {domain!r} carries a shared label; its labels: "
            f"{', '.join(sorted({str(v) for v in own[~missing]})) or 'none'}."
        )
    shared_label = pd.Series(target[fits]).infer_objects()
    kept = rows.loc[fits].reset_index(drop=True).assign(target=shared_label)
    return Harmonised(kept, left_out.reset_index(drop=True))


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
    card: HarmonisedCard, name: str, domain: Domain, id: str, frame: pd.DataFrame, label: str
) -> pd.DataFrame:
    """The rows of one corpus that pass the domain's filter."""
    for wanted in (label, *domain.where):
        if wanted not in frame.columns:
            raise SplitError(
                f"{card.id}: domain {name!r}: {id} has no column {wanted!r}; it has "
                f"{', '.join(map(str, frame.columns))}."
            )
    passes = np.ones(len(frame), dtype=bool)
    for column, values in domain.where.items():
        passes &= frame[column].isin(values).to_numpy(dtype=bool)
    return frame.loc[passes].assign(corpus=id)
