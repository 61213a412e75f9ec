"""The metrics: each owns its direction, range, chance level and undefined cases."""

from paralbench.metrics.base import Metric
from paralbench.metrics.calibration import BrierScore, CalibrationError
from paralbench.metrics.classes import (
    MacroF1,
    NormalisedAverageRecall,
    PositiveF1,
    Recall,
    UnweightedAverageRecall,
    WeightedAccuracy,
    WeightedF1,
    chance_normalised,
)
from paralbench.metrics.regression import (
    ConcordanceCorrelation,
    MeanAbsoluteError,
    PearsonCorrelation,
)

# What a card may choose. Recall, chance-normalised UAR, Brier score and calibration error are not
# among them: they are rows beside the chosen ones.
METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        UnweightedAverageRecall(),
        WeightedAccuracy(),
        WeightedF1(),
        MacroF1(),
        PositiveF1(),
        ConcordanceCorrelation(),
        PearsonCorrelation(),
        MeanAbsoluteError(),
    )
}

__all__ = [
    "METRICS",
    "BrierScore",
    "CalibrationError",
    "Metric",
    "NormalisedAverageRecall",
    "Recall",
    "chance_normalised",
]
