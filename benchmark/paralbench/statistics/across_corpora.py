"""Upstreams across pairs of corpora: places, how far they hold, and whether two rankings agree.

A pair is (train, test); pairs that share a corpus are not independent, so that corpora are
resampled and left out, not pairs alone.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from paralbench.metrics.base import Floats

PERMUTATIONS = 10_000
FEWEST_CORPORA = 5  # for a bootstrap over corpora
FEWEST_UPSTREAMS = 3  # for a correlation of rankings
_DIGITS = 12  # what differs by less is equal

Pair = tuple[str, str]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Agreement:
    """Whether two rankings of the same upstreams agree.

    Attributes:
        kendall: Kendall's tau-b.
        p_value: of no association, two-sided.
        p_method: ``exact``; or ``N permutations`` where upstreams are tied.
        spearman: Spearman's rank correlation.
        low, high: 95 % interval of tau over corpora; None where these are too few.
        n: upstreams.
        reason: why there is nothing.
    """

    kendall: float | None
    p_value: float | None
    p_method: str | None
    spearman: float | None
    low: float | None
    high: float | None
    n: int
    reason: str | None = None


def no_agreement(reason: str, n: int) -> Agreement:
    """A comparison that is missing for a reason."""
    return Agreement(None, None, None, None, None, None, n, reason)


def corpora_of(pairs: Iterable[Pair]) -> list[str]:
    """The corpora of pairs, sorted."""
    return sorted({one for pair in pairs for one in pair})


def places(value: Floats) -> Floats:
    """Places by score ``(..., n)``, 1 is best, equals share the better one."""
    rounded = np.round(value, _DIGITS)
    return 1.0 + (rounded[..., None, :] > rounded[..., :, None]).sum(axis=-1)


def place_range(scores: Floats, kept: Iterable[Mask]) -> tuple[Floats, Floats]:
    """The best and the worst place by the mean over each part of the pairs.

    Args:
        scores: ``(upstreams, pairs)``.
        kept: which pairs each part has; one without a pair is passed over.

    Returns:
        both ``(upstreams,)``; NaN where no part has a pair.
    """
    found = [places(scores[:, part].mean(axis=1)) for part in kept if part.any()]
    if not found:
        nothing = np.full(len(scores), np.nan)
        return nothing, nothing
    return np.min(found, axis=0), np.max(found, axis=0)


def without_each_pair(pairs: Sequence[Pair]) -> list[Mask]:
    """For each pair the others."""
    return [np.arange(len(pairs)) != one for one in range(len(pairs))]


def without_each_corpus(pairs: Sequence[Pair]) -> list[Mask]:
    """For each corpus the pairs that it is not in."""
    return [np.array([one not in pair for pair in pairs]) for one in corpora_of(pairs)]


def resampled_pairs(pairs: Sequence[Pair], resamples: int, rng: np.random.Generator) -> Floats:
    """Weights of the pairs in resamples of corpora ``(resamples, pairs)``, which sum to 1.

    A pair counts as often as both its corpora were drawn; a corpus is no pair with itself, and a
    resample without any pair is drawn again.
    """
    corpora = corpora_of(pairs)
    train = np.array([corpora.index(one) for one, _ in pairs])
    test = np.array([corpora.index(one) for _, one in pairs])
    found, have = [], 0
    while have < resamples:
        picks = rng.integers(len(corpora), size=(resamples, len(corpora)))
        counts = np.stack([(picks == one).sum(axis=1) for one in range(len(corpora))], axis=1)
        weights = (counts[:, train] * counts[:, test]).astype(np.float64)
        weights = weights[weights.sum(axis=1) > 0][: resamples - have]
        found.append(weights / weights.sum(axis=1, keepdims=True))
        have += len(weights)
    return np.concatenate(found)


def agreement(
    one: Floats, other: Floats, pairs: Sequence[Pair], *, seed: int, resamples: int = 2000
) -> Agreement:
    """Whether upstreams rank alike by the means of two scores of the same pairs.

    The interval resamples corpora, the p-value permutes upstreams: the one is about other corpora,
    the other about these.

    Args:
        one: ``(upstreams, pairs)``.
        other: the same.
        pairs: what the columns are.
        seed: of resamples and permutations.
        resamples: of corpora.
    """
    n = len(one)
    if n < FEWEST_UPSTREAMS:
        return no_agreement(f"{n} upstreams; at least {FEWEST_UPSTREAMS} are needed", n)
    means = one.mean(axis=1), other.mean(axis=1)
    tau = float(kendall(*means))
    if np.isnan(tau):
        return no_agreement("all upstreams score the same", n)
    rng = np.random.default_rng(seed)
    p_value, p_method = _p_value(*means, tau, rng)
    low = high = None
    if len(corpora_of(pairs)) >= FEWEST_CORPORA:
        weights = resampled_pairs(pairs, resamples, rng)
        drawn = kendall(weights @ one.T, weights @ other.T)
        low, high = (float(end) for end in np.nanquantile(drawn, [0.025, 0.975]))
    rho = _correlation(*(_mean_ranks(mean) for mean in means))
    return Agreement(tau, p_value, p_method, rho, low, high, n)


def kendall(one: Floats, other: Floats) -> Floats:
    r"""Kendall's tau-b of scores ``(..., n)``, shape ``(...)``; NaN where one does not vary.

    .. math::

        \tau_b = \frac{\sum_{i<j} s_{ij} t_{ij}}{\sqrt{\sum_{i<j} s_{ij}^2 \sum_{i<j} t_{ij}^2}}

    with the signs s and t of the differences.

    Source: Kendall, The treatment of ties in ranking problems, Biometrika 33 (1945).
    """
    first, second = np.broadcast_arrays(_signs(one), _signs(other))
    spread = np.sqrt((first**2).sum(axis=-1) * (second**2).sum(axis=-1))
    agree = (first * second).sum(axis=-1)
    return np.divide(agree, spread, out=np.full(spread.shape, np.nan), where=spread > 0)


def _correlation(one: Floats, other: Floats) -> float:
    first, second = one - one.mean(), other - other.mean()
    return float(first @ second / np.sqrt((first @ first) * (second @ second)))


def _signs(value: Floats) -> Floats:
    """The signs of the differences of each two scores, ``(..., pairs of upstreams)``."""
    first, second = np.triu_indices(value.shape[-1], 1)
    rounded = np.round(value, _DIGITS)
    return np.sign(rounded[..., first] - rounded[..., second])


def _p_value(one: Floats, other: Floats, tau: float, rng: np.random.Generator) -> tuple[float, str]:
    """Of no association, two-sided: exact without ties, else of permutations of one side."""
    from scipy.stats import kendalltau

    sides = [np.round(side, _DIGITS) for side in (one, other)]
    if all(len(np.unique(side)) == len(side) for side in sides):
        found = kendalltau(*sides, method="exact")
        return float(found.pvalue), "exact"  # type: ignore[attr-defined]
    drawn = kendall(rng.permuted(np.tile(one, (PERMUTATIONS, 1)), axis=1), other)
    as_large = int((np.abs(drawn) >= abs(tau) - 1e-12).sum())
    return (as_large + 1) / (PERMUTATIONS + 1), f"{PERMUTATIONS} permutations"


def _mean_ranks(value: Floats) -> Floats:
    rounded = np.round(value, _DIGITS)
    less = (rounded[None, :] < rounded[:, None]).sum(axis=1)
    same = (rounded[None, :] == rounded[:, None]).sum(axis=1)
    return less + (same + 1) / 2
