"""Figures for papers: vector graphics in the width of a column, drawn from the tables alone."""

from paralbench.report.plots.draw import draw
from paralbench.report.plots.kinds import KINDS

__all__ = ["KINDS", "draw"]
