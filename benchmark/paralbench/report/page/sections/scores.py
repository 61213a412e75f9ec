"""Leaderboard, scores by task, ranks and heat map."""

from dataclasses import replace

import pandas as pd

from paralbench.report.figures.board import known, seeds
from paralbench.report.figures.numbers import NONE, number, with_interval
from paralbench.report.figures.ranks import Ranking
from paralbench.report.leaderboard import BEST
from paralbench.report.page.charts import dots, matrices
from paralbench.report.page.figure import Figure, Section
from paralbench.report.page.sections.view import View, labels, short
from paralbench.report.reading import Column, Frame, probe_name
from paralbench.tables import frames, slots

SCORE_COLUMNS = {
    "task": "task",
    "name": "upstream",
    "probe": "probe",
    "metric": "metric",
    "value": "value",
    "low": "interval from",
    "high": "to",
    "chance": "chance",
    "n_utterances": "utterances",
    "n_speakers": "speakers",
    "stamps": "stamps",
    "method": "interval",
}

MARKS = {"leaks": "†", "trained on": "‡", "unlabelled": "§", "fixed": "°"}


def leaderboard(view: View) -> Section:
    """The table that most readers come for."""
    rows = view.board
    section = Section("leaderboard", "Leaderboard", template="leaderboard.html.j2")
    if rows[~rows["floor"]].empty:
        return replace(section, missing="The run holds no scores within a corpus.")
    tables = [_table(view, probe) for probe in view.run.probes]
    lead = (
        "Each number is a score with its 95 % interval over speakers. Bold is the best of its "
        "column; ≈ marks a score that is not told apart from it (paired over speakers, Holm, "
        "5 %). Sort by any column, or write a part of a name to see some rows only."
    )
    return replace(
        section,
        lead=lead,
        extra={
            "tables": tables,
            "download": rows[list(SCORE_COLUMNS)],
            "columns": SCORE_COLUMNS,
            "numeric": (),
        },
    )


def _table(view: View, probe: str) -> dict[str, object]:
    rows = view.board[view.board["probe"] == probe]
    tasks = sorted(set(rows["task"]))
    shown = view.places[probe]
    ranks = shown.mean_rank
    failures = _failures(view)
    lines = []
    listed = dict(zip(rows["name"], rows["listed"], strict=True))
    names = view.by_order(rows.drop_duplicates("name"))["name"]
    found = {(row["name"], row["task"]): row for row in frames.records(rows)}
    for name in [*names, *_lost(view, names, failures)]:
        cells = []
        for task in tasks:
            row = found.get((name, task))
            if row is None:
                reason = failures.get((name, task, probe))
                cells.append({"value": None, "text": NONE, "why": reason or "not run"})
                continue
            place = shown.rows[row["listed"]][task]
            cells.append(
                {
                    "value": row["value"],
                    "text": number(row["value"]),
                    "interval": with_interval(row["value"], row["low"], row["high"])[
                        len(number(row["value"])) :
                    ].strip(),
                    "best": place.best,
                    "tied": place.tied,
                    "stamps": row["stamps"],
                    "marks": "".join(m for word, m in MARKS.items() if word in row["stamps"]),
                    "why": "" if known(row["low"]) else str(row["method"] or ""),
                }
            )
        floor = bool(rows.loc[rows["name"] == name, "floor"].any())
        lines.append(
            {
                "name": name,
                "floor": floor,
                "rank": ranks.get(listed.get(name, name)),
                "cells": cells,
            }
        )
    chances = rows.groupby("task")["chance"].first()
    heads = [
        {
            "task": task,
            "heading": view.run.measures[task].heading,
            "title": view.run.measures[task].title,
            "lower": not view.run.measures[task].higher,
            "chance": number(chances.get(task)),
        }
        for task in tasks
    ]
    return {
        "probe": probe,
        "heads": heads,
        "lines": lines,
        "ranked": bool(ranks),
        "tied": any(cell.get("tied") for line in lines for cell in line["cells"]),
        "tasks": view.rankings[probe].tasks,
        # The page shows what is best in bold, not by the star that this note explains.
        "notes": [note for note in shown.notes if not note.startswith(BEST.split("{")[0])],
        "stamped": any(cell.get("stamps") for line in lines for cell in line["cells"]),
    }


def _failures(view: View) -> dict[tuple[str, str, str], str]:
    """(upstream, task, probe) of each cell within a corpus that failed, to the reason."""
    messages = {
        row["cell"]: f"failed: {str(row['message']).splitlines()[0]}"
        for row in frames.records(view.run.table("failures"))
    }
    found = {}
    for slot, cell in view.run.folder.cells().items():
        parts = slots.split(slot)
        if cell in messages and parts["setting"] == "within":
            probe = probe_name(parts["recipe"], parts["normalisation"])
            found[parts["upstream"], parts["task"], probe] = messages[cell]
    return found


def _lost(view: View, names: Column, failures: dict[tuple[str, str, str], str]) -> list[str]:
    """Upstreams that failed everywhere: they are rows too."""
    return sorted({name for name, _, _ in failures} - set(names) - {slots.NO_UPSTREAM})


def by_task(view: View) -> Section:
    """Scores of one task with everything that says how sure they are."""
    rows = view.board
    section = Section("tasks", "Task by task")
    if rows.empty:
        return replace(section, missing="The run holds no scores within a corpus.")
    rows = rows.assign(
        label=labels(rows),
        kind=[
            dots.KINDS[2] if floor else dots.KINDS[1] if _marked(stamps) else dots.KINDS[0]
            for floor, stamps in zip(rows["floor"], rows["stamps"], strict=True)
        ],
        signed=rows["value"].where(rows["higher"], -rows["value"]),
    )
    rows = view.in_order(rows.sort_values("signed", ascending=False), "task", "probe")
    figure = Figure(
        id="scores",
        title="Scores of one task",
        caption="A dot is the score, averaged over the seeds; the line is its 95 % interval over "
        "speakers; the small ticks are the single seeds, which differ in what the probe was "
        "trained from. The dashed line is chance. Squares on edge are floors, which do not listen.",
        spec=dots.scores(),
        data={
            "rows": rows.drop(columns=["cell", "floor", "signed", "skill"]),
            "seeds": seeds(view.run),
        },
        choices={"task": "Task", "probe": "Probe"},
        kind="wide",
        command=view.plot("scores"),
        columns=SCORE_COLUMNS,
    )
    return replace(section, figures=(figure,))


def _marked(stamps: str) -> bool:
    return any(word in stamps for word in ("leaks", "trained on", "unlabelled"))


def ranks(view: View) -> Section:
    """Mean ranks and what they do not tell apart."""
    section = Section("ranks", "Ranks")
    found = [view.rankings[probe] for probe in view.run.probes]
    rows = [one.rows for one in found if len(one.rows)]
    if not rows:
        why = " ".join(note for one in found for note in one.notes) or "No probe listens."
        return replace(section, missing=why)
    frame = pd.concat(rows, ignore_index=True)
    frame = frame.assign(label=[f"{rank:.1f}" for rank in frame["rank"]])
    cliques = pd.concat([_bars(one) for one in found], ignore_index=True)
    first = found[0]
    several = len(view.rankings) > 1
    notes = tuple(
        f"Probe {probe}: {note}" if several else note
        for probe, one in view.rankings.items()
        for note in one.notes
    )
    figure = Figure(
        id="ranks",
        title="Mean ranks, with bars over what cannot be told apart",
        caption="On each task the best upstream has rank 1; a dot is the mean over the tasks that "
        "all upstreams have and that bear no stamp. A vertical bar joins upstreams of which no "
        "pair differs significantly (Wilcoxon's signed-rank test over tasks, Holm's correction, "
        "5 %). Each task counts as one observation.",
        spec=dots.ranks(),
        data={"rows": frame, "cliques": cliques},
        choices={"probe": "Probe"},
        kind="wide",
        command=view.plot("ranks"),
        columns={
            "probe": "probe",
            "name": "upstream",
            "rank": "mean rank",
            "place": "place",
            "group": "group",
            "best_place": "best place without a task",
            "worst_place": "worst place without a task",
            "win_rate": "win rate",
            "n_tasks": "tasks",
        },
    )
    tasks = f"Ranked over {len(first.tasks)} tasks: {', '.join(first.tasks)}."
    return replace(section, figures=(figure,), notes=(tasks, *notes))


def _bars(one: Ranking) -> Frame:
    """The bars of a ranking and the lane of each; bars that overlap have different lanes."""
    names = {name: place for place, name in enumerate(one.rows["name"])}
    ends: list[int] = []  # of each lane
    lanes = []
    for row in frames.records(one.cliques):
        first, last = names[row["first"]], names[row["last"]]
        lane = next((i for i, end in enumerate(ends) if end < first), len(ends))
        ends[lane : lane + 1] = [last]
        lanes.append(lane)
    return one.cliques.assign(lane=lanes)


def heat_map(view: View) -> Section:
    """Upstreams by tasks at a glance."""
    rows = view.board
    section = Section("heatmap", "At a glance")
    if rows[~rows["floor"]].empty:
        return replace(section, missing="The run holds no scores within a corpus.")
    rows = rows.assign(
        column=rows["task"],
        shade=rows["skill"].clip(0, 1),
        label=[
            text + ("*" if _marked(stamps) else "")
            for text, stamps in zip(short(rows["value"]), rows["stamps"], strict=True)
        ],
        tip=labels(rows),
    )
    columns = ["metric", "value", "chance", "skill", "shade", "label", "tip"]
    keys = ["probe", "name", "column"]
    every = pd.MultiIndex.from_product([rows[key].unique() for key in keys], names=keys)
    rows = rows.set_index(keys)[columns].reindex(every).reset_index()
    rows = rows.assign(label=rows["label"].fillna(NONE), tip=rows["tip"].fillna("not there"))
    rows = view.by_order(rows.sort_values("column", kind="stable"), "probe")
    figure = Figure(
        id="heatmap",
        title="Upstreams by tasks",
        caption="The number is the score in the task's own metric; the colour is the share of the "
        "way from chance (0, dark) to perfect (1, light), so that tasks can be compared. A star "
        "marks a score with a stamp: see the table of all scores.",
        spec=matrices.heat_map(),
        data={"rows": rows},
        choices={"probe": "Probe"},
        kind="steps",
        command=view.plot("heatmap"),
        columns={
            "name": "upstream",
            "column": "task",
            "probe": "probe",
            "metric": "metric",
            "value": "value",
            "chance": "chance",
            "skill": "share of the way to perfect",
        },
    )
    return replace(section, figures=(figure,))
