"""What the page says of itself: title, facts, words, all scores, how to make it again."""

from dataclasses import replace

from paralbench.report.figures.board import names, stamps
from paralbench.report.figures.cells import title as what_title
from paralbench.report.figures.ranks import leaders
from paralbench.report.page import words as texts
from paralbench.report.page.figure import Section
from paralbench.report.page.sections.view import View
from paralbench.report.reading import LAYERWISE, Frame
from paralbench.tables import frames

EXPLORER = {
    "what": "task or transfer",
    "name": "upstream",
    "probe": "probe",
    "layer": "layer",
    "metric": "metric",
    "value": "value",
    "ci_low": "interval from",
    "ci_high": "to",
    "chance": "chance",
    "n_train": "train",
    "n_utterances": "test",
    "n_speakers": "speakers",
    "stamps": "stamps",
    "interval_method": "interval",
}
NUMERIC = ("value", "ci_low", "ci_high", "chance", "n_train", "n_utterances", "n_speakers")


def title(view: View) -> str:
    """The page's heading."""
    suites = view.run.suites
    if suites and suites != [view.run.name]:
        return f"{view.run.name}: suite {', '.join(suites)}"
    return view.run.name


def lead(view: View) -> str:
    """The run in one or two sentences."""
    rows = view.board[~view.board["floor"]]
    tasks, upstreams = rows["task"].nunique(), len(view.run.upstreams)
    where = [f"on {_many(tasks, 'task')}"] if tasks else []
    if pairs := _pairs(view):
        where.append(f"between corpora in {_many(pairs, 'setting')}")
    text = f"{_many(upstreams, 'speech model')} compared {', and '.join(where) or 'on nothing'}."
    ranked = next((r for r in view.rankings.values() if len(r.rows)), None)
    if ranked is None:
        return text
    best, *also = leaders(ranked)
    over = _many(len(ranked.tasks), "task")
    text += f" Best mean rank: {best} ({ranked.rows['rank'].iloc[0]:.1f} over {over})"
    if len(also) == len(ranked.rows) - 1:
        return text + ", which the tasks do not tell apart from any other."
    return text + (f", not told apart from {', '.join(also)}." if also else ".")


def _many(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


def _pairs(view: View) -> int:
    pooled = view.run.pooled
    rows = pooled[~pooled["setting"].isin(["within", "ceiling"])]
    return len(rows[["task", "setting", "train_corpora", "test_corpus"]].drop_duplicates())


def facts(view: View) -> tuple[tuple[str, str], ...]:
    """The run in numbers."""
    scores = view.run.scores
    rows = scores[~scores["floor"]]
    seeds = rows[~rows["seed"].isin(["mean"])].groupby("cell")["seed"].nunique()
    corpora = {
        corpus
        for column in ("train_corpora", "test_corpus")
        for value in scores[column].dropna()
        for corpus in str(value).split("+")
    }
    found = [
        ("Upstreams", len(view.run.upstreams)),
        ("Tasks", view.board["task"].nunique()),
        ("Corpora", len(corpora)),
        ("Transfer settings", _pairs(view)),
        ("Probes", len(view.run.probes)),
        ("Seeds", int(seeds.max()) if len(seeds) else 0),
        ("Cells that failed", len(view.run.table("failures"))),
    ]
    return tuple((what, str(number)) for what, number in found)


def words(view: View) -> Section:
    """What the words on the page mean."""
    entries = [
        ("Upstream and probe", texts.PROBE),
        *(
            (view.run.measures[task].heading.split()[0], texts.METRICS[metric])
            for metric, task in _metrics(view).items()
            if metric in texts.METRICS
        ),
        ("Chance", texts.CHANCE),
        ("Interval", f"{texts.INTERVAL} {texts.NO_INTERVAL}"),
        ("Floors", texts.FLOORS),
    ]
    found = " ".join(view.run.pooled.pipe(_stamps))
    entries += [
        (f"Stamp: {name}", meaning)
        for word, (name, meaning) in texts.STAMPS.items()
        if word in found
    ]
    return Section(
        id="words",
        title="How to read this page",
        template="words.html.j2",
        extra={"words": tuple(entries)},
    )


def _metrics(view: View) -> dict[str, str]:
    """Primary metric to a task that has it."""
    return {measure.metric: task for task, measure in view.run.measures.items()}


def _stamps(rows: Frame) -> list[str]:
    return [stamps(row) for row in frames.records(rows)]


def explorer(view: View) -> Section:
    """Every score, to be searched."""
    rows = view.run.pooled
    rows = rows[rows["recipe"] != LAYERWISE]
    section = Section("explorer", "All scores", template="explorer.html.j2")
    if rows.empty:
        return replace(section, missing="The run holds no scores.")
    parts = zip(
        rows["setting"], rows["task"], rows["train_corpora"], rows["test_corpus"], strict=True
    )
    rows = rows.assign(
        name=names(rows), what=[what_title(*part) for part in parts], stamps=_stamps(rows)
    )
    rows = view.by_order(rows, "what", "recipe")
    choices = {"setting": "Setting", "metric": "Metric", "probe": "Probe"}
    choices = {key: label for key, label in choices.items() if rows[key].nunique() > 1}
    lead = "Every metric of every cell. The scores of single layers are under Layer by layer."
    return replace(
        section,
        lead=lead,
        extra={
            "download": rows[[*EXPLORER, *(set(choices) - set(EXPLORER))]],
            "columns": EXPLORER,
            "numeric": NUMERIC,
            "choices": choices,
        },
    )


def again(view: View) -> Section:
    """How to make the run, its tables and its figures again."""
    suites = view.run.suites
    run = f"paralbench run --suite {suites[0]} --out {view.given}" if len(suites) == 1 else None
    commands = [
        ("The run itself, which goes on where it stopped:", run),
        ("This page:", f"paralbench report {view.given} --out report.html"),
        ("Every table as Parquet and CSV:", f"paralbench export {view.given} --out tables"),
        ("The leaderboard for a paper:", f"paralbench leaderboard {view.given} --format latex"),
        ("What changed against another run:", f"paralbench compare OTHER {view.given}"),
    ]
    return Section(
        id="again",
        title="Make it again",
        lead="Under each figure stands the command that draws it for a paper, and a button that "
        "downloads its numbers. Tables and page:",
        template="again.html.j2",
        extra={"commands": tuple((what, command) for what, command in commands if command)},
    )
