"""One division of the utterances."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Positions = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Fold:
    """One division of a frame's rows.

    Attributes:
        name: unique within the task, such as the speaker who is left out.
        train, test: positions of rows, ascending.
        development: the same; None where the split has no such part.
    """

    name: str
    train: Positions
    test: Positions
    development: Positions | None = None

    def parts(self) -> dict[str, Positions]:
        """The parts there are, by name."""
        parts = {"train": self.train, "test": self.test}
        if self.development is not None:
            parts = {"train": self.train, "development": self.development, "test": self.test}
        return parts
