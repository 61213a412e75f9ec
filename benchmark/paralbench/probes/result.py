"""What a trained probe leaves: its test predictions, and how it came by them."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from paralbench.probes.selection import Choice

Selection = Literal["development", "fixed", "none"]


@dataclass(frozen=True)
class ProbeResult:
    """One probe on one fold: a row of everything for each seed.

    Attributes:
        layer: ``mix``, or the index of the one layer it used.
        selection: what chose the hyper-parameters: ``development`` utterances; nothing, for they
            were ``fixed`` by the card; ``none`` where there are no hyper-parameters.
        seeds: the seeds.
        prediction: of the test utterances, ``(seeds, n_test)``: class indices, or numbers in the
            label's unit (a number may leave the label's scale).
        probability: of the classes, ``(seeds, n_test, n_classes)``; None for regression.
        choices: one for each seed; empty where there are no hyper-parameters.
        layer_weights: share of each layer in the mix, ``(seeds, layers)``.
        development: the utterances that chose, for each seed; for the leakage gate.
        n_train: utterances the tested probes were trained on.
    """

    layer: str
    selection: Selection
    seeds: tuple[int, ...]
    prediction: npt.NDArray[np.int64] | npt.NDArray[np.float64]
    probability: npt.NDArray[np.float64] | None
    choices: tuple[Choice, ...]
    layer_weights: npt.NDArray[np.float64]
    development: tuple[npt.NDArray[np.int64], ...]
    n_train: int
