"""Layers, answers, groups of speakers, learning curves, costs."""

from dataclasses import replace

import numpy as np
import pandas as pd

from paralbench.report.figures import answers, costs, people
from paralbench.report.figures.layers import layers as profiles
from paralbench.report.figures.numbers import NONE, number
from paralbench.report.page.charts import dots, matrices, panels
from paralbench.report.page.figure import Figure, Section
from paralbench.report.page.sections.view import View, labels, present, short


def layers(view: View) -> Section:
    """Where in an upstream a label can be read."""
    section = Section("layers", "Layer by layer")
    rows = profiles(view.run)
    if rows.empty:
        why = "No probe was trained for each layer; `--recipes layers` does that."
        return replace(section, missing=why)
    rows = view.by_order(rows, "task")
    rows = rows.assign(
        tip=labels(rows),
        label=[
            f"{layer}: {number(value)}"
            for layer, value in zip(rows["layer"], rows["value"], strict=True)
        ],
    )
    figure = Figure(
        id="layers",
        title="Score of a probe on each layer",
        caption="One panel per upstream, all on the same axes; layer 0 is what enters the first "
        "block. The dot is the best layer and its score, chosen on the test utterances: it says "
        "where to look, not what to expect. The dashed line is chance, the band the 95 % interval.",
        spec=panels.layers(),
        data={"rows": rows},
        choices={"task": "Task"},
        kind="panels",
        command=view.plot("layers"),
        columns={
            "task": "task",
            "name": "upstream",
            "layer": "layer",
            "value": "value",
            "low": "interval from",
            "high": "to",
            "chance": "chance",
        },
    )
    return replace(section, figures=(figure,))


def confusion(view: View) -> Section:
    """Which classes are taken for which."""
    section = Section("confusion", "Which classes are confused")
    rows = view.by_order(answers.confusion(view.run), "what", "probe")
    found = view.by_order(answers.recalls(view.run), "what", "probe")
    if rows.empty:
        return replace(
            section, missing="The run holds no confusions; labels that are numbers have none."
        )
    rows = rows.assign(
        shade=rows["share"],
        label=[f"{round(100 * share)} %" if share == share else NONE for share in rows["share"]],
        tip=[f"{count} of the seeds' answers" for count in rows["count"]],
    )
    found = found.assign(shade=found["value"], label=short(found["value"]), tip=labels(found))
    choices = {"what": "Task or transfer", "probe": "Probe"}
    figures = present(
        rows,
        {
            "id": "confusion",
            "title": "Confusions of one upstream",
            "caption": "Each row is a true class, each column what the probe said; a row adds to "
            "100 %. The diagonal is what is right. Answers of all seeds are counted together.",
            "spec": matrices.confusion(),
            "data": {"rows": rows},
            "choices": {**choices, "name": "Upstream"},
            "kind": "steps",
            "command": view.plot("confusion"),
            "columns": {"what": "task or transfer", "name": "upstream", "probe": "probe",
                        "truth": "truth", "prediction": "predicted as", "count": "answers",
                        "share": "share of the true class"},
        },
    ) + present(
        found,
        {
            "id": "recalls",
            "title": "Recall of each class",
            "caption": "The share of each class that is recognised: the diagonal of the "
            "confusions, for all upstreams side by side. Their average is the UAR.",
            "spec": matrices.recalls(),
            "data": {"rows": found},
            "choices": choices,
            "kind": "steps",
            "command": None,
            "columns": {"what": "task or transfer", "name": "upstream", "probe": "probe",
                        "class": "class", "value": "recall", "low": "interval from", "high": "to"},
        },
    )  # fmt: skip
    return replace(section, figures=figures)


def calibration(view: View) -> Section:
    """Whether a probability means what it says."""
    section = Section("calibration", "How far probabilities can be trusted")
    rows = view.by_order(answers.calibration(view.run), "what", "probe")
    if rows.empty:
        return replace(section, missing="The run's tables hold no calibration.")
    figure = Figure(
        id="calibration",
        title="Said probability against share right",
        caption="Answers are sorted by the probability that the probe gave them. On the dashed "
        "diagonal, of answers said with 70 % certainty 70 % are right; below it the probe is too "
        "sure of itself. Larger dots hold more answers. ECE is the mean distance from the "
        "diagonal.",
        spec=panels.calibration(),
        data={"rows": rows},
        choices={"what": "Task or transfer", "probe": "Probe"},
        kind="panels",
        command=view.plot("calibration"),
        columns={"what": "task or transfer", "name": "upstream", "probe": "probe",
                 "low": "bin from", "high": "to", "count": "answers", "confidence": "confidence",
                 "accuracy": "share right", "ece": "ECE of all bins"},
    )  # fmt: skip
    return replace(section, figures=(figure,))


def groups(view: View) -> Section:
    """Whom a probe understands better."""
    section = Section("groups", "Groups of speakers")
    gaps = view.by_order(people.gaps(view.run), "what", "probe", "column")
    scores = view.by_order(people.groups(view.run), "what", "probe")
    if gaps.empty and scores.empty:
        return replace(section, missing="The run's tables hold no scores by group of speakers.")
    scores = scores.assign(
        column=[group.partition("=")[0] for group in scores["group"]],
        group=[group.partition("=")[2] or group for group in scores["group"]],
        label=labels(scores),
    )
    unknown = gaps[gaps["gap"].isna()]
    reasons = sorted(set(unknown["reason"].dropna()))
    notes = tuple(f"Some gaps are not there: {reason}." for reason in reasons)
    gaps = gaps[gaps["gap"].notna()]
    sure = gaps["p_value"].astype(float) < 0.05
    gaps = gaps.assign(kind=np.where(sure, *dots.GAP_KINDS))
    choices = {"what": "Task or transfer", "probe": "Probe", "column": "Groups by"}
    figures = present(
        scores,
        {
            "id": "groups",
            "title": "Scores by group of speakers",
            "caption": "One dot per group, joined by a line; a long line is a large gap. Groups "
            "differ in size and in their recordings too, so a gap is a reason to look, not proof "
            "of a cause.",
            "spec": dots.groups(),
            "data": {"rows": scores},
            "choices": choices,
            "kind": "wide",
            "command": None,
            "columns": {"what": "task or transfer", "name": "upstream", "probe": "probe",
                        "column": "groups by", "group": "group", "value": "value",
                        "low": "interval from", "high": "to", "n_utterances": "utterances",
                        "n_speakers": "speakers"},
        },
    ) + present(
        gaps,
        {
            "id": "gaps",
            "title": "Gap between the best and the worst group",
            "caption": "The dot is the gap. The thick tick is what 95 % of the gaps stay below "
            "when the same speakers are dealt to groups at random: a gap left of it is what chance "
            "gives.",
            "spec": dots.gaps(),
            "data": {"rows": gaps},
            "choices": choices,
            "kind": "wide",
            "command": None,
            "columns": {"what": "task or transfer", "name": "upstream", "probe": "probe",
                        "column": "groups by", "best": "best", "worst": "worst", "gap": "gap",
                        "null_high": "95 % of random gaps below", "p_value": "p",
                        "n_speakers": "speakers", "reason": "no test because"},
        },
    )  # fmt: skip
    return replace(section, figures=figures, notes=notes)


def learning(view: View) -> Section:
    """How much more training speakers would help."""
    section = Section("learning", "Learning curves")
    rows = view.by_order(costs.learning(view.run), "what", "probe")
    if rows.empty:
        why = "Every probe was trained on all of its training speakers, so there is no curve."
        return replace(section, missing=why)
    rows = rows.sort_values("share", kind="stable")
    rows = view.by_order(rows, "what", "probe").assign(tip=lambda frame: labels(frame))
    figure = Figure(
        id="learning",
        title="Score by share of the training speakers",
        caption="A curve that still rises on the right would gain from more speakers. The hollow "
        "diamond is what a curve fitted to the points promises for more speakers than there are: "
        "a guess, not a measurement.",
        spec=panels.learning(),
        data={"rows": rows},
        choices={"what": "Task", "probe": "Probe"},
        kind="panels",
        command=view.plot("learning-curve"),
        columns={"what": "task", "name": "upstream", "probe": "probe",
                 "share": "share of training speakers", "n_train": "training utterances",
                 "value": "value", "low": "interval from", "high": "to", "kind": "kind"},
    )  # fmt: skip
    return replace(section, figures=(figure,))


def efficiency(view: View) -> Section:
    """What a score costs."""
    section = Section("efficiency", "What a score costs")
    rows = costs.efficiency(view.run, view.rankings)
    kinds = {
        "real_time": "seconds of computing per second of speech",
        "gflops": "GFLOP per second of speech",
        "parameters": "parameters",
    }
    parts = []
    for column, against in kinds.items():
        part = rows.assign(cost=rows[column].astype(float), against=against)
        parts.append(part.dropna(subset=["cost", "skill"]))
    found = pd.concat(parts, ignore_index=True)
    if found.empty:
        why = "The tables hold neither the time that encoding took nor numbers of parameters."
        return replace(section, missing=why)
    keys = ["task", "probe", "against"]
    found = pd.concat([costs.placed(part) for _, part in found.groupby(keys)], ignore_index=True)
    found = found.assign(
        _all=~found["task"].str.startswith("all tasks"),
        _kind=found["against"].map(list(kinds.values()).index),
    )
    found = view.in_order(found.sort_values("_kind", kind="stable"), "_all", "task", "probe")
    found["kind"] = np.where(found["front"], *dots.COST_KINDS)
    devices = sorted(set(rows["device"].dropna()))
    notes = (f"Measured on: {', '.join(devices)}.",) if devices else ()
    figure = Figure(
        id="efficiency",
        title="Score against cost",
        caption="Up is better, left is cheaper; the horizontal axis is logarithmic. The dashed "
        "line joins the upstreams that nothing beats in both. Times are of encoding alone, on the "
        "machine of this run.",
        spec=dots.efficiency(),
        data={"rows": found.drop(columns=["_all", "_kind"])},
        choices={"task": "Task", "probe": "Probe", "against": "Cost"},
        kind="wide",
        command=view.plot("efficiency"),
        columns={"task": "task", "name": "upstream", "probe": "probe",
                 "skill": "share of the way to perfect", "real_time": "seconds per second",
                 "gflops": "GFLOP per second", "parameters": "parameters",
                 "share_of_device": "share of the device's rate", "joules": "J per second",
                 "peak_memory_bytes": "peak memory in bytes", "device": "device"},
    )  # fmt: skip
    return replace(section, figures=(figure,), notes=notes)
