"""Layer profiles: where in an upstream a label can be read."""

from paralbench.report.reading import LAYERWISE, Frame, Run

COLUMNS = ["task", "heading", "name", "layer", "value", "low", "high", "chance", "best"]


def layers(run: Run) -> Frame:
    """One row per task, upstream and layer of the recipe ``layers``, within corpora.

    ``best`` marks the layer with the best score of its upstream and task; it is the best on the
    test utterances, so its score is no estimate of what a choice of layer would reach.
    """
    pooled = run.pooled
    numbered = pooled["layer"].str.fullmatch(r"\d+", na=False)
    keep = (pooled["setting"] == "within") & pooled["primary"] & (pooled["recipe"] == LAYERWISE)
    rows = pooled[keep & numbered & (pooled["normalisation"] == "none")]
    rows = rows.assign(
        name=rows["upstream"],
        layer=rows["layer"].astype(int),
        heading=[run.measures[task].heading for task in rows["task"]],
        low=rows["ci_low"].astype(float),
        high=rows["ci_high"].astype(float),
        chance=rows["chance"].astype(float),
        signed=[
            value if run.measures[task].higher else -value
            for task, value in zip(rows["task"], rows["value"], strict=True)
        ],
    )
    first = rows.groupby(["task", "name"])["signed"].transform("idxmax")
    rows = rows.assign(best=rows.index == first)
    return rows[COLUMNS].sort_values(["task", "name", "layer"], ignore_index=True)
