"""Label maps across corpora: what a corpus calls a class, in the words that are shared."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import pandas as pd

from paralbench.cards import Domain, HarmonisedCard
from paralbench.errors import SplitError


@dataclass(frozen=True)
class Harmonised:
    """A domain's utterances in the shared words.

    Attributes:
        frame: the corpora's rows with the shared label in ``target``.
        left_out: ``corpus, utterance, reason, detail`` of each utterance that has no such label:
            ``label-missing``, or ``label-unmapped`` with the corpus's own label.
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
        SplitError: a corpus lacks the label or a column of the filter, or nothing is left.
    """
    part = card.domains[domain]
    label = part.label or card.label
    found = [_filter(card, domain, part, id, frames[id], label) for id in part.corpora]
    rows = pd.concat(found, ignore_index=True)
    own = rows[label]
    if card.target == "regression":
        target = pd.to_numeric(own)
    else:
        shared = part.map or {name: name for name in card.classes}
        target = own.map(lambda name: shared.get(name) if isinstance(name, str) else None)
        target = target.where(target.isin(card.classes))
    fits = target.notna()
    left = rows[~fits]
    left_out = pd.DataFrame(
        {
            "corpus": left["corpus"],
            "utterance": left["utterance"],
            "reason": ["label-missing" if pd.isna(v) else "label-unmapped" for v in own[~fits]],
            "detail": [None if pd.isna(v) else str(v) for v in own[~fits]],
        }
    )
    if not fits.any():
        raise SplitError(f"{card.id}: no utterance of domain {domain!r} carries a shared label.")
    kept = rows[fits].assign(target=target[fits]).reset_index(drop=True)
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


def _filter(
    card: HarmonisedCard, name: str, domain: Domain, id: str, frame: pd.DataFrame, label: str
) -> pd.DataFrame:
    for column in (label, *domain.where):
        if column not in frame.columns:
            raise SplitError(
                f"{card.id}: domain {name!r}: {id} has no column {column!r}; it has "
                f"{', '.join(map(str, frame.columns))}."
            )
    for column, values in domain.where.items():
        frame = frame[frame[column].isin(values)]
    return frame
