"""How probable is it that one upstream is better than another across tasks, or much the same?"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

PRIOR = 0.5  # weight of one made-up task without a difference
_CELLS_AT_ONCE = 4_000_000  # weights held in memory, 32 MB


@dataclass(frozen=True)
class Probabilities:
    """What is believed after seeing the tasks; the three sum to 1.

    Attributes:
        first: that the first is better by more than the region of practical equivalence.
        rope: that the two are equivalent in practice.
        second: that the second is better by more than that.
    """

    first: float
    rope: float
    second: float


def signed_rank(
    differences: npt.ArrayLike,
    rope: float,
    *,
    seed: int,
    samples: int = 50_000,
    prior: float = PRIOR,
) -> Probabilities:
    r"""The Bayesian signed-rank test with a region of practical equivalence (rope).

    Differences :math:`z_1 \dots z_n` and a made-up :math:`z_0 = 0` of weight ``prior`` get weights
    :math:`w \sim \text{Dirichlet}(s, 1, \dots, 1)`. A draw of w gives

    .. math::

        \theta_\text{first} = \sum_{i,j} w_i w_j I(z_i + z_j > 2r), \qquad
        \theta_\text{second} = \sum_{i,j} w_i w_j I(z_i + z_j < -2r)

    and the rest to the rope. The probabilities are the shares of the draws in which each is the
    largest. A sum right at the edge counts half to either side, as does a draw without a single
    largest share. With a rope of 0 no equivalence is asked about, and its probability is 0.

    Source: Benavoli, Corani, Mangili, Zaffalon and Ruggeri, A Bayesian Wilcoxon signed-rank test
    based on the Dirichlet process, ICML (2014); Benavoli, Corani, Demsar and Zaffalon, Time for a
    change, JMLR 18 (2017).

    Args:
        differences: first minus second on each task, ``(n,)``, on one scale, higher is better.
        rope: half-width r of the region, in the same unit; at least 0.
        seed: of the draws.
        samples: how many draws.
        prior: weight of the made-up task, above 0.

    Raises:
        ValueError: there is no difference, one is not finite, or ``rope`` or ``prior`` is not
            allowed.
    """
    given = np.asarray(differences, dtype=np.float64)
    if given.ndim != 1 or not len(given) or not np.isfinite(given).all():
        raise ValueError(f"differences: finite numbers (n,) are needed, not {differences!r}.")
    if rope < 0 or prior <= 0:
        raise ValueError(f"rope {rope} must be 0 or more, and prior {prior} above 0.")
    z = np.concatenate([[0.0], given])
    sums = z[:, None] + z
    better, worse = _beyond(sums, 2 * rope), _beyond(-sums, 2 * rope)
    alpha = np.concatenate([[prior], np.ones(len(given))])
    rng = np.random.default_rng(seed)
    won = np.zeros(3)
    block = max(1, _CELLS_AT_ONCE // len(z))
    for start in range(0, samples, block):
        w = rng.dirichlet(alpha, min(block, samples - start))
        first = ((w @ better) * w).sum(axis=1)
        second = ((w @ worse) * w).sum(axis=1)
        middle = 1 - first - second if rope > 0 else np.full(len(w), -1.0)
        theta = np.stack([first, middle, second], axis=1)
        largest = theta >= theta.max(axis=1, keepdims=True) - 1e-12
        won += (largest / largest.sum(axis=1, keepdims=True)).sum(axis=0)
    return Probabilities(*(won / samples).tolist())


def _beyond(sums: npt.NDArray[np.float64], edge: float) -> npt.NDArray[np.float64]:
    """1 beyond the edge, one half on it, 0 before it; what rounding moves is on it."""
    gap = sums - edge
    near = 1e-12 * max(1.0, float(np.abs(sums).max()))
    return np.where(np.abs(gap) <= near, 0.5, (gap > 0).astype(np.float64))
