"""Heat maps in viridis, each number written into its field."""

from functools import cache
from typing import Any

import altair as alt

from paralbench.report.page.charts.base import INK, specification


@cache
def heat_map() -> dict[str, Any]:
    """Upstreams by tasks: data ``rows`` with ``name, column, shade, label``."""
    return _matrix("name", "column", None, None, width=58, height=24, legend="0 chance, 1 perfect")


@cache
def transfer() -> dict[str, Any]:
    """Training by test corpora: data ``rows`` with ``train, test, shade, label``."""
    return _matrix(
        "train",
        "test",
        "trained on",
        "tested on",
        width=84,
        height=40,
        legend="0 chance, 1 perfect",
    )


@cache
def confusion() -> dict[str, Any]:
    """True by predicted classes: data ``rows`` with ``truth, prediction, shade, label``."""
    return _matrix(
        "truth",
        "prediction",
        "truth",
        "predicted as",
        width=72,
        height=34,
        legend="share of the true class",
    )


@cache
def recalls() -> dict[str, Any]:
    """Upstreams by classes: data ``rows`` with ``name, class, shade, label``."""
    return _matrix("name", "class", None, None, width=72, height=24, legend="recall")


@cache
def priors() -> dict[str, Any]:
    """Upstreams by treatments of the class shares: data ``rows`` with ``variant, shade``."""
    return _matrix("name", "variant", None, None, width=92, height=24, legend="accuracy")


@cache
def shifts() -> dict[str, Any]:
    """Upstreams by parts of CCC: data ``rows`` with ``name, part, shade, label``."""
    return _matrix("name", "part", None, None, width=84, height=24, legend="0 none, 1 perfect")


def _matrix(
    row: str,
    column: str,
    row_title: str | None,
    column_title: str | None,
    *,
    width: int,
    height: int,
    legend: str,
) -> dict[str, Any]:
    rows = alt.Chart(alt.NamedData("rows"))
    y = alt.Y(f"{row}:N", sort=None, title=row_title, axis=alt.Axis(ticks=False, domain=False))
    x = alt.X(
        f"{column}:N",
        sort=None,
        title=column_title,
        axis=alt.Axis(orient="top", labelAngle=-35, ticks=False, domain=False),
    )
    tips = [
        alt.Tooltip(f"{row}:N", title=row_title or "upstream"),
        alt.Tooltip(f"{column}:N", title=column_title or column),
        alt.Tooltip("tip:N", title="value"),
    ]
    fields = rows.mark_rect(stroke=INK, strokeOpacity=0.15).encode(
        x=x,
        y=y,
        color=alt.Color(
            "shade:Q",
            scale=alt.Scale(scheme="viridis", domain=[0, 1], clamp=True),
            legend=alt.Legend(title=legend, gradientLength=160, tickCount=3),
        ),
        tooltip=tips,
    )
    # Viridis is dark below and light above; fields without a value show the page's own ground.
    texts = rows.mark_text(fontSize=12).encode(
        x=x,
        y=y,
        text=alt.Text("label:N"),
        tooltip=tips,
        color=alt.when("!isValid(datum.shade)")
        .then(alt.value(INK))
        .when("datum.shade > 0.6")
        .then(alt.value("black"))
        .otherwise(alt.value("white")),
    )
    return specification(
        alt.layer(fields, texts).properties(width=alt.Step(width), height=alt.Step(height))
    )
