"""Groups of speakers: whom a probe understands better."""

from paralbench.report.figures.board import names
from paralbench.report.figures.cells import of_cells, title
from paralbench.report.reading import LAYERWISE, Frame, Run


def gaps(run: Run) -> Frame:
    """One row per cell and grouping: the gap of the primary metric between best and worst group.

    Returns:
        ``what, name, probe, column, metric, best, worst, gap, null_mean, null_high, p_value,
        n_speakers, reason``. ``null_high`` is what 95 % of the gaps stay below when the groups are
        dealt to the speakers at random.
    """
    rows = of_cells(run, "gaps")
    primary = rows["task"].map({task: one.metric for task, one in run.measures.items()})
    rows = rows[~rows["floor"] & (rows["metric"] == primary)]
    columns = ["what", "name", "probe", "column", "metric", "best", "worst", "gap", "null_mean"]
    columns += ["null_high", "p_value", "n_speakers", "reason"]
    return rows[columns].reset_index(drop=True)


def groups(run: Run) -> Frame:
    """One row per cell and group of speakers, such as ``gender=female``: its primary metric."""
    scores = run.scores
    rows = scores[
        scores["group"].notna()
        & scores["class"].isna()
        & scores["primary"]
        & (scores["seed"] == "mean")
        & (scores["fold"] == "all")
        & (scores["recipe"] != LAYERWISE)
        & ~scores["floor"]
        & (scores["train_share"] == 1.0)
    ]
    rows = rows.assign(
        name=names(rows),
        heading=[run.measures[task].heading for task in rows["task"]],
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
    columns = ["what", "heading", "name", "probe", "group", "value", "low", "high"]
    return rows[[*columns, "n_utterances", "n_speakers"]].reset_index(drop=True)
