"""Score against cost."""

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from paralbench.errors import ParalbenchError
from paralbench.report.figures import costs
from paralbench.report.figures.view import View
from paralbench.report.plots.kinds import COLUMN
from paralbench.report.plots.options import Options, choose, needed, of_probe
from paralbench.report.plots.style import BLUE, GREY, score_axis

COSTS = {
    "real-time": ("real_time", "seconds of computing per second of speech"),
    "flops": ("gflops", "GFLOP per second of speech"),
    "parameters": ("parameters", "parameters"),
}


def efficiency(view: View, options: Options) -> Figure:
    """One labelled dot per upstream; a line joins those that nothing beats in both."""
    if options.cost not in COSTS:
        raise ParalbenchError(f"--cost: {options.cost!r} is not allowed; {', '.join(COSTS)}.")
    column, against = COSTS[options.cost]
    rows = costs.efficiency(view.run, view.rankings)
    rows = rows.assign(cost=rows[column].astype(float)).dropna(subset=["cost", "skill"])
    rows = needed(rows, f"the tables do not say {against}.")
    rows = rows.assign(_first=~rows["task"].str.startswith("all tasks"))
    rows = choose(rows.sort_values(["_first", "task"]), "task", options.task, "task")
    width = options.inches(COLUMN)
    size = 5.5 if width > 5 else 5
    rows = of_probe(view, rows, options)
    height = min(0.78 * width, 3.6)
    # A letter is as wide as 0.6 of its size; dots fill some 60 and 80 % of the figure.
    letter, line = 0.0084 * size / (0.57 * width), 0.0175 * size / (0.8 * height)
    rows = costs.placed(rows, character=letter, line=line)
    figure = Figure((width, height), layout="constrained")
    axes = figure.subplots()
    axes.set_xscale("log")
    front = rows[rows["front"]]
    axes.plot(front["cost"], front["skill"], "--", color=BLUE, linewidth=0.9, alpha=0.7)
    axes.plot(front["cost"], front["skill"], "o", color=BLUE, markersize=4)
    rest = rows[~rows["front"]]
    axes.plot(rest["cost"], rest["skill"], "s", color=GREY, markersize=3.2)
    for one in rows.to_dict("records"):
        axes.annotate(
            one["name"], (one["cost"], one["label_y"]), (4, 0), textcoords="offset points",
            va="center", fontsize=size,
        )  # fmt: skip
    low, high = rows["cost"].min(), rows["cost"].max()
    axes.set_xlim(low / 1.3, high * max(2.0, (high / low) ** 0.35))
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(_round))
    score_axis(axes, "y")
    axes.set_xlabel(against)
    axes.set_ylabel("way from chance (0) to perfect (1)")
    axes.set_title(rows["task"].iloc[0], loc="left", fontweight="bold")
    return figure


def _round(value: float, _: object = None) -> str:
    for size, letter in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"
