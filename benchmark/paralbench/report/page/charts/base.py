"""What the charts share: colours that every reader can tell apart, and how marks are made."""

from typing import Any

import altair as alt

# Okabe and Ito's colours, which colour-blind readers tell apart; never the only difference.
BLUE, ORANGE, GREEN, PURPLE, SKY = "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9"
GREY = "#8a8a8a"
INK = "currentColor"  # follows the page's light or dark scheme, and prints black
ACCENT = "var(--accent)"

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
CONFIG: dict[str, Any] = {
    "background": "transparent",
    "font": FONT,
    "padding": 4,
    "view": {"stroke": None},
    "mark": {"invalid": None},  # a missing number is a field without colour, not no field
    "scale": {"invalid": {"color": {"value": "transparent"}}},
    "axis": {
        "labelColor": INK,
        "titleColor": INK,
        "tickColor": INK,
        "domainColor": INK,
        "gridColor": INK,
        "gridOpacity": 0.12,
        "tickOpacity": 0.4,
        "domainOpacity": 0.4,
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "labelLimit": 220,
        "labelPadding": 6,
    },
    "legend": {
        "labelColor": INK,
        "titleColor": INK,
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "orient": "top",
        "columns": 3,
        "labelLimit": 240,
        "symbolStrokeColor": INK,
    },
    "header": {
        "labelColor": INK,
        "titleColor": INK,
        "labelFontSize": 12,
        "labelFontWeight": 600,
        "labelAnchor": "start",
    },
    "text": {"color": INK, "fontSize": 12},
    "rule": {"color": INK},
    "tick": {"color": INK},
}

# The numbers on axes, without a zero in front as in the tables.
SHORT = "replace(replace(format(datum.value, '.4~f'), /^0\\./, '.'), /^(-|\u2212)0\\./, '$1.')"


def axis(title: str | None, **more: Any) -> alt.Axis:
    """An axis of scores."""
    return alt.Axis(title=title, labelExpr=SHORT, tickCount=5, **more)


def names(**more: Any) -> alt.Y:
    """The upstreams from top to bottom, in the order of the rows."""
    return alt.Y("name:N", sort=None, title=None, axis=alt.Axis(ticks=False, domain=False), **more)


def specification(chart: Any) -> dict[str, Any]:
    """The chart as plain data, with the shared looks."""
    return {**chart.to_dict(), "config": CONFIG}
