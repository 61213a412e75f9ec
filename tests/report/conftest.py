import pandas as pd
import pytest

from paralbench.tables import TABLES, RunFolder


def score(cell, upstream, task, value, **more):
    row = {c.name: None if c.optional else _default(c) for c in TABLES["scores"].columns}
    row |= {
        "cell": cell,
        "upstream": upstream,
        "task": task,
        "label": task,
        "setting": "within",
        "train_corpora": "corpus",
        "test_corpus": "corpus",
        "fold": "all",
        "seed": "mean",
        "recipe": "paralbench",
        "layer": "mix",
        "normalisation": "none",
        "selection": "development",
        "train_share": 1.0,
        "metric": "uar",
        "value": value,
        "ci_low": value - 0.1,
        "ci_high": value + 0.1,
        "interval_method": "speaker-bootstrap",
        "chance": 0.5,
        "leakage": "",
    }
    return row | more


def _default(column):
    return {"string": "", "int": 1, "float": 0.0, "bool": False}[column.type]


@pytest.fixture
def make_run(tmp_path):
    """Write a run folder of given score rows, one cell each, and failures."""

    def make(rows, failures=(), skipped=(), lower=()):
        run = RunFolder(tmp_path / "run")
        slots = {}
        for row in [*rows, *failures]:
            parts = ("setting", "task", "train_corpora", "test_corpus", "upstream", "recipe")
            slots["|".join([*(row[key] for key in parts), row["normalisation"]])] = row["cell"]
        run.enter(slots, skipped)
        for row in rows:
            facts = [
                (row["cell"], "task", row["task"], "primary_metric", row["metric"]),
                (row["cell"], "task", row["task"], "higher_is_better",
                 "false" if row["task"] in lower else "true"),
            ]  # fmt: skip
            run.write(
                row["cell"],
                {
                    "scores": pd.DataFrame([row], columns=TABLES["scores"].names),
                    "manifest": pd.DataFrame(facts, columns=TABLES["manifest"].names),
                },
            )
        for row in failures:
            run.fail(row["cell"], "encode", RuntimeError("no memory\nat all"), "now")
        return run

    return make
