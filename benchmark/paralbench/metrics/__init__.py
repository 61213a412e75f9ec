"""The metrics: each owns its direction, range, chance level and undefined cases."""

from paralbench.metrics.base import Metric
from paralbench.metrics.classes import (
    MacroF1,
    PositiveF1,
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

__all__ = ["METRICS", "Metric", "chance_normalised"]
