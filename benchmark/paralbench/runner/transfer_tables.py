"""What is said of transfer settings once their cells and ceilings are done.

These tables compare cells with one another, so that no cell can write them alone. They are made of
the run folder's other tables, under the name of the setting's cell; where they are there and were
made of the same cells they are left alone, and a run that is gone on with gives the same.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from paralbench.cards import Catalogue, HarmonisedCard
from paralbench.cards.domains import shared_classes, why_no_ceiling
from paralbench.probes.recipes import get_recipe
from paralbench.runner.pairs import KIND
from paralbench.runner.transfer_drops import Ceiling, drop_rows
from paralbench.runner.transfer_predictions import Predicted, classes_of, read_predictions
from paralbench.runner.transfer_priors import prior_rows
from paralbench.tables import TABLES, RunFolder, slots
from paralbench.tables.frames import column, records, rows
from paralbench.transfer.adaptation import ACROSS
from paralbench.transfer.scale_shift import scale_shift

COMPARED = ("pair", "leave-one-corpus-out", "pooled", "growth")


def write_transfer_tables(
    folder: RunFolder, catalogue: Catalogue, seed: int, upstream: str | None = None
) -> int:
    """Write ``drops``, ``priors``, ``class_priors`` and ``shifts`` of the done transfer cells.

    Args:
        folder: the run.
        catalogue: the cards.
        seed: of the resamples.
        upstream: only the cells of this one; None: all.

    Returns:
        how many cells' tables were written.

    Raises:
        StoreError: a file of the run is damaged.
    """
    run = _Run(folder, catalogue, seed)
    written = 0
    for slot, cell in folder.cells().items():
        parts = slots.split(slot)
        if parts["setting"] not in COMPARED or parts["task"] not in catalogue.harmonised:
            continue
        if upstream in (None, parts["upstream"]) and folder.done(cell):
            written += run.write(cell, parts)
    return written


@dataclass
class _Run:
    """Reads what several settings are compared with once."""

    folder: RunFolder
    catalogue: Catalogue
    seed: int
    _ceilings: dict[str, Ceiling] = field(default_factory=dict)
    _classes: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @cached_property
    def _planned(self) -> dict[tuple[str, ...], list[tuple[str, str]]]:
        """What trains and the cell of every ceiling, by the other parts of its slot."""
        found: dict[tuple[str, ...], list[tuple[str, str]]] = {}
        for slot, cell in self.folder.cells().items():
            parts = slots.split(slot)
            if parts["setting"] == "ceiling":
                found.setdefault(_place(parts, parts["test"]), []).append((parts["train"], cell))
        return found

    def write(self, cell: str, parts: Mapping[str, str]) -> bool:
        """Write the tables of a cell; False where they are there already."""
        card = self.catalogue.harmonised.get(parts["task"])
        classes = self.classes(cell)
        ceiling = self.ceiling(card, parts, parts["test"], classes)
        trained = slots.domains_of(parts["train"])
        if len(trained) == 1:
            source = self.ceiling(card, parts, trained[0], classes)
        else:
            source = Ceiling(None, {}, {}, "several corpora were trained on")
        if self._made_of(cell, ceiling, source, bool(classes)):
            return False
        layers = read_predictions(self.folder, cell, classes)
        facts = self._facts(cell)
        frames = {
            "drops": drop_rows(
                cell,
                card.metrics,
                classes,
                layers,
                _pooled(self.folder.read_cells("scores", [cell])),
                ceiling,
                facts.get("languages"),
                self.seed,
            )
        }
        if classes:
            found = prior_rows(
                cell,
                classes,
                layers,
                get_recipe(parts["recipe"]),
                _counts(facts, classes),
                source,
                ceiling,
                transductive=parts["normalisation"] != "none",
            )
            frames |= {"priors": found.variants, "class_priors": found.classes}
        else:
            frames["shifts"] = _shift_rows(cell, layers)
        tables = {
            name: pd.DataFrame(found, columns=TABLES[name].names) for name, found in frames.items()
        }
        # The table that says what they were made of comes last.
        self.folder.write(cell, {name: tables[name] for name in sorted(tables, key="drops".__eq__)})
        return True

    def ceiling(
        self,
        card: HarmonisedCard,
        parts: Mapping[str, str],
        domain: str,
        classes: tuple[str, ...],
    ) -> Ceiling:
        """The ceiling of a domain on these classes, for the same probe; or why there is none."""
        why = None
        for train, cell in self._planned.get(_place(parts, domain), []):
            if self.folder.done(cell):
                if self.classes(cell) == classes:
                    return self._read(cell, classes)
            elif self.folder.failed(cell):
                about = slots.classes_of(train) or shared_classes(card, domain, self.catalogue)
                if set(classes) == set(about):
                    frame = self.folder.read_cells("failures", [cell], ["message"])
                    message = str(column(frame, "message").iloc[0]).splitlines()[0]
                    why = f"the ceiling failed: {message}"
        if why is None and domain in card.domains:
            why = why_no_ceiling(card, domain, self.catalogue)
        return Ceiling(None, {}, {}, why or "no ceiling on these classes was run")

    def classes(self, cell: str) -> tuple[str, ...]:
        """The classes of a done cell."""
        if cell not in self._classes:
            self._classes[cell] = classes_of(self.folder, cell)
        return self._classes[cell]

    def _read(self, cell: str, classes: tuple[str, ...]) -> Ceiling:
        if cell not in self._ceilings:
            scores = _pooled(self.folder.read_cells("scores", [cell]))
            n_train = dict(zip(scores["layer"], scores["n_train"].astype(int), strict=True))
            layers = read_predictions(self.folder, cell, classes)
            self._ceilings[cell] = Ceiling(cell, layers, n_train)
        return self._ceilings[cell]

    def _facts(self, cell: str) -> dict[str, str]:
        frame = self.folder.read_cells("manifest", [cell])
        found = records(rows(frame, frame["kind"] == KIND))
        return {row["key"]: row["value"] for row in found}

    def _made_of(self, cell: str, ceiling: Ceiling, source: Ceiling, classes: bool) -> bool:
        """Whether the cell's tables are there and were made of these ceilings."""
        drops = self.folder.read_cells("drops", [cell], ["ceiling_cell", "reason"])
        if drops.empty or not _same(drops, "ceiling_cell", ceiling):
            return False
        if not classes:
            return True
        priors = self.folder.read_cells("priors", [cell], ["variant", "source_cell", "reason"])
        own = rows(priors, priors["variant"] == "in-corpus")
        return not own.empty and _same(own, "source_cell", source)


def _same(frame: pd.DataFrame, name: str, ceiling: Ceiling) -> bool:
    first = records(frame)[0]
    if ceiling.cell is not None:
        return first[name] == ceiling.cell
    return pd.isna(first[name]) and first["reason"] == ceiling.reason


def _place(parts: Mapping[str, str], domain: str) -> tuple[str, ...]:
    # Within a corpus there is nothing to bring nearer.
    normalisation = "none" if parts["normalisation"] in ACROSS else parts["normalisation"]
    return parts["task"], domain, parts["upstream"], parts["recipe"], normalisation


def _pooled(scores: pd.DataFrame) -> pd.DataFrame:
    """Scores of the pooled predictions, averaged over the seeds, of all training speakers."""
    return rows(
        scores,
        (scores["fold"] == "all")
        & (scores["seed"] == "mean")
        & (scores["train_share"] == 1.0)
        & scores["group"].isna()
        & scores["class"].isna(),
    ).replace({np.nan: None})


def _counts(facts: Mapping[str, str], classes: Iterable[str]) -> np.ndarray | None:
    names = [f"train_count {name}" for name in classes]
    if not set(names) <= set(facts):
        return None
    return np.array([float(facts[name]) for name in names])


def _shift_rows(cell: str, layers: Mapping[str, Predicted]) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    for layer, one in layers.items():
        shift = scale_shift(one.truth.astype(np.float64), one.prediction.astype(np.float64))
        columns = {
            "ccc": shift.ccc,
            "pearson": shift.pearson,
            "bias_correction": shift.bias_correction,
            "scale_shift": shift.scale,
            "location_shift": shift.location,
        }
        for place in range(len(one.prediction)):
            row = {name: _number(values[place]) for name, values in columns.items()}
            found.append({"cell": cell, "layer": layer, "seed": str(place), **row})
        means = {name: _number(values.mean()) for name, values in columns.items()}
        found.append({"cell": cell, "layer": layer, "seed": "mean", **means})
    return found


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
