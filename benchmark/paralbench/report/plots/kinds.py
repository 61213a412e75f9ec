"""The kinds of plots; importing this imports no matplotlib."""

from paralbench.registry import Registry

ABOUT = {
    "leaderboard": "scores with intervals, one small chart per task",
    "scores": "scores of one task with intervals, seeds, chance and floors (--task)",
    "ranks": "critical-difference diagram of mean ranks",
    "heatmap": "upstreams by tasks",
    "layers": "score by layer, one small chart per upstream (--task)",
    "transfer": "training by test corpora (--task, --upstream)",
    "confusion": "true by predicted classes (--task, --upstream)",
    "efficiency": "score against computing time or parameters (--cost)",
    "learning-curve": "score by share of training speakers (--task)",
    "calibration": "accuracy by said probability (--task)",
    "drops": "scores across corpora beside the ceiling, and what is lost (--task, --upstream)",
    "growth": "score by the number of training corpora (--task 'label → tested corpus')",
}

KINDS: Registry = Registry(
    "plot",
    "paralbench.plots",
    {
        "leaderboard": "paralbench.report.plots.dots:leaderboard",
        "scores": "paralbench.report.plots.dots:scores",
        "ranks": "paralbench.report.plots.ranks:ranks",
        "heatmap": "paralbench.report.plots.matrices:heat_map",
        "layers": "paralbench.report.plots.panels:layers",
        "transfer": "paralbench.report.plots.matrices:transfer",
        "confusion": "paralbench.report.plots.matrices:confusion",
        "efficiency": "paralbench.report.plots.costs:efficiency",
        "learning-curve": "paralbench.report.plots.panels:learning",
        "calibration": "paralbench.report.plots.panels:calibration",
        "drops": "paralbench.report.plots.lost:drops",
        "growth": "paralbench.report.plots.panels:growth",
    },
)

FORMATS = ("pdf", "png", "svg")
COLUMN, PAGE = 3.3, 6.9  # inches
WIDTHS = {"column": COLUMN, "page": PAGE}
