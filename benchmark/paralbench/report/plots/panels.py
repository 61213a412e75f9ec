"""Small multiples: one small chart per upstream, all on the same axes."""

import math
from collections.abc import Callable

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from paralbench.report.figures import answers, costs
from paralbench.report.figures.layers import layers as profiles
from paralbench.report.figures.numbers import number
from paralbench.report.figures.transfer import growth as steps
from paralbench.report.figures.view import View
from paralbench.report.plots.kinds import COLUMN
from paralbench.report.plots.options import Options, choose, needed, of_probe
from paralbench.report.plots.style import BLUE, INK, ORANGE, score_axis, short
from paralbench.report.reading import Frame


def layers(view: View, options: Options) -> Figure:
    """Score by layer within one task; the best layer is marked."""
    rows = needed(profiles(view.run), "no probe was trained for each layer (recipe layers).")
    rows = choose(view.by_order(rows, "task"), "task", options.task, "task")

    def panel(axes: Axes, part: Frame) -> None:
        axes.fill_between(part["layer"], part["low"], part["high"], color=BLUE, alpha=0.2, lw=0)
        axes.plot(part["layer"], part["value"], "-", color=BLUE, marker=".", markersize=2)
        best = part[part["best"]].iloc[0]
        axes.plot([best["layer"]], [best["value"]], "o", color=ORANGE, markersize=3.5, zorder=4)
        text = f"{best['layer']}: {number(best['value'])}"
        right = best["layer"] > 0.7 * rows["layer"].max()
        left = best["layer"] < 0.2 * rows["layer"].max()
        side = "right" if right else "left" if left else "center"
        where = (best["layer"], best["value"])
        axes.annotate(
            text, where, (0, 4), textcoords="offset points", ha=side, fontsize=5.5, zorder=5
        )
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        axes.margins(y=0.3)

    return _panels(rows, options, panel, "layer", f"{rows['task'].iloc[0]}, by layer")


def learning(view: View, options: Options) -> Figure:
    """Score by share of the training speakers; what a fitted curve promises is hollow."""
    rows = costs.learning(view.run)
    rows = needed(rows, "every probe was trained on all of its training speakers.")
    rows = choose(view.by_order(rows, "what"), "what", options.task, "task")
    rows = of_probe(view, rows, options).sort_values(["place", "share"], kind="stable")
    ticks = [share for share in sorted(set(rows["share"])) if share in (0.125, 0.25, 0.5, 1, 2, 4)]

    def panel(axes: Axes, part: Frame) -> None:
        measured = part[part["kind"] == "measured"]
        share = measured["share"]
        axes.fill_between(share, measured["low"], measured["high"], color=BLUE, alpha=0.2, lw=0)
        axes.plot(share, measured["value"], "-o", color=BLUE, markersize=2.5)
        beyond = part[(part["kind"] != "measured") | (part["share"] == 1)]
        axes.plot(beyond["share"], beyond["value"], "--", color=ORANGE, linewidth=0.9)
        guess = part[part["kind"] != "measured"]
        axes.plot(guess["share"], guess["value"], "D", mfc="none", mec=ORANGE, markersize=3.5)
        axes.set_xscale("log", base=2)
        axes.minorticks_off()
        axes.set_xticks(ticks, [short(tick) for tick in ticks])

    title = f"{rows['what'].iloc[0]}, learning curves"
    return _panels(rows, options, panel, "share of training speakers", title)


def growth(view: View, options: Options) -> Figure:
    """Score on one corpus by how many others train: dots are sets of them, the line is the mean."""
    rows = steps(view.run)
    rows = needed(rows, "no probe was trained on a growing number of corpora (protocol growth).")
    rows = rows.assign(what=rows["task"] + " → " + rows["test"])
    rows = choose(view.by_order(rows, "what"), "what", options.task, "label and tested corpus")
    rows = of_probe(view, rows, options)

    def panel(axes: Axes, part: Frame) -> None:
        mean = part.groupby("n_corpora")["value"].mean()
        axes.plot(mean.index, mean, "-", color=BLUE)
        axes.plot(part["n_corpora"], part["value"], "o", color=BLUE, markersize=2.5, alpha=0.6)
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))

    return _panels(rows, options, panel, "training corpora", rows["what"].iloc[0])


def calibration(view: View, options: Options) -> Figure:
    """Accuracy by said probability; dots are as large as they hold answers."""
    rows = needed(answers.calibration(view.run), "the run's tables hold no calibration.")
    rows = choose(view.by_order(rows, "what"), "what", options.task, "task or transfer")
    rows = of_probe(view, rows, options)
    rows = rows.assign(value=rows["accuracy"], chance=float("nan"), heading="share right")

    def panel(axes: Axes, part: Frame) -> None:
        axes.plot([0, 1], [0, 1], color=INK, linewidth=0.6, linestyle=(0, (4, 3)), alpha=0.6)
        axes.plot(part["confidence"], part["accuracy"], color=BLUE, linewidth=0.9)
        sizes = 2 + 16 * part["count"] / part["count"].max()
        axes.scatter(part["confidence"], part["accuracy"], sizes, color=BLUE, zorder=3)
        axes.text(0.04, 0.86, f"ECE {number(part['ece'].iloc[0])}", fontsize=5.5)
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1)
        axes.set_xticks([0, 0.5, 1], ["0", ".5", "1"])

    return _panels(rows, options, panel, "said probability", f"{rows['what'].iloc[0]}, calibration")


def _panels(
    rows: Frame,
    options: Options,
    panel: Callable[[Axes, Frame], None],
    across: str,
    title: str,
) -> Figure:
    width = options.inches(COLUMN)
    names = list(dict.fromkeys(rows["name"]))
    columns = min(len(names), 3 if width < 5 else 5)
    lines = math.ceil(len(names) / columns)
    figure = Figure((width, 0.85 * lines + 0.4), layout="constrained")
    grid = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False)
    chance = rows["chance"].dropna()
    for axes, name in zip(grid.flat, names, strict=False):
        panel(axes, rows[rows["name"] == name])
        if len(chance):
            axes.axhline(chance.mean(), color=INK, linewidth=0.6, linestyle=(0, (4, 3)), alpha=0.6)
        axes.set_title(name, loc="left", fontsize=min(6.5, 110 / max(map(len, names))), pad=3)
        score_axis(axes, "y")
    for axes in list(grid.flat)[len(names) :]:
        axes.set_visible(False)
    for column in range(columns):  # the lowest chart of each column says what is across
        lowest = grid[(len(names) - 1 - column) // columns, column]
        lowest.tick_params(labelbottom=True)
    for line in range(lines):
        grid[line, 0].set_ylabel(rows["heading"].iloc[0])
    figure.supxlabel(across, fontsize=7)
    figure.suptitle(title, fontsize=7, fontweight="bold", x=0.01, ha="left")
    return figure
