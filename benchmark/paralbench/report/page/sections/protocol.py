"""How the numbers came about: tasks, corpora, upstreams, versions, what failed and what lacks."""

import pandas as pd

from paralbench.report.figures.numbers import NONE, number
from paralbench.report.page.figure import Grid, Section
from paralbench.report.page.sections.view import View
from paralbench.report.reading import Column
from paralbench.tables import frames


def protocol(view: View) -> Section:
    """Tasks, corpora, upstreams, software."""
    grids = (_tasks(view), _corpora(view), _upstreams(view), _software(view))
    return Section(
        id="protocol",
        title="Protocol",
        lead="Every upstream was run the same way. Its states are averaged over time, and a probe "
        "is trained on the training utterances; where something about it is chosen, development "
        "speakers who are in neither train nor test choose. The test utterances are scored once.",
        grids=tuple(grid for grid in grids if grid.rows),
    )


def trouble(view: View) -> Section:
    """What failed, what was left out, and what stamps the rows bear."""
    grids = (_stamps(view), _failures(view), _skipped(view), _excluded(view))
    grids = tuple(grid for grid in grids if grid.rows)
    missing = None
    if not grids:
        missing = "Nothing failed, nothing was left out, and no row bears a stamp."
    return Section(
        id="stamps",
        title="Stamps, failures, exclusions",
        lead="What has to be known before numbers are compared, and what is not there.",
        grids=grids,
        missing=missing,
    )


def _tasks(view: View) -> Grid:
    scores = view.run.pooled
    rows = scores[scores["primary"] & ~scores["floor"]]
    keys = ["task", "setting", "split", "train_corpora", "test_corpus", "selection"]
    lines = []
    for values, part in rows.groupby(keys, sort=True):
        task, setting, split, train, test, selection = map(str, values)
        measure = view.run.measures[task]
        lines.append(
            (
                task,
                setting,
                train if setting == "within" else f"{train} → {test}",
                split,
                f"{measure.title} {'↑' if measure.higher else '↓'}",
                number(part["chance"].astype(float).median()),
                _span(part["n_train"]),
                _span(part["n_utterances"]),
                _span(part["n_speakers"]),
                selection,
            )
        )
    heads = ("task", "setting", "corpora", "split", "metric", "chance", "train", "test")
    heads += ("test speakers", "settings chosen by")
    return Grid("Tasks and transfer settings", heads, tuple(lines), frozenset({5, 6, 7, 8}))


def _span(values: Column) -> str:
    numbers = sorted(set(values.dropna().astype(int)))
    if not numbers:
        return NONE
    return f"{numbers[0]:,}" if len(numbers) == 1 else f"{numbers[0]:,} to {numbers[-1]:,}"


def _corpora(view: View) -> Grid:
    lines = []
    for id in _ids(view, "corpus"):
        seconds = view.run.facts.get(("corpus", id, "seconds"), ())
        hours = max((float(value) for value in seconds), default=None)
        counts = view.run.facts.get(("corpus", id, "utterances"), ())
        lines.append(
            (
                id,
                _span(pd.Series([int(count) for count in counts if count.isdigit()], dtype=float)),
                NONE if hours is None else f"{hours / 3600:.2f}",
                _joined(view, "corpus", id, "audio_sha256"),
                _joined(view, "corpus", id, "licence"),
            )
        )
    heads = ("corpus", "utterances used", "hours", "sha256 of the audio used", "licence")
    return Grid("Corpora", heads, tuple(lines), frozenset({1, 2}))


def _upstreams(view: View) -> Grid:
    scores = view.run.scores
    lines = []
    for id in view.order:
        mine = scores[scores["upstream"] == id]
        count = view.run.fact("upstream", id, "parameters")
        lines.append(
            (
                id,
                ", ".join(sorted(set(mine["variant"].dropna()))) or NONE,
                f"{int(count):,}" if count and count.isdigit() else NONE,
                ", ".join(sorted(set(mine["precision"].dropna()))) or NONE,
                ", ".join(sorted(set(mine["revision"].dropna()))) or NONE,
                _joined(view, "upstream", id, "weights"),
                _joined(view, "upstream", id, "licence"),
            )
        )
    heads = ("upstream", "variant", "parameters", "precision", "sha256 of the weights", "weights")
    return Grid("Upstreams", (*heads, "licence"), tuple(lines), frozenset({2}))


def _software(view: View) -> Grid:
    versions = sorted(set(view.run.table("scores")["paralbench_version"].dropna()))
    lines = [("paralbench", "version", ", ".join(versions))]
    for (kind, id, key), values in view.run.facts.items():
        if kind in ("package", "machine", "run"):
            lines.append((id if kind == "package" else kind, key, "; ".join(values)))
    return Grid("Software, machine and seeds", ("what", "", "value"), tuple(lines))


def _stamps(view: View) -> Grid:
    rows = view.run.pooled
    rows = rows[rows["primary"] & ~rows["floor"]]
    found: dict[tuple[str, str, str], set[str]] = {}
    for row in frames.records(rows):
        where = (
            row["task"]
            if row["setting"] == "within"
            else f"{row['task']}: {row['train_corpora']} → {row['test_corpus']}"
        )
        if row["leakage"]:
            found.setdefault(("leakage", f"split leaks {row['leakage']}", where), set())
        if row["contaminated"]:
            key = ("contamination", "upstream trained on the test corpus", where)
            found.setdefault(key, set()).add(row["upstream"])
        if row["transductive"]:
            found.setdefault(("transductive", "read unlabelled test data", where), set())
    lines = [
        (stamp, meaning, where, ", ".join(sorted(who)) or "all")
        for (stamp, meaning, where), who in sorted(found.items())
    ]
    return Grid("Stamps", ("stamp", "meaning", "where", "upstreams"), tuple(lines))


def _failures(view: View) -> Grid:
    names = {cell: slot for slot, cell in view.run.folder.cells().items()}
    lines = tuple(
        (
            str(names.get(row["cell"], row["cell"])).replace("|", " · "),
            str(row["stage"]),
            str(row["error"]),
            str(row["message"]),
        )
        for row in frames.records(view.run.table("failures"))
    )
    return Grid("Cells that failed", ("cell", "stage", "error", "message"), lines)


def _skipped(view: View) -> Grid:
    lines = tuple((line,) for line in view.run.folder.skipped())
    return Grid("What the run left out", ("what, and why",), lines)


def _excluded(view: View) -> Grid:
    audit = view.run.table("audit")
    rows = audit.drop_duplicates(["corpus", "utterance", "reason", "kept"])
    counts = rows.groupby(["corpus", "reason", "kept"]).size()
    lines = tuple(
        (str(corpus), str(reason), "used" if kept else "left out", f"{count:,}")
        for (corpus, reason, kept), count in counts.items()  # type: ignore[misc]
    )
    heads = ("corpus", "reason", "utterances were", "how many")
    return Grid("Utterances with a remark", heads, lines, frozenset({3}))


def _ids(view: View, kind: str) -> list[str]:
    return sorted({id for found, id, _ in view.run.facts if found == kind})


def _joined(view: View, kind: str, id: str, key: str) -> str:
    values = view.run.facts.get((kind, id, key), ())
    if len(values) > 3:
        return f"{len(values)} different, by task"
    return "; ".join(values) or NONE
