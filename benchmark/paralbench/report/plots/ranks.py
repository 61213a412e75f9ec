"""The critical-difference diagram: mean ranks, and bars over what is not told apart.

Source: Demsar, Statistical comparisons of classifiers over multiple data sets, JMLR 7 (2006); the
bars here are from Wilcoxon's signed-rank test with Holm's correction, as Benavoli, Corani and
Mangili advise (JMLR 17, 2016), so they do not depend on which other upstreams are compared.
"""

import math

from matplotlib.figure import Figure

from paralbench.errors import ParalbenchError
from paralbench.report.figures.view import View
from paralbench.report.plots.kinds import COLUMN
from paralbench.report.plots.options import Options, choose
from paralbench.report.plots.style import BLUE, INK, ORANGE

LINE = 0.16  # inches of a name
BAR = 0.07  # inches of a bar
LETTER = 0.0084  # inches of a letter for each point of its size


def ranks(view: View, options: Options) -> Figure:
    """Mean ranks on a line, the better half named on the left."""
    import pandas as pd

    probes = pd.DataFrame({"probe": view.run.probes})
    if probes.empty:
        raise ParalbenchError("nothing to draw: the run holds no scores within a corpus.")
    found = view.rankings[choose(probes, "probe", options.probe, "probe")["probe"].iloc[0]]
    if found.rows.empty:
        raise ParalbenchError(f"nothing to draw: {' '.join(found.notes)}")
    rows = found.rows.reset_index(drop=True)
    values, names = list(rows["rank"]), list(rows["name"])
    first, last = math.floor(min(values)), math.ceil(max(max(values), min(values) + 1))
    left = math.ceil(len(rows) / 2)
    top, bars = 0.38, BAR * len(found.cliques) + 0.06
    height = top + bars + LINE * left + 0.05
    width = options.inches(COLUMN)
    figure = Figure((width, height))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    size = 6.5 if width > 5 else 5.5
    margin = min(0.42 * width, LETTER * size * (max(map(len, names)) + 5) + 0.15)
    across = [margin, width - margin]

    def at(rank: float) -> float:
        return across[0] + (rank - first) / (last - first) * (across[1] - across[0])

    axes.hlines(top, across[0], across[1], color=INK, linewidth=0.8)
    step = math.ceil((last - first) * 0.22 / (across[1] - across[0]))
    for tick in range(first, last + 1, step):
        axes.vlines(at(tick), top - 0.05, top, color=INK, linewidth=0.8)
        axes.text(at(tick), top - 0.07, str(tick), ha="center", va="bottom", fontsize=6.5)
    axes.text(
        width / 2,
        0.03,
        f"mean rank over {len(found.tasks)} tasks (1 is best)",
        ha="center",
        va="top",
    )
    for place, (name, value) in enumerate(zip(names, values, strict=True)):
        better = place < left
        line = place if better else len(rows) - 1 - place
        y = top + bars + LINE * (line + 0.5)
        end = across[0] - 0.08 if better else across[1] + 0.08
        axes.plot([at(value), at(value), end], [top, y, y], color=INK, linewidth=0.6)
        axes.plot([at(value)], [top], "o", color=BLUE, markersize=2.5, clip_on=False)
        text = f"{name}  {value:.1f}" if better else f"{value:.1f}  {name}"
        side = "right" if better else "left"
        axes.text(end + (-0.04 if better else 0.04), y, text, ha=side, va="center", fontsize=size)
    places = {name: place for place, name in enumerate(names)}
    ends = zip(found.cliques["first"], found.cliques["last"], strict=True)
    for lane, (start, stop) in enumerate(ends):
        y = top + 0.05 + BAR * lane
        span = [at(values[places[start]]) - 0.03, at(values[places[stop]]) + 0.03]
        axes.hlines(y, span[0], span[1], color=ORANGE, linewidth=2.2, capstyle="round", zorder=3)
    return figure
