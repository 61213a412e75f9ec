"""Bringing corpora nearer to each other without the labels of the tested one.

Both ways read unlabelled test data: rows made with them are stamped ``transductive``. They are of
transfer settings alone, since within a corpus there is nothing to bring nearer.

``corpus``: each corpus's features have mean 0 and standard deviation 1, by its own statistics.
``coral``: correlation alignment, which then also gives each training corpus the correlations of the
tested domain.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd

from paralbench.errors import ProbeError
from paralbench.tables.frames import column

ACROSS = ("corpus", "coral")  # these names of normalisations
SHRINKAGE = 0.5  # of CORAL: correlations plus the identity, as its authors have it

# What is worked on at once, so that copies of large corpora stay small.
_ROWS, _NUMBERS = 1 << 16, 1 << 26

Floats32 = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]


def adapt(how: str, features: Floats32, frame: pd.DataFrame, test: npt.ArrayLike) -> Floats32:
    """Features adapted in one of the ways of :data:`ACROSS`.

    Args:
        how: ``corpus`` or ``coral``.
        features: ``(n, layers, dim)``.
        frame: the utterances' rows, with ``corpus`` and ``domain``.
        test: positions of tested utterances; all of the domain that they are of is the target.

    Raises:
        ProbeError: a corpus has a single utterance, which has no deviation.
    """
    domain = column(frame, "domain").to_numpy(dtype=object)
    corpora = (domain + "/" + column(frame, "corpus").to_numpy(dtype=object)).astype(str)
    if how == "corpus":
        return by_corpus(features, corpora)
    (tested,) = set(domain[np.asarray(test)])
    return coral(features, corpora, domain == tested)


def by_corpus(features: Floats32, corpora: npt.NDArray[np.str_]) -> Floats32:
    """Each corpus's features with mean 0 and standard deviation 1, per layer and dimension.

    A dimension that a corpus does not vary becomes 0.

    Args:
        features: ``(n, layers, dim)``.
        corpora: of each utterance, ``(n,)``.

    Raises:
        ProbeError: a corpus has a single utterance.
    """
    out = np.empty_like(features)
    for rows in _groups(corpora):
        for layer in range(features.shape[1]):
            out[rows, layer] = _standardised(features[rows, layer])
    return out


def coral(
    features: Floats32,
    corpora: npt.NDArray[np.str_],
    tested: npt.NDArray[np.bool_],
    shrinkage: float = SHRINKAGE,
) -> Floats32:
    r"""Correlation alignment of each training corpus to the tested domain, layer by layer.

    Every side is standardised by its own statistics; then training features are multiplied by

    .. math::

        C_S^{-1/2} \, C_T^{1/2}, \qquad C = (1 - \lambda) R + \lambda I

    with the correlations R of the training corpus (S) and the tested domain (T). With a shrinkage
    :math:`\lambda` of 0 the training features have the tested domain's correlations; that of 1/2
    is the identity that the authors add to R, since the factor of 2 cancels out.

    Source: Sun, Feng and Saenko, Return of frustratingly easy domain adaptation, AAAI (2016),
    algorithm 1.

    Args:
        features: ``(n, layers, dim)``.
        corpora: of each utterance, ``(n,)``.
        tested: whether an utterance is of the tested domain, ``(n,)``.
        shrinkage: from 0 to 1; above 0 where a corpus has fewer utterances than dimensions.

    Raises:
        ProbeError: a corpus has a single utterance.
    """
    out = np.empty_like(features)
    target = np.flatnonzero(tested)
    sources = [np.setdiff1d(rows, target) for rows in _groups(corpora)]
    for layer in range(features.shape[1]):
        aim = _standardised(features[target, layer])
        out[target, layer] = aim
        colour = _Root(aim, shrinkage, 0.5)
        for rows in sources:
            if len(rows):
                whiten = _Root(own := _standardised(features[rows, layer]), shrinkage, -0.5)
                for start in range(0, len(rows), _ROWS):
                    some = slice(start, start + _ROWS)
                    out[rows[some], layer] = colour(whiten(own[some]))
    return out


class _Root:
    """Multiplies by a power of ``(1 - shrinkage) R + shrinkage I``, for the correlations R of rows.

    The eigenvectors are those of the rows; where there are fewer of these than dimensions, the rest
    of the space has the eigenvalue ``shrinkage`` and needs none.

    Args:
        rows: standardised features, ``(n, dim)``.
        shrinkage: see :func:`coral`.
        power: 1/2 or -1/2.
    """

    def __init__(self, rows: Floats, shrinkage: float, power: float):
        n, dim = rows.shape
        if n < dim:
            squares, left = np.linalg.eigh(rows @ rows.T / n)
            # Directions that rounding made up are those of the rest.
            kept = squares > squares[-1] * n * np.finfo(float).eps
            squares, left = squares[kept], left[:, kept]
            self._vectors = rows.T @ left / np.sqrt(n * squares)
        else:
            squares, self._vectors = np.linalg.eigh(rows.T @ rows / n)
        self._rest = _power(np.array([shrinkage]), power)[0] if n < dim else 0.0
        self._values = _power((1 - shrinkage) * squares + shrinkage, power) - self._rest

    def __call__(self, features: Floats) -> Floats:
        """The product with features ``(n, dim)``."""
        along = (features @ self._vectors) * self._values
        return self._rest * features + along @ self._vectors.T


def _power(values: Floats, power: float) -> Floats:
    """Powers of eigenvalues; 0 where there is no variance, as a pseudo-inverse has it."""
    found = np.zeros_like(values)
    varies = values > 1e-10 * max(float(values.max()), 1.0)
    found[varies] = values[varies] ** power
    return found


def _standardised(features: Floats32) -> Floats:
    """Features ``(n, dim)`` with mean 0 and standard deviation 1; constant dimensions are 0."""
    found = np.empty(features.shape)
    size = max(2, _NUMBERS // len(features))  # dimensions at once
    for start in range(0, features.shape[1], size):
        part = features[:, start : start + size].astype(np.float64)
        deviation = part.std(axis=0)
        varies = deviation > 1e-6 * np.abs(part).max(axis=0)
        part -= part.mean(axis=0)
        some = found[:, start : start + size]
        some[:] = 0.0
        np.divide(part, deviation, out=some, where=varies)
    return found


def _groups(corpora: npt.NDArray[np.str_]) -> Iterator[npt.NDArray[np.int64]]:
    for one in np.unique(corpora):
        rows = np.flatnonzero(corpora == one)
        if len(rows) < 2:
            raise ProbeError(
                f"{one.partition('/')[2]} has one utterance here, which has no deviation to "
                "normalise by; use --normalisations none."
            )
        yield rows
