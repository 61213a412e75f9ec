"""What is lost between corpora, against the ceiling."""

from matplotlib.figure import Figure

from paralbench.report.figures.losses import drops as lost
from paralbench.report.figures.numbers import number
from paralbench.report.figures.view import View
from paralbench.report.plots.kinds import COLUMN
from paralbench.report.plots.options import Options, choose, needed, of_probe
from paralbench.report.plots.style import BLUE, GREY, ORANGE, name_axis, score_axis

LINE = 0.15  # inches of a row


def drops(view: View, options: Options) -> Figure:
    """Scores across corpora beside the ceiling on the same utterances, and their difference."""
    why = "no cell has a ceiling beside it (protocols pair and ceiling)."
    rows = view.by_order(needed(lost(view.run), why), "task", "test", "train")
    rows = choose(rows, "task", options.task, "label")
    rows = of_probe(view, rows, options)
    rows = rows[rows["drop"].notna()]
    rows = choose(needed(rows, why), "name", options.upstream, "upstream")
    names = [f"{train} → {test}" for train, test in zip(rows["train"], rows["test"], strict=True)]
    places = range(len(names))
    figure = Figure((options.inches(COLUMN), LINE * len(names) + 0.75), layout="constrained")
    scores, differences = figure.subplots(1, 2, sharey=True)

    scores.hlines(places, rows["value"], rows["ceiling"], color=GREY, linewidth=0.8, zorder=1)
    scores.plot(rows["ceiling"], places, "D", mfc="white", mec=GREY, markersize=3, label="ceiling")
    scores.plot(rows["value"], places, "o", color=BLUE, markersize=3.5, label="across")
    name_axis(scores, names)
    score_axis(scores)
    scores.set_xlabel(view.run.measures[rows["task"].iloc[0]].heading)
    figure.legend(loc="outside lower left", ncols=2, handletextpad=0.2, columnspacing=1)

    differences.axvline(0, color=GREY, linewidth=0.6)
    differences.hlines(places, rows["low"], rows["high"], color=ORANGE, linewidth=1.1)
    differences.plot(rows["drop"], places, "o", color=ORANGE, markersize=3.5)
    for place, drop in zip(places, rows["drop"], strict=True):
        differences.annotate(
            number(drop), (drop, place), (0, 3), textcoords="offset points", fontsize=5, ha="center"
        )
    differences.spines["left"].set_visible(False)
    differences.tick_params(axis="y", length=0)
    score_axis(differences)
    differences.set_xlabel("drop")
    title = f"{rows['task'].iloc[0]}, {rows['name'].iloc[0]}"
    figure.suptitle(title, fontsize=7, fontweight="bold", x=0.01, ha="left")
    return figure
