"""Heat maps in viridis, each number written into its field."""

import math
from itertools import product

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from paralbench.report.figures.answers import confusion as confusions
from paralbench.report.figures.numbers import NONE, number
from paralbench.report.figures.transfer import transfer as transfers
from paralbench.report.figures.view import View
from paralbench.report.plots.kinds import COLUMN, PAGE
from paralbench.report.plots.options import Options, choose, needed, of_probe
from paralbench.report.reading import Frame

SMALLEST = 4.5  # points; smaller numbers are left out
SKILL = "share of the way\nfrom chance to perfect"


def heat_map(view: View, options: Options) -> Figure:
    """Upstreams by tasks: the score, coloured by the share of the way from chance to perfect."""
    rows = needed(view.board, "the run holds no scores within a corpus.")
    rows = view.by_order(of_probe(view, rows, options))
    names, tasks = list(dict.fromkeys(rows["name"])), sorted(set(rows["task"]))
    rows = rows.rename(columns={"skill": "shade"}).assign(text=rows["value"].map(number))
    return _matrix(rows, ("name", names), ("task", tasks), options.inches(PAGE), SKILL, 0.17)


def transfer(view: View, options: Options) -> Figure:
    """Training by test corpora for one label and upstream."""
    rows = needed(transfers(view.run), "nothing was tested across corpora.")
    rows = choose(view.by_order(rows, "task"), "task", options.task, "label")
    rows = of_probe(view, rows, options)
    rows = choose(rows, "name", options.upstream, "upstream")
    wide = [one for one in dict.fromkeys(rows["train"]) if one.startswith("all")]
    tests = sorted(set(rows["test"]) | set(rows["train"]) - set(wide))
    rows = rows.rename(columns={"skill": "shade"}).assign(text=rows["value"].map(number))
    axes = ("train", tests + wide), ("test", tests)
    figure = _matrix(rows, *axes, options.inches(COLUMN), SKILL, 0.26, ("trained on", "tested on"))
    title = f"{rows['task'].iloc[0]}, {rows['name'].iloc[0]}, {rows['heading'].iloc[0]}"
    figure.suptitle(title, fontsize=7, fontweight="bold", x=0.01, ha="left")
    return figure


def confusion(view: View, options: Options) -> Figure:
    """True by predicted classes for one task and upstream."""
    rows = needed(confusions(view.run), "the run holds no confusions.")
    rows = choose(view.by_order(rows, "what"), "what", options.task, "task or transfer")
    rows = of_probe(view, rows, options)
    rows = choose(rows, "name", options.upstream, "upstream")
    truths = list(dict.fromkeys(rows["truth"]))
    said = truths + [one for one in dict.fromkeys(rows["prediction"]) if one not in truths]
    percent = [NONE if math.isnan(one) else f"{100 * one:.0f}" for one in rows["share"]]
    rows = rows.assign(shade=rows["share"], text=percent)
    axes = ("truth", truths), ("prediction", said)
    names = ("truth", "predicted as")
    figure = _matrix(rows, *axes, options.inches(COLUMN), "share of the\ntrue class", 0.24, names)
    title = f"{rows['what'].iloc[0]}, {rows['name'].iloc[0]}, % of each true class"
    figure.suptitle(title, fontsize=7, fontweight="bold", x=0.01, ha="left")
    return figure


def _matrix(
    frame: Frame,
    down: tuple[str, list[str]],
    across: tuple[str, list[str]],
    width: float,
    meaning: str,
    line: float,
    titles: tuple[str, str] = ("", ""),
) -> Figure:
    from matplotlib import colormaps

    (row, rows), (column, columns) = down, across
    height = line * len(rows) + 0.085 * max(map(len, columns)) * 0.8 + (0.75 if titles[0] else 0.5)
    figure = Figure((width, height), layout="constrained")
    axes = figure.subplots()
    shown = colormaps["viridis"]
    image = axes.imshow(
        [[0.0] * len(columns)] * len(rows), cmap=shown, vmin=0, vmax=1, aspect="auto", alpha=0
    )
    size = min(6.5, 13 * width / max(len(columns), 1))
    fields = {(getattr(one, row), getattr(one, column)): one for one in frame.itertuples()}
    for y, x in product(range(len(rows)), range(len(columns))):
        one = fields.get((rows[y], columns[x]))
        shade = math.nan if one is None else float(one.shade)
        ink = "black"
        if not math.isnan(shade):
            value = min(max(shade, 0.0), 1.0)
            place = (x - 0.5, y - 0.5)
            axes.add_patch(Rectangle(place, 1, 1, color=shown(value), linewidth=0, aa=False))
            ink = "black" if value > 0.6 else "white"
        text = ("" if rows[y] == columns[x] else NONE) if one is None else str(one.text)
        if size >= SMALLEST:
            axes.text(x, y, text, ha="center", va="center", color=ink, fontsize=size)
    axes.set_xticks(range(len(columns)), columns, rotation=40, ha="left", rotation_mode="anchor")
    axes.set_yticks(range(len(rows)), rows)
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    axes.tick_params(length=0)
    axes.set_xlabel(titles[1])
    axes.set_ylabel(titles[0])
    for spine in axes.spines.values():
        spine.set_visible(False)
    image.set_alpha(1)
    image.set_visible(False)
    bar = figure.colorbar(image, ax=axes, aspect=18, shrink=0.9, pad=0.02, ticks=[0, 0.5, 1])
    bar.ax.set_yticklabels(["0", ".5", "1"])
    bar.outline.set_visible(False)  # type: ignore[operator]
    bar.set_label(meaning, fontsize=6)
    return figure
