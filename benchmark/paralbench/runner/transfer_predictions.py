"""Predictions read back from a run folder, as arrays."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from paralbench.statistics.sample import Unit
from paralbench.tables import RunFolder
from paralbench.tables.frames import column

Floats = npt.NDArray[np.float64]
Positions = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Predicted:
    """Out-of-fold predictions of one probe.

    Attributes:
        names: ``corpus/utterance`` of each utterance, sorted, ``(n,)``.
        unit: what is resampled: the speaker; where none is known the session, else the utterance.
        units: ``corpus/speaker`` or ``corpus/session``, ``(n,)``; None where one is unknown.
        truth: class indices, or numbers, ``(n,)``.
        prediction: the same for each seed, ``(seeds, n)``.
        probability: of the classes, ``(seeds, n, classes)``; None where there is none.
    """

    names: npt.NDArray[np.str_]
    unit: Unit
    units: npt.NDArray[np.str_] | None
    truth: np.ndarray
    prediction: np.ndarray
    probability: Floats | None

    def take(self, rows: Positions) -> "Predicted":
        """The utterances at these positions."""
        return replace(
            self,
            names=self.names[rows],
            units=None if self.units is None else self.units[rows],
            truth=self.truth[rows],
            prediction=self.prediction[:, rows],
            probability=None if self.probability is None else self.probability[:, rows],
        )


def in_common(one: Predicted, other: Predicted) -> tuple[Predicted, Predicted]:
    """Both on the utterances that both predict, in the same order."""
    _, first, second = np.intersect1d(one.names, other.names, return_indices=True)
    return one.take(first), other.take(second)


def classes_of(folder: RunFolder, cell: str) -> tuple[str, ...]:
    """A done cell's classes, in their order; empty for regression."""
    frame = folder.read_cells("confusion", [cell], ["truth"])
    return tuple(dict.fromkeys(column(frame, "truth").astype(str)))


def read_predictions(
    folder: RunFolder, cell: str, classes: tuple[str, ...]
) -> dict[str, Predicted]:
    """A cell's predictions by layer.

    Raises:
        StoreError: the file is damaged.
    """
    frame = folder.read_cells("predictions", [cell])
    if frame.empty:
        return {}
    frame = frame.assign(name=frame["corpus"] + "/" + frame["utterance"])
    frame = frame.sort_values(["seed", "name"], kind="stable")
    return {
        str(layer): _of_layer(part, classes) for layer, part in frame.groupby("layer", sort=False)
    }


def _of_layer(frame: pd.DataFrame, classes: tuple[str, ...]) -> Predicted:
    n_seeds = column(frame, "seed").nunique()
    first = frame.iloc[: len(frame) // n_seeds]
    unit: Unit = "utterance"
    if column(first, "speaker").notna().any():
        unit = "speaker"
    elif column(first, "session").notna().any():
        unit = "session"
    units = None
    if unit != "utterance" and not column(first, unit).isna().any():
        units = (first["corpus"] + "/" + first[unit]).to_numpy(dtype=str)
    columns = [f"probability {name}" for name in classes]
    probability = None
    if classes and set(columns) <= set(frame.columns):
        found = frame[columns].to_numpy(dtype=np.float64)
        if not np.isnan(found).any():
            probability = found.reshape(n_seeds, len(first), len(classes))
    return Predicted(
        column(first, "name").to_numpy(dtype=str),
        unit,
        units,
        _values(column(first, "truth"), classes),
        _values(column(frame, "prediction"), classes).reshape(n_seeds, len(first)),
        probability,
    )


def _values(told: pd.Series, classes: tuple[str, ...]) -> np.ndarray:
    if classes:
        return pd.Index(classes).get_indexer(pd.Index(told)).astype(np.int64)
    return told.to_numpy(dtype=np.float64)
