"""Runs with predictions, for comparisons and rankings."""

import numpy as np
import pandas as pd

from paralbench.metrics import METRICS
from paralbench.tables import TABLES, RunFolder

from .conftest import score

YES_NO = ("no", "yes")


def answers(skill, n_speakers=12, clips=20, seeds=2, seed=0):
    """Truth ``(n,)``, predictions ``(seeds, n)`` and speakers ``(n,)`` of two classes."""
    rng = np.random.default_rng(seed)
    speaker = np.repeat([f"s{one:02}" for one in range(n_speakers)], clips)
    truth = np.tile(YES_NO, len(speaker) // 2)
    ease = np.repeat(rng.normal(0, 0.05, n_speakers), clips)
    rng = np.random.default_rng([seed, int(1000 * skill)])
    right = rng.random((seeds, len(truth))) < skill + ease
    return truth, np.where(right, truth, np.where(truth == "yes", "no", "yes")), speaker


def write_run(path, cells, classes="no yes"):
    """Write a run folder.

    Args:
        path: the folder.
        cells: of each the upstream, the task, the columns of its score row that differ from the
            usual ones, and truth, predictions, speakers and, if any, sessions (None: no
            predictions).
        classes: the class names of the cards, joined by blanks.
    """
    run = RunFolder(path)
    slots, written = {}, {}
    for number, (upstream, task, more, given) in enumerate(cells):
        cell = f"{upstream}.{task}-{number}"
        row = score(cell, upstream, task, more.get("value", 0.5)) | more
        metric = METRICS[row["metric"]]
        if given is not None and "value" not in more:
            row["value"] = float(np.mean([metric(given[0], one) for one in given[1]]))
        parts = ("setting", "task", "train_corpora", "test_corpus", "upstream", "recipe")
        slots["|".join([*(row[key] for key in parts), row["normalisation"]])] = cell
        facts = [("primary_metric", metric.name), ("higher_is_better", metric.higher_is_better)]
        facts.append(("classes", classes))
        manifest = [(cell, "task", task, key, str(value).lower()) for key, value in facts]
        tables = {
            "scores": pd.DataFrame([row], columns=TABLES["scores"].names),
            "manifest": pd.DataFrame(manifest, columns=TABLES["manifest"].names),
        }
        if given is not None:
            tables["predictions"] = _predictions(cell, row["layer"], *given)
        written[cell] = tables
    run.enter(slots)
    for cell, tables in written.items():
        run.write(cell, tables)
    return run


def _predictions(cell, layer, truth, prediction, speaker, session=None):
    frames = [
        pd.DataFrame(
            {
                "cell": cell,
                "seed": str(seed),
                "layer": layer,
                "fold": "0",
                "corpus": "corpus",
                "utterance": [f"u{one:04}" for one in range(len(truth))],
                "speaker": speaker,
                "session": session,
                "gender": None,
                "language": None,
                "truth": [str(one) for one in truth],
                "prediction": [str(value) for value in one],
            }
        )
        for seed, one in enumerate(prediction)
    ]
    return pd.concat(frames, ignore_index=True)
