"""Dot plots: an upstream a row, a score a dot, an interval a line."""

from functools import cache
from typing import Any

import altair as alt

from paralbench.report.page.charts.base import (
    ACCENT,
    GREY,
    INK,
    ORANGE,
    axis,
    names,
    specification,
)

COST = "datum.value < 1000 ? format(datum.value, '~g') : format(datum.value, '~s')"
ROW = 22  # pixels
RANK = "mean rank (1 is best)"
KINDS = ("upstream", "upstream, see stamps", "floor: does not listen")
GAP_KINDS = ("larger than chance (p < .05)", "as chance gives")
END_KINDS = ("other corpora", "the tested corpus (ceiling)")
ACROSS_KINDS = ("across corpora", "within corpora")
COST_KINDS = ("nothing is both cheaper and better", "something is")


@cache
def scores() -> dict[str, Any]:
    """Scores of one task with intervals, seeds, chance and floors: data ``rows``, ``seeds``."""
    rows = alt.Chart(alt.NamedData("rows"))
    x = alt.X("value:Q", scale=alt.Scale(zero=False, nice=True, padding=6), axis=axis("§heading§"))
    shape = alt.Shape(
        "kind:N",
        title=None,
        scale=alt.Scale(domain=list(KINDS), range=["circle", "triangle-up", "diamond"]),
    )
    colour = alt.Color(
        "kind:N", title=None, scale=alt.Scale(domain=list(KINDS), range=[ACCENT, ORANGE, GREY])
    )
    intervals = (
        rows.transform_filter("isValid(datum.low)")
        .mark_rule(strokeWidth=2)
        .encode(names(), x=alt.X("low:Q"), x2="high:Q", color=colour)
    )
    seeds = (
        alt.Chart(alt.NamedData("seeds"))
        .mark_tick(thickness=1, size=10, opacity=0.45)
        .encode(names(), x="value:Q", color=alt.value(INK))
    )
    dots = rows.mark_point(filled=True, size=80, opacity=1).encode(
        names(), x=x, shape=shape, color=colour, tooltip=_tips()
    )
    chance = rows.mark_rule(strokeDash=[4, 3], opacity=0.6).encode(x="mean(chance):Q")
    layered = alt.layer(dots, intervals, seeds, dots, chance)
    return specification(layered.properties(width="container", height=alt.Step(ROW)))


@cache
def ranks() -> dict[str, Any]:
    """Mean ranks, and bars over what cannot be told apart: data ``rows``, ``cliques``."""
    x = alt.X(
        "rank:Q",
        scale=alt.Scale(zero=False, nice=False, padding=22, domainMin=1),
        axis=alt.Axis(title=RANK, tickMinStep=1, format="~r"),
    )
    rows = alt.Chart(alt.NamedData("rows"))
    dots = rows.mark_point(filled=True, size=80, opacity=1, color=ACCENT).encode(
        names(), x=x, tooltip=_plain("name", "rank", "n_tasks")
    )
    labels = rows.mark_text(align="left", dx=9).encode(names(), x=x, text="label:N")
    # The bars have a margin of their own, right of the chart at any width.
    bars = (
        alt.Chart(alt.NamedData("cliques"))
        .mark_rule(
            strokeWidth=5,
            strokeCap="round",
            opacity=0.75,
            color=ORANGE,
            xOffset=alt.ExprRef("10 + 10 * datum.lane"),
        )
        .encode(
            alt.Y("first:N", sort=None, title=None),
            y2="last:N",
            x=alt.XValue(alt.ExprRef("width")),
        )
    )
    return specification(
        alt.layer(dots, labels, bars).properties(width="container", height=alt.Step(ROW))
    )


@cache
def gaps() -> dict[str, Any]:
    """Gaps between groups beside what chance would give: data ``rows``."""
    rows = alt.Chart(alt.NamedData("rows"))
    kinds = list(GAP_KINDS)
    x = alt.X("gap:Q", scale=alt.Scale(zero=True), axis=axis("gap between best and worst group"))
    lines = rows.mark_rule(strokeWidth=2, opacity=0.6, color=ACCENT).encode(
        names(), x=x, x2=alt.value(0)
    )
    limits = rows.mark_tick(thickness=3, size=14, color=INK, opacity=0.7).encode(
        names(), x="null_high:Q"
    )
    dots = rows.mark_point(size=80, opacity=1, fillOpacity=1).encode(
        names(),
        x=x,
        shape=alt.Shape(
            "kind:N", title=None, scale=alt.Scale(domain=kinds, range=["circle", "square"])
        ),
        color=alt.Color(
            "kind:N", title=None, scale=alt.Scale(domain=kinds, range=[ORANGE, ACCENT])
        ),
        tooltip=_plain("name", "best", "worst", "gap", "null_high", "p_value", "n_speakers"),
    )
    return specification(
        alt.layer(dots, lines, limits, dots).properties(width="container", height=alt.Step(ROW))
    )


@cache
def groups() -> dict[str, Any]:
    """Scores of groups of speakers, one row per upstream: data ``rows``."""
    rows = alt.Chart(alt.NamedData("rows"))
    x = alt.X("value:Q", scale=alt.Scale(zero=False, nice=True, padding=6), axis=axis("§heading§"))
    span = rows.mark_rule(strokeWidth=2, opacity=0.35).encode(
        names(), x=alt.X("min(value):Q"), x2="max(value):Q"
    )
    dots = rows.mark_point(filled=True, size=80, opacity=1).encode(
        names(),
        x=x,
        shape=alt.Shape("group:N", title=None),
        color=alt.Color(
            "group:N",
            title=None,
            scale=alt.Scale(range=[ACCENT, ORANGE, "#009E73", "#CC79A7", "#56B4E9", GREY]),
        ),
        tooltip=_plain("name", "group", "value", "n_utterances", "n_speakers"),
    )
    return specification(
        alt.layer(dots, span, dots).properties(width="container", height=alt.Step(ROW))
    )


@cache
def drops() -> dict[str, Any]:
    """Scores across corpora beside their ceilings, a row per transfer: data ``rows``, ``ends``."""
    rows, ends = alt.Chart(alt.NamedData("rows")), alt.Chart(alt.NamedData("ends"))
    y = alt.Y("pair:N", sort=None, title=None, axis=alt.Axis(ticks=False, domain=False))
    x = alt.X("score:Q", scale=alt.Scale(zero=False, padding=6), axis=axis("§heading§"))
    line = rows.mark_rule(strokeWidth=2, opacity=0.4).encode(y, x=alt.X("value:Q"), x2="ceiling:Q")
    kinds = alt.Scale(domain=list(END_KINDS), range=["circle", "diamond"])
    colours = alt.Scale(domain=list(END_KINDS), range=[ACCENT, ORANGE])
    dots = ends.mark_point(filled=True, size=80, opacity=1).encode(
        y,
        x=x,
        shape=alt.Shape("kind:N", title=None, scale=kinds),
        color=alt.Color("kind:N", title=None, scale=colours),
        tooltip=[
            alt.Tooltip("pair:N", title="transfer"),
            alt.Tooltip("kind:N", title="trained on"),
            alt.Tooltip("score:Q", format=".3f"),
            alt.Tooltip("label:N", title="drop"),
            alt.Tooltip("languages:N"),
        ],
    )
    return specification(
        alt.layer(dots, line, dots).properties(width="container", height=alt.Step(ROW))
    )


@cache
def across() -> dict[str, Any]:
    """Mean scores over pairs of corpora, beside those within them: data ``rows``, ``ends``."""
    rows, ends = alt.Chart(alt.NamedData("rows")), alt.Chart(alt.NamedData("ends"))
    x = alt.X("score:Q", scale=alt.Scale(zero=False, padding=6), axis=axis("§measure§"))
    kinds = alt.Scale(domain=list(ACROSS_KINDS), range=["circle", "diamond"])
    colours = alt.Scale(domain=list(ACROSS_KINDS), range=[ACCENT, ORANGE])
    intervals = (
        rows.transform_filter("isValid(datum.low)")
        .mark_rule(strokeWidth=2, color=ACCENT)
        .encode(names(), x=alt.X("low:Q"), x2="high:Q")
    )
    dots = ends.mark_point(filled=True, size=80, opacity=1).encode(
        names(),
        x=x,
        shape=alt.Shape("kind:N", title=None, scale=kinds),
        color=alt.Color("kind:N", title=None, scale=colours),
        tooltip=[
            alt.Tooltip("name:N", title="upstream"),
            alt.Tooltip("kind:N", title="tested"),
            alt.Tooltip("score:Q", format=".3f"),
        ],
    )
    return specification(
        alt.layer(dots, intervals, dots).properties(width="container", height=alt.Step(ROW))
    )


@cache
def efficiency() -> dict[str, Any]:
    """Score against cost, one labelled dot per upstream: data ``rows``."""
    rows = alt.Chart(alt.NamedData("rows"))
    kinds = list(COST_KINDS)
    x = alt.X(
        "cost:Q",
        scale=alt.Scale(type="log", padding=16, nice=False),
        axis=alt.Axis(
            title="§against§", labelExpr=COST, labelOverlap="greedy", labelSeparation=12, grid=False
        ),
    )
    y = alt.Y(
        "skill:Q",
        scale=alt.Scale(zero=False, nice=True, padding=12),
        axis=axis("share of the way from chance to perfect"),
    )
    front = (
        rows.transform_filter("datum.front")
        .mark_line(strokeWidth=1.5, opacity=0.6, color=ACCENT, strokeDash=[5, 3])
        .encode(x=x, y=y)
    )
    dots = rows.mark_point(filled=True, size=90, opacity=1).encode(
        x=x,
        y=y,
        shape=alt.Shape(
            "kind:N", title=None, scale=alt.Scale(domain=kinds, range=["circle", "square"])
        ),
        color=alt.Color("kind:N", title=None, scale=alt.Scale(domain=kinds, range=[ACCENT, GREY])),
        tooltip=_plain("name", "skill", "cost"),
    )
    labels = rows.mark_text(align="left", dx=8, fontSize=11).encode(
        x=x, y=alt.Y("label_y:Q"), text="name:N"
    )
    return specification(alt.layer(dots, front, labels).properties(width="container", height=340))


def _tips() -> list[alt.Tooltip]:
    return [
        alt.Tooltip("name:N", title="upstream"),
        alt.Tooltip("label:N", title="score"),
        alt.Tooltip("n_utterances:Q", title="utterances"),
        alt.Tooltip("n_speakers:Q", title="speakers"),
        alt.Tooltip("stamps:N"),
        alt.Tooltip("method:N", title="interval"),
    ]


def _plain(*columns: str) -> list[alt.Tooltip]:
    texts = {"name", "best", "worst", "group"}
    return [
        alt.Tooltip(f"{one}:N", title=one)
        if one in texts
        else alt.Tooltip(f"{one}:Q", title=one.replace("_", " "), format=".3~r")
        for one in columns
    ]
