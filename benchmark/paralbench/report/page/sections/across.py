"""Transfer between corpora."""

from dataclasses import replace

import pandas as pd

from paralbench.report.figures.cells import train_title
from paralbench.report.figures.transfer import growth, transfer
from paralbench.report.page.charts import matrices, panels
from paralbench.report.page.figure import Figure, Section
from paralbench.report.page.sections import losses
from paralbench.report.page.sections.view import View, labels, present, short
from paralbench.report.reading import Frame

WIDE = {train_title(setting, "") for setting in ("leave-one-corpus-out", "pooled")}


def across(view: View) -> Section:
    """What a probe trained on one corpus is worth on another."""
    section = Section("transfer", "From corpus to corpus")
    rows = transfer(view.run)
    if rows.empty:
        return replace(
            section,
            missing="Nothing was tested across corpora; `paralbench transfer --label LABEL` does.",
        )
    rows = view.by_order(rows, "task", "probe")
    rows = rows.assign(shade=rows["skill"].clip(0, 1), label=short(rows["value"]), tip=labels(rows))
    figure = Figure(
        id="transfer",
        title="Trained on one corpus, tested on another",
        caption="Rows train, columns test. The number is the score; the colour is the share of the "
        "way from chance (0) to perfect (1), because two corpora share other classes than two "
        "others and chance differs. The diagonal, where there is one, is the ceiling: trained on "
        "other speakers of the tested corpus.",
        spec=matrices.transfer(),
        data={"rows": _square(rows)},
        choices={"task": "Label", "probe": "Probe", "name": "Upstream"},
        kind="steps",
        command=view.plot("transfer"),
        columns={
            "task": "label",
            "name": "upstream",
            "probe": "probe",
            "train": "trained on",
            "test": "tested on",
            "value": "value",
            "low": "interval from",
            "high": "to",
            "chance": "chance",
            "skill": "share of the way to perfect",
            "n_train": "training utterances",
            "n_utterances": "utterances",
            "n_speakers": "speakers",
            "stamps": "stamps",
            "method": "interval",
        },
    )
    best, about_best = losses.across(view)
    lost, about_lost = losses.drops(view)
    figures = (figure, *best, *lost, *losses.shares(view), *losses.shifts(view), *_growth(view))
    return replace(section, figures=figures, notes=(*about_best, *about_lost))


def _growth(view: View) -> tuple[Figure, ...]:
    """Score by number of training corpora, where there is more than one."""
    rows = view.by_order(growth(view.run), "task", "probe", "test")
    rows = rows.assign(tip=labels(rows))
    return present(
        rows,
        {
            "id": "growth",
            "title": "Score by the number of training corpora",
            "caption": "Each dot is one set of training corpora, none of them the tested one, and "
            "all on the classes that every corpus has; the line is their mean. A line that rises "
            "says that variety helps.",
            "spec": panels.growth(),
            "data": {"rows": rows},
            "choices": {"task": "Label", "probe": "Probe", "test": "Tested on"},
            "kind": "panels",
            "command": view.plot("growth"),
            "columns": {
                "task": "label",
                "name": "upstream",
                "probe": "probe",
                "n_corpora": "training corpora",
                "train": "trained on",
                "test": "tested on",
                "value": "value",
                "low": "interval from",
                "high": "to",
                "chance": "chance",
            },
        },
    )


def _square(rows: Frame) -> Frame:
    """Rows with a field for every pair of corpora, so that both axes name the corpora alike."""
    parts = []
    for keys, part in rows.groupby(["task", "probe", "name"], sort=False):
        tests = sorted(set(part["test"]) | (set(part["train"]) - WIDE))
        trains = tests + sorted(set(part["train"]) & WIDE)
        every = pd.MultiIndex.from_product([trains, tests], names=["train", "test"])
        whole = part.set_index(["train", "test"]).reindex(every).reset_index()
        parts.append(whole.assign(**dict(zip(("task", "probe", "name"), keys, strict=True))))
    found = pd.concat(parts, ignore_index=True)
    found["heading"] = found.groupby("task")["heading"].transform("first")
    found["label"] = found["label"].fillna("")
    return found.drop(columns=["cell", "floor", "setting"])
