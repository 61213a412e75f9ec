"""What is lost between corpora, as figures of the section on transfer."""

import numpy as np
import pandas as pd

from paralbench.report.figures import losses
from paralbench.report.figures.numbers import with_interval
from paralbench.report.page.charts import dots, matrices
from paralbench.report.page.figure import Figure
from paralbench.report.page.sections.view import View, present, short
from paralbench.report.reading import Frame


def drops(view: View) -> tuple[tuple[Figure, ...], tuple[str, ...]]:
    """Drops from the ceiling; the figure and why some are not there."""
    rows = losses.drops(view.run)
    known = rows["drop"].notna()
    lacks = sorted(set(rows.loc[~known, "reason"].dropna()))
    notes = tuple(f"Some drops are not there: {why}." for why in lacks)
    rows = view.by_order(rows[known], "task", "probe")
    rows = rows.assign(
        pair=[what.partition(": ")[2] for what in rows["what"]],
        heading=[view.run.measures[task].heading for task in rows["task"]],
        label=[
            with_interval(*row) for row in zip(rows["drop"], rows["low"], rows["high"], strict=True)
        ],
    )
    ends = [
        rows.assign(score=rows[column], kind=kind)
        for column, kind in zip(("value", "ceiling"), dots.END_KINDS, strict=True)
    ]
    keep = ["task", "probe", "name", "pair", "score", "kind", "heading", "label", "languages"]
    figures = present(
        rows,
        {
            "id": "drops",
            "title": "What is lost against the ceiling",
            "caption": "The diamond is the ceiling, a probe trained on other speakers of the "
            "tested corpus; the dot is the probe trained elsewhere, on the same utterances and "
            "classes. The line between them is the drop, whose interval (paired by speaker) is in "
            "the table below.",
            "spec": dots.drops(),
            "data": {"rows": rows, "ends": pd.concat(ends, ignore_index=True)[keep]},
            "choices": {"task": "Label", "probe": "Probe", "name": "Upstream"},
            "kind": "wide",
            "command": view.plot("drops"),
            "columns": {"what": "transfer", "name": "upstream", "probe": "probe",
                        "languages": "languages", "metric": "metric", "value": "score",
                        "ceiling": "ceiling", "drop": "drop", "low": "interval from", "high": "to",
                        "n_train": "training utterances", "n_train_ceiling": "of the ceiling",
                        "n_utterances": "utterances", "n_speakers": "speakers"},
        },
    )  # fmt: skip
    return figures, notes


def across(view: View) -> tuple[tuple[Figure, ...], tuple[str, ...]]:
    """Mean scores over pairs; the figure and what a reader has to know."""
    rows, notes = losses.across(view)
    rows = view.in_order(rows.sort_values("place", kind="stable"), "task", "probe")
    ends = [
        rows.assign(score=rows[column].astype(float), kind=kind)
        for column, kind in zip(("value", "in_corpus"), dots.ACROSS_KINDS, strict=True)
    ]
    rows = rows.replace({"measure": {"uar-normalised": "chance-normalised UAR ↑", "ccc": "CCC ↑"}})
    keep = ["task", "probe", "name", "score", "kind"]
    ended: Frame = pd.concat(ends, ignore_index=True)[keep]
    figures = present(
        rows,
        {
            "id": "across",
            "title": "Who generalises best",
            "caption": "The dot is the mean over all pairs of corpora that share the label, the "
            "line its 95 % interval over corpora, and the diamond the mean of the ceilings within "
            "them. The order of the dots need not be that of the diamonds.",
            "spec": dots.across(),
            "data": {"rows": rows, "ends": ended.dropna(subset=["score"])},
            "choices": {"task": "Label", "probe": "Probe"},
            "kind": "wide",
            "command": None,
            "columns": {"task": "label", "probe": "probe", "name": "upstream",
                        "measure": "measure", "value": "across corpora", "low": "interval from",
                        "high": "to", "in_corpus": "within corpora", "drop": "drop",
                        "place": "place across", "place_in_corpus": "place within"},
        },
    )  # fmt: skip
    return figures, notes if figures else ()


def shares(view: View) -> tuple[Figure, ...]:
    """How much of a loss is a change of class shares."""
    rows = losses.priors(view.run)
    order = _ordered(view, rows)
    rows = order.assign(
        shade=order["value"], label=short(order["value"]), tip=short(order["value"])
    )
    return present(
        rows,
        {
            "id": "priors",
            "title": "How much is due to other shares of the classes",
            "caption": "Weighted accuracy falls where classes are as frequent elsewhere as they "
            "are rare here, without any classifier being worse. Beside the score across corpora "
            "stand what the training corpus's recalls would give under the tested corpus's "
            "shares, and what is won back by estimating those shares from unlabelled test data "
            "(EM; it reads test data).",
            "spec": matrices.priors(),
            "data": {"rows": rows},
            "choices": {"what": "Transfer", "probe": "Probe"},
            "kind": "steps",
            "command": None,
            "columns": {"what": "transfer", "name": "upstream", "probe": "probe",
                        "variant": "variant", "value": "weighted accuracy", "uar": "UAR"},
        },
    )  # fmt: skip


def shifts(view: View) -> tuple[Figure, ...]:
    """How much of a loss in CCC is a shift of scale or mean."""
    rows = _ordered(view, losses.shifts(view.run))
    rows = rows.assign(
        shade=np.clip(rows["value"].astype(float), 0, 1),
        label=short(rows["value"]),
        tip=short(rows["value"]),
    )
    return present(
        rows,
        {
            "id": "shifts",
            "title": "Concordance as correlation and shift",
            "caption": "CCC is Pearson's correlation times a bias correction, which is 1 where "
            "predictions have the truth's mean and spread. A low correction says that the order "
            "is right and the scale is not.",
            "spec": matrices.shifts(),
            "data": {"rows": rows},
            "choices": {"what": "Task or transfer", "probe": "Probe"},
            "kind": "steps",
            "command": None,
            "columns": {"what": "task or transfer", "name": "upstream", "probe": "probe",
                        "part": "part", "value": "value"},
        },
    )  # fmt: skip


def _ordered(view: View, rows: Frame) -> Frame:
    return view.by_order(rows, "what", "probe")
