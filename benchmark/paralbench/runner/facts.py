"""What a cell was made with: rows of the table ``manifest``."""

import json
import platform
from collections.abc import Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING

import pandas as pd

from paralbench.cards import Catalogue
from paralbench.metrics import METRICS
from paralbench.runner.keys import digest
from paralbench.runner.pairs import KIND, transfer_facts
from paralbench.runner.plan import Cell
from paralbench.runner.problem import Problem
from paralbench.runner.request import Request
from paralbench.tables import TABLES, frames

if TYPE_CHECKING:
    from paralbench.runner.upstream import Upstream

_PACKAGES = ("torch", "transformers", "numpy", "pandas", "scikit-learn", "librosa")


def manifest(
    key: str,
    cell: Cell,
    problem: Problem,
    catalogue: Catalogue,
    request: Request,
    upstream: "Upstream | None",
    skipped: Mapping[float, str],
) -> pd.DataFrame:
    """What the cell was made with, as rows ``kind, id, key, value``.

    Args:
        key: the cell's name.
        cell: the cell.
        problem: its problem.
        catalogue: the cards.
        request: the run.
        upstream: None for the floors.
        skipped: shares of the training speakers that could not be drawn, with the reasons.
    """
    metric = problem.card.metrics[0]
    better = METRICS[metric].higher_is_better
    facts: list[tuple[str, str, str, object]] = [
        ("task", cell.task, "primary_metric", metric),
        ("task", cell.task, "higher_is_better", str(better).lower()),
        ("task", cell.task, "classes", " ".join(problem.classes)),
        ("run", "run", "seed", request.seed),
        ("run", "run", "sample", _samples(request)),
        *(("run", "run", f"train share {share:g}", why) for share, why in skipped.items()),
        *((KIND, f"{cell.train} -> {cell.test}", *fact) for fact in transfer_facts(problem)),
        ("machine", "machine", "system", f"{platform.system()} {platform.machine()}"),
        ("machine", "machine", "device", request.device),
        ("package", "python", "version", platform.python_version()),
        *(("package", name, "version", version(name)) for name in _PACKAGES),
    ]
    for id in cell.corpora:
        card = catalogue.corpora.get(id)
        rows = frames.rows(problem.frame, problem.frame["corpus"] == id)
        facts += [
            ("corpus", id, "utterances", len(rows)),
            ("corpus", id, "seconds", round(float(frames.column(rows, "seconds").sum()), 3)),
            ("corpus", id, "audio_sha256", digest(sorted(rows["content"]))[:16]),
            ("corpus", id, "licence", card.licence),
            ("corpus", id, "languages", " ".join(card.languages)),
        ]
    if upstream is not None:
        card = upstream.card
        facts += [
            ("upstream", cell.upstream, "weights", upstream.weights.where),
            ("upstream", cell.upstream, "sha256", upstream.weights.sha256),
            ("upstream", cell.upstream, "licence", card.licence),
            ("upstream", cell.upstream, "parameters", card.parameters),
            ("upstream", cell.upstream, "layers", card.layers),
        ]
    rows = [
        (key, kind, id, what, None if value is None else str(value))
        for kind, id, what, value in facts
    ]
    return pd.DataFrame(rows, columns=TABLES["manifest"].names)


def _samples(request: Request) -> str:
    parts = {id: part.model_dump(mode="json") for id, part in request.samples.items()}
    return json.dumps(parts, sort_keys=True) if parts else "all"
