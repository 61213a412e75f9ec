"""What a trained probe leaves: its test predictions, and how it came by them."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Selection = Literal["development", "fixed", "none"]

MIX, CHOSEN = "mix", "chosen"  # a probe on a mix of the layers; on the one that development chose


@dataclass(frozen=True)
class Choice:
    """The hyper-parameters of one probe; what its recipe does not have is None.

    Attributes:
        learning_rate, weight_decay, steps: of a probe trained by gradient descent.
        score: the primary metric on development; None where nothing was chosen.
        layer: the layer that was chosen.
        setting: what else was chosen, such as ``shrinkage 0.3``.
    """

    learning_rate: float | None = None
    weight_decay: float | None = None
    steps: int | None = None
    score: float | None = None
    layer: int | None = None
    setting: str | None = None


@dataclass(frozen=True)
class ProbeResult:
    """One probe on one fold: a row of everything for each seed.

    Attributes:
        layer: ``mix``; ``chosen`` where each seed has the one that its development utterances
            chose; or the index of the one layer it used.
        selection: what chose the hyper-parameters: ``development`` utterances; nothing, for they
            were ``fixed`` by the card; ``none`` where there are no hyper-parameters.
        seeds: the seeds.
        prediction: of the test utterances, ``(seeds, n_test)``: class indices, or numbers in the
            label's unit (a number may leave the label's scale).
        probability: of the classes, ``(seeds, n_test, n_classes)``; None for regression, and
            where the probe gives none.
        choices: one for each seed; empty where there are no hyper-parameters.
        layer_weights: share of each layer in the mix, ``(seeds, layers)``; one column of ones
            where nothing is mixed.
        n_train: utterances the tested probes were trained on.
    """

    layer: str
    selection: Selection
    seeds: tuple[int, ...]
    prediction: npt.NDArray[np.int64] | npt.NDArray[np.float64]
    probability: npt.NDArray[np.float64] | None
    choices: tuple[Choice, ...]
    layer_weights: npt.NDArray[np.float64]
    n_train: int
