"""Scores with their intervals."""

import math

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from paralbench.report.figures.board import seeds
from paralbench.report.figures.view import View
from paralbench.report.plots.kinds import COLUMN, PAGE
from paralbench.report.plots.options import Options, choose, needed, of_probe
from paralbench.report.plots.style import BLUE, GREY, INK, ORANGE, name_axis, score_axis
from paralbench.report.reading import Frame

WHY = "the run holds no scores within a corpus."
LINE = 0.135  # inches of a row


def leaderboard(view: View, options: Options) -> Figure:
    """One small chart per task, upstreams in one order."""
    rows = of_probe(view, needed(view.board, WHY), options)
    rows = view.by_order(rows)
    names = list(dict.fromkeys(rows["name"]))
    tasks = sorted(set(rows["task"]))
    width = options.inches(PAGE)
    columns = min(len(tasks), 2 if width < 5 else 5)
    lines = math.ceil(len(tasks) / columns)
    height = lines * (LINE * len(names) + 0.55) + 0.1
    figure = Figure((width, height), layout="constrained")
    grid = figure.subplots(lines, columns, sharey=True, squeeze=False)
    for axes, task in zip(grid.flat, tasks, strict=False):
        _chart(axes, rows[rows["task"] == task], names)
        axes.set_title(task, loc="left", fontweight="bold")
    for axes in list(grid.flat)[len(tasks) :]:
        axes.set_visible(False)
    return figure


def scores(view: View, options: Options) -> Figure:
    """One task, the best on top, with the single seeds."""
    rows = choose(needed(view.board, WHY), "task", options.task, "task")
    rows = of_probe(view, rows, options)
    signed = rows["value"].where(rows["higher"], -rows["value"])
    rows = rows.assign(signed=signed).sort_values("signed", ascending=False, kind="stable")
    names = list(rows["name"])
    figure = Figure((options.inches(COLUMN), LINE * len(names) + 0.65), layout="constrained")
    axes = figure.subplots()
    one = seeds(view.run)
    one = one[(one["task"] == rows["task"].iloc[0]) & (one["probe"] == rows["probe"].iloc[0])]
    places = {name: place for place, name in enumerate(names)}
    heights = [places[name] for name in one["name"]]
    axes.plot(one["value"], heights, "|", color=INK, alpha=0.4, markersize=4, zorder=1)
    _chart(axes, rows, names)
    axes.set_title(rows["task"].iloc[0], loc="left", fontweight="bold")
    return figure


def _chart(axes: Axes, rows: Frame, names: list[str]) -> None:
    places = {name: place for place, name in enumerate(names)}
    bad = rows["stamps"].str.contains("leaks|trained on|unlabelled", regex=True)
    looks = [
        (~rows["floor"] & ~bad, "o", BLUE),
        (~rows["floor"] & bad, "^", ORANGE),
        (rows["floor"], "D", GREY),
    ]
    for which, marker, colour in looks:
        part = rows[which]
        heights = [places[name] for name in part["name"]]
        axes.hlines(heights, part["low"], part["high"], color=colour, linewidth=1.1, zorder=2)
        size = 3.5 if marker != "D" else 2.8
        axes.plot(part["value"], heights, marker, color=colour, markersize=size, zorder=3)
    chance = rows["chance"].dropna()
    if len(chance):
        axes.axvline(chance.mean(), color=INK, linewidth=0.7, linestyle=(0, (4, 3)), alpha=0.7)
    name_axis(axes, names)
    score_axis(axes)
    axes.set_xlabel(rows["heading"].iloc[0])
