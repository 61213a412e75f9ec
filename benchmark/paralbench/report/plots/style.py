"""How plots for papers look, and what they share."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

# Okabe and Ito's colours, which colour-blind readers tell apart; never the only difference.
BLUE, ORANGE, GREEN, PURPLE = "#0072B2", "#E69F00", "#009E73", "#CC79A7"
GREY, INK = "#7a7a7a", "#222222"

STYLE: Any = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # comes with matplotlib: the same on every machine
    "font.size": 7,
    "axes.titlesize": 7,
    "axes.labelsize": 7,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "legend.fontsize": 6.5,
    "legend.frameon": False,
    "axes.linewidth": 0.6,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.5,
    "axes.axisbelow": True,
    "lines.linewidth": 1.1,
    "pdf.fonttype": 42,  # letters stay letters
    "ps.fonttype": 42,
    "svg.hashsalt": "paralbench",  # the same file from the same tables
    "savefig.dpi": 300,
    "figure.dpi": 300,
    "axes.unicode_minus": True,
}


def short(value: float, _: Any = None) -> str:
    """A number of an axis without a zero in front."""
    text = f"{value:.3f}".rstrip("0").rstrip(".")
    for sign in ("", "-"):
        if text.startswith(f"{sign}0."):
            text = sign + text[len(sign) + 1 :]
    return "0" if text in ("", "-", "-0", "0") else text


def score_axis(axes: Axes, which: str = "x") -> None:
    """Write an axis of scores as tables do, with a light grid."""
    one = axes.xaxis if which == "x" else axes.yaxis
    one.set_major_formatter(FuncFormatter(short))
    axes.grid(True, axis="x" if which == "x" else "y")


def name_axis(axes: Axes, names: list[str]) -> None:
    """Names from top to bottom."""
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
