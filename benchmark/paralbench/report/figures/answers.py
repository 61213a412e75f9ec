"""What probes answer: confusions, recalls and calibration."""

from paralbench.report.figures.board import names
from paralbench.report.figures.cells import of_cells, title
from paralbench.report.reading import LAYERWISE, Frame, Run


def confusion(run: Run) -> Frame:
    """One row per cell, true and predicted class: how often, and the share of the true class.

    Returns:
        ``what, name, probe, truth, prediction, count, share``; the shares of a true class add
        to 1.
    """
    rows = of_cells(run, "confusion")
    rows = rows[~rows["floor"]]
    every = rows.groupby(["cell", "layer", "truth"])["count"].transform("sum")
    rows = rows.assign(share=(rows["count"] / every.where(every > 0)).astype(float))
    columns = ["what", "name", "probe", "truth", "prediction", "count", "share"]
    return rows[columns].reset_index(drop=True)


def recalls(run: Run) -> Frame:
    """One row per cell and class: ``what, name, probe, class, value, low, high``."""
    scores = run.scores
    rows = scores[
        scores["class"].notna()
        & scores["group"].isna()
        & (scores["metric"] == "recall")
        & (scores["seed"] == "mean")
        & (scores["fold"] == "all")
        & (scores["recipe"] != LAYERWISE)
        & ~scores["floor"]
        & (scores["train_share"] == 1.0)
    ]
    rows = rows.assign(
        name=names(rows),
        low=rows["ci_low"].astype(float),
        high=rows["ci_high"].astype(float),
        what=[
            title(*parts)
            for parts in zip(
                rows["setting"],
                rows["task"],
                rows["train_corpora"],
                rows["test_corpus"],
                strict=True,
            )
        ],
    )
    columns = ["what", "name", "probe", "class", "value", "low", "high"]
    return rows[columns].reset_index(drop=True)


def calibration(run: Run) -> Frame:
    """One row per cell and bin of confidence that holds predictions.

    Returns:
        ``what, name, probe, low, high, count, confidence, accuracy, ece``; ``ece`` is the expected
        calibration error of the cell as it was scored, or else from these bins: the mean over
        predictions of how far the confidence of their bin is from its accuracy.
    """
    rows = of_cells(run, "calibration")
    rows = rows[(rows["count"] > 0) & ~rows["floor"]]
    off = (rows["confidence"].astype(float) - rows["accuracy"].astype(float)).abs()
    keys = ["cell", "layer"]
    weighted = (off * rows["count"]).groupby([rows[key] for key in keys]).transform("sum")
    binned = weighted / rows.groupby(keys)["count"].transform("sum")
    pooled = run.pooled
    scored = pooled[(pooled["metric"] == "ece") & (pooled["recipe"] != LAYERWISE)]
    known = rows["cell"].map(scored.drop_duplicates("cell").set_index("cell")["value"])
    rows = rows.assign(ece=known.astype(float).fillna(binned))
    columns = ["what", "name", "probe", "low", "high", "count", "confidence", "accuracy", "ece"]
    return rows[columns].reset_index(drop=True)
