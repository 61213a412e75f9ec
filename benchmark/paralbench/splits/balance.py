"""Dividing groups so that every side has its share of every class."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_RESTARTS = 32
_MOST_TO_ENUMERATE = 12  # groups: 4,096 subsets


def into_folds(counts: Floats, n_folds: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """The fold of each group, so that folds are alike in size and classes.

    Large groups go first, each to the fold where it disturbs the balance least, as in
    scikit-learn's StratifiedGroupKFold; of several random orders the one is kept that leaves the
    fewest folds without a class, then the one that is best balanced.

    Args:
        counts: utterances of each class in each group, ``(groups, classes)``.
        n_folds: at most the number of groups.
        rng: the source of chance.

    Returns:
        ``(groups,)``; no fold is empty.
    """
    share = counts / counts.sum(axis=0)
    best, best_score = np.zeros(len(counts), dtype=np.int64), (np.inf, np.inf, np.inf)
    for _ in range(_RESTARTS):
        fold = _one_division(share, n_folds, rng)
        held = np.zeros((n_folds, share.shape[1]))
        np.add.at(held, fold, share)
        empty = n_folds - len(np.unique(fold))
        score = (empty, int((held == 0).sum()), float((held**2).sum()))
        if score < best_score:
            best, best_score = fold, score
    return best


def _one_division(share: Floats, n_folds: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    fold = np.zeros(len(share), dtype=np.int64)
    held = np.zeros((n_folds, share.shape[1]))
    sizes = np.zeros(n_folds)
    order = np.argsort(-share.sum(axis=1) * rng.uniform(0.5, 1.5, len(share)), kind="stable")
    for group in order:
        disturbance = ((held + share[group]) ** 2 - held**2).sum(axis=1)
        # Rounded, so that equal folds are told apart by their size, then by chance.
        chosen = np.lexsort((rng.random(n_folds), sizes, disturbance.round(12)))[0]
        fold[group] = chosen
        held[chosen] += share[group]
        sizes[chosen] += share[group].sum()
    return fold


def one_side(counts: Floats, required: Mask, share: float, rng: np.random.Generator) -> Mask | None:
    """Choose groups that hold about a share of every class.

    Args:
        counts: utterances of each class in each group, ``(groups, classes)``.
        required: classes that must be on both sides, ``(classes,)``.
        share: the wanted share, between 0 and 1.
        rng: the source of chance; it chooses among equally good sides.

    Returns:
        whether a group is chosen, ``(groups,)``; None if no choice was found that leaves something
        on both sides and every required class on both. With 12 groups or fewer there is none then.
    """
    weights = counts / counts.sum(axis=0)
    n = len(weights)
    if n < 2:
        return None
    if n <= _MOST_TO_ENUMERATE:
        candidates = (np.arange(1, 2**n - 1)[:, None] >> np.arange(n)) & 1 == 1
    else:
        candidates = np.stack([_search(weights, required, share, rng) for _ in range(_RESTARTS)])
    # As numbers, because a product of truth values would be a truth value.
    present = (weights > 0).astype(np.float64)
    cost = _cost(candidates @ weights, candidates @ present, weights, required, share)
    cost[~candidates.any(axis=1) | candidates.all(axis=1)] = np.inf
    if cost.min() >= _MISSING:
        return None
    # Sides that miss the share by no more than one group of average size are equally good. Else
    # the group whose odd size fits best, and no other, would be the development part of each fold.
    good = max(cost.min() + 1e-9, weights.shape[1] / n**2)
    return candidates[rng.choice(np.flatnonzero(cost <= good))]


_MISSING = 1e3  # the cost of a class that one side lacks; imbalance costs far less


def _cost(held: Floats, holders: Floats, weights: Floats, required: Mask, share: float) -> Floats:
    """Imbalance of sides ``(..., classes)``, and a high price for lacking classes."""
    total = (weights > 0).sum(axis=0)
    lacking = ((holders == 0) | (holders == total)) & required
    return ((held - share) ** 2).sum(axis=-1) + _MISSING * lacking.sum(axis=-1)


def _search(weights: Floats, required: Mask, share: float, rng: np.random.Generator) -> Mask:
    """From a random side, move the group that helps most, until none does."""
    side = rng.random(len(weights)) < share
    present = (weights > 0).astype(np.float64)
    while True:
        sign = np.where(side, -1.0, 1.0)[:, None]
        held, holders = side @ weights, side @ present
        now = _cost(held, holders, weights, required, share)
        moved = _cost(held + sign * weights, holders + sign * present, weights, required, share)
        best = int(np.argmin(moved))
        if moved[best] >= now - 1e-12:
            return side
        side[best] = ~side[best]
