"""What is resampled: speakers (or sessions, or utterances), and what of each class there is."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from paralbench.metrics.base import Floats

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Units:
    """Units and the strata that they are resampled within.

    Attributes:
        of: the unit of each utterance, ``(n,)``.
        n: number of units.
        strata: the units of each stratum; one stratum unless class is an attribute of the unit.
        within_class: whether the strata are the classes.
    """

    of: Indices
    n: int
    strata: tuple[Indices, ...]
    within_class: bool = False

    @property
    def smallest(self) -> int:
        """Units in the smallest stratum."""
        return min(len(stratum) for stratum in self.strata)


def count_missing(units: Any) -> int:
    """How many utterances have no unit."""
    return int(pd.isna(np.asarray(units, dtype=object)).sum())


def make_units(units: Any) -> Units:
    """Number the units of utterances ``(n,)``, in the order of their sorted names."""
    names, of = np.unique(np.asarray(units, dtype=object).astype(str), return_inverse=True)
    return Units(of.astype(np.int64), len(names), (np.arange(len(names)),))


def holders(units: Units, truth: Indices, n_classes: int) -> npt.NDArray[np.bool_]:
    """Whether a unit has an utterance of a class, ``(units, classes)``."""
    held = np.zeros((units.n, n_classes), dtype=bool)
    held[units.of, truth] = True
    return held


def within_class(units: Units, held: npt.NDArray[np.bool_]) -> Units:
    """The same units with classes as strata, where every unit has just one class.

    Where class is an attribute of the speaker, such as gender, the corpus was made by taking so
    many speakers of each class; a resample that draws other numbers is of another corpus.
    """
    if (held.sum(axis=1) > 1).any():
        return units
    strata = tuple(np.flatnonzero(held[:, one]) for one in np.flatnonzero(held.any(axis=0)))
    return Units(units.of, units.n, strata, within_class=True)


def sum_by_unit(rows: Floats, units: Units) -> Floats:
    """Sum rows ``(..., n, k)`` of utterances over each unit: ``(units, ..., k)``."""
    order = np.argsort(units.of, kind="stable")
    starts = np.searchsorted(units.of[order], np.arange(units.n))
    return np.moveaxis(np.add.reduceat(rows[..., order, :], starts, axis=-2), -2, 0)
