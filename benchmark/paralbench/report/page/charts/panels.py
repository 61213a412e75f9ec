"""Small multiples: one small panel per upstream, all on the same axes."""

from functools import cache
from typing import Any

import altair as alt

from paralbench.report.page.charts.base import ACCENT, INK, ORANGE, axis, specification

WIDTH, HEIGHT = 150, 96  # pixels of a panel


@cache
def layers() -> dict[str, Any]:
    """Score by layer: data ``rows``."""
    rows = alt.Chart()
    x = alt.X("layer:Q", axis=alt.Axis(title="layer", tickMinStep=1, tickCount=4, format="d"))
    y = alt.Y("value:Q", scale=alt.Scale(zero=False, padding=14), axis=axis("§heading§"))
    band = rows.mark_area(opacity=0.2, color=ACCENT).encode(x=x, y=alt.Y("low:Q"), y2="high:Q")
    line = rows.mark_line(color=ACCENT, point=False, strokeWidth=2).encode(x=x, y=y)
    single = rows.mark_point(filled=True, size=14, color=ACCENT, opacity=1).encode(
        x=x, y=y, tooltip=_tips("layer")
    )
    best = rows.transform_filter("datum.best")
    dot = best.mark_point(filled=True, size=70, color=ORANGE, opacity=1).encode(
        x=x, y=y, tooltip=_tips("layer")
    )
    # Beside the first layer there is no room to the left.
    side = alt.ExprRef("datum.layer < 3 ? 'left' : 'center'")
    text = best.mark_text(dy=-11, fontSize=11, align=side).encode(x=x, y=y, text="label:N")
    return _facets(_chance(rows), band, line, single, dot, text)


@cache
def learning() -> dict[str, Any]:
    """Score by share of the training speakers: data ``rows``."""
    rows = alt.Chart()
    x = alt.X(
        "share:Q",
        scale=alt.Scale(type="log", base=2, nice=False, padding=8),
        axis=alt.Axis(title="share of training speakers", format="~r", tickCount=4),
    )
    y = alt.Y("value:Q", scale=alt.Scale(zero=False), axis=axis("§heading§"))
    measured = rows.transform_filter("datum.kind == 'measured'")
    beyond = rows.transform_filter("datum.kind == 'extrapolated' || datum.share == 1")
    band = measured.mark_area(opacity=0.2, color=ACCENT).encode(x=x, y=alt.Y("low:Q"), y2="high:Q")
    line = measured.mark_line(color=ACCENT, strokeWidth=2).encode(x=x, y=y)
    dots = measured.mark_point(filled=True, size=36, color=ACCENT, opacity=1).encode(
        x=x, y=y, tooltip=_tips("share", "n_train")
    )
    dashed = beyond.mark_line(color=ORANGE, strokeDash=[4, 3], strokeWidth=1.5).encode(x=x, y=y)
    hollow = (
        rows.transform_filter("datum.kind == 'extrapolated'")
        .mark_point(size=50, color=ORANGE, opacity=1, shape="diamond")
        .encode(x=x, y=y, tooltip=_tips("share"))
    )
    return _facets(_chance(rows), band, line, dots, dashed, hollow)


@cache
def growth() -> dict[str, Any]:
    """Score by number of training corpora: data ``rows``."""
    rows = alt.Chart()
    # Of numbers an axis would have halves too, written as whole ones.
    x = alt.X("n_corpora:O", axis=alt.Axis(title="training corpora", labelAngle=0))
    y = alt.Y("value:Q", scale=alt.Scale(zero=False), axis=axis("§heading§"))
    mean = rows.mark_line(color=ACCENT, strokeWidth=2).encode(x=x, y="mean(value):Q")
    dots = rows.mark_point(filled=True, size=36, color=ACCENT, opacity=0.7).encode(
        x=x, y=y, tooltip=[*_tips("n_corpora"), alt.Tooltip("train:N", title="trained on")]
    )
    return _facets(_chance(rows), mean, dots)


@cache
def calibration() -> dict[str, Any]:
    """Accuracy by confidence: data ``rows``."""
    rows = alt.Chart()
    unit = alt.Scale(domain=[0, 1])
    x = alt.X("confidence:Q", scale=unit, axis=axis("said probability"))
    y = alt.Y("accuracy:Q", scale=unit, axis=axis("share right"))
    ideal = rows.transform_aggregate(n="count()", groupby=["name"]).transform_calculate(
        a="0", b="1"
    )
    diagonal = ideal.mark_rule(strokeDash=[4, 3], opacity=0.5).encode(
        x=alt.X("a:Q"), x2="b:Q", y=alt.Y("a:Q"), y2="b:Q"
    )
    line = rows.mark_line(color=ACCENT, strokeWidth=1.5).encode(x=x, y=y)
    dots = rows.mark_point(filled=True, color=ACCENT, opacity=1).encode(
        x=x,
        y=y,
        size=alt.Size("count:Q", scale=alt.Scale(range=[10, 140]), legend=None),
        tooltip=[
            alt.Tooltip("name:N", title="upstream"),
            *(alt.Tooltip(f"{c}:Q", format=".3~r") for c in ("confidence", "accuracy", "count")),
        ],
    )
    text = (
        rows.transform_aggregate(ece="mean(ece)", groupby=["name"])
        .transform_calculate(label="'ECE ' + replace(format(datum.ece, '.3f'), /^0/, '')")
        .mark_text(align="left", fontSize=11)
        .encode(x=alt.value(6), y=alt.value(10), text="label:N")
    )
    return _facets(diagonal, line, dots, text)


def _chance(rows: alt.Chart) -> alt.Chart:
    return rows.mark_rule(strokeDash=[4, 3], opacity=0.5, color=INK).encode(y="mean(chance):Q")


def _facets(*layers: Any) -> dict[str, Any]:
    panel = alt.layer(*layers).properties(width=WIDTH, height=HEIGHT)
    facets = panel.facet(
        facet=alt.Facet(
            "name:N",
            title=None,
            sort=alt.EncodingSortField("place", op="min"),
            header=alt.Header(labelPadding=2),
        ),
        columns=4,
        data=alt.NamedData("rows"),
        bounds="flush",
    )
    return specification(facets.properties(spacing={"row": 34, "column": 16}))


def _tips(*columns: str) -> list[alt.Tooltip]:
    return [
        alt.Tooltip("name:N", title="upstream"),
        *(alt.Tooltip(f"{one}:Q", title=one.replace("_", " ")) for one in columns),
        alt.Tooltip("tip:N", title="score"),
    ]
