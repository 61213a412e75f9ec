"""What a probe is to predict: classes, or numbers on the card's scale."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from paralbench.errors import ProbeError


@dataclass(frozen=True)
class Target:
    """The labels of all utterances of a problem, test ones included; only train's are read.

    Attributes:
        kind: ``classes`` or ``regression``.
        values: class indices ``(n,)`` int64, or numbers ``(n,)`` float64 in the label's unit.
        n_classes: number of classes; 0 for regression.
        low, high: the label's scale, for regression.
    """

    kind: Literal["classes", "regression"]
    values: npt.NDArray[np.int64] | npt.NDArray[np.float64]
    n_classes: int = 0
    low: float = 0.0
    high: float = 1.0

    @classmethod
    def of_classes(cls, indices: npt.ArrayLike, n_classes: int) -> "Target":
        """Class indices from 0 to ``n_classes - 1``."""
        return cls("classes", np.asarray(indices, dtype=np.int64), n_classes)

    @classmethod
    def of_numbers(cls, values: npt.ArrayLike, low: float, high: float) -> "Target":
        """Numbers on a scale from ``low`` to ``high``."""
        return cls("regression", np.asarray(values, dtype=np.float64), 0, low, high)

    @property
    def n_outputs(self) -> int:
        """Outputs of the linear layer."""
        return self.n_classes if self.kind == "classes" else 1

    def check(self, train: npt.NDArray[np.int64]) -> None:
        """Check that the training utterances can teach anything.

        Raises:
            ProbeError: there are none, fewer than two classes among them, or a number that is
                missing, off the scale, or the same for all.
        """
        if not len(train):
            raise ProbeError("no utterance to train on.")
        values = self.values[train]
        if self.kind == "classes":
            if values.min() < 0 or values.max() >= self.n_classes:
                raise ProbeError(
                    f"class indices {values.min()} to {values.max()} are not allowed. Allowed: "
                    f"0 to {self.n_classes - 1}."
                )
            found = np.unique(values)
            if len(found) < 2:
                raise ProbeError(
                    f"the {len(train)} training utterances hold one class (index {found[0]}) of "
                    f"{self.n_classes}: a probe needs two or more. Check the split."
                )
            return
        if not np.isfinite(values).all():
            bad = int((~np.isfinite(values)).sum())
            raise ProbeError(f"{bad} of {len(train)} training targets are missing or not finite.")
        if values.min() < self.low or values.max() > self.high:
            raise ProbeError(
                f"training targets from {values.min():g} to {values.max():g} leave the card's "
                f"scale, low {self.low:g} to high {self.high:g}: correct the card or the labels."
            )
        if np.ptp(values) == 0:
            raise ProbeError(f"all {len(train)} training targets are {values[0]:g}.")

    def class_weights(self, train: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Weights ``(n_classes,)`` that give each training class the same say.

        n / (K n_k) over the K classes that occur, as scikit-learn's ``balanced``: their mean over
        the training utterances is 1. A class that does not occur weighs 0.
        """
        counts = np.bincount(self.values[train], minlength=self.n_classes).astype(np.float64)
        present = counts > 0
        weights = np.zeros(self.n_classes)
        weights[present] = counts.sum() / (present.sum() * counts[present])
        return weights
