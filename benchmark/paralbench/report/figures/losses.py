"""What is lost between corpora: drops from the ceiling, changes of priors, shifts of numbers."""

import pandas as pd

from paralbench.report.figures.cells import of_cells
from paralbench.report.figures.view import View
from paralbench.report.generalisation import generalisation
from paralbench.report.reading import Frame, Run

DROPS = ["task", "name", "probe", "what", "train", "test", "languages", "metric", "value"]
DROPS += ["ceiling", "drop", "low", "high", "n_train", "n_train_ceiling", "n_utterances"]
DROPS += ["n_speakers", "reason"]
PRIORS = {
    "ceiling": "tested corpus by itself",
    "in-corpus": "training corpus by itself",
    "reweighted": "its recalls, test priors",
    "cross": "across",
    "em": "across, EM priors",
    "em-calibrated": "across, EM, calibrated",
}
SHIFTS = {"ccc": "CCC", "pearson": "Pearson", "bias_correction": "bias correction"}


def drops(run: Run) -> Frame:
    """One row per cell that trains elsewhere: its score, the ceiling beside it, and the drop.

    Returns:
        the columns of :data:`DROPS`; ``drop`` is positive where the transfer is worse, whatever
        the metric's direction, and its interval is paired by speaker.
    """
    rows = of_cells(run, "drops")
    primary = rows["task"].map({task: one.metric for task, one in run.measures.items()})
    rows = rows[~rows["floor"] & (rows["metric"] == primary) & (rows["setting"] != "growth")]
    rows = rows.assign(low=rows["ci_low"].astype(float), high=rows["ci_high"].astype(float))
    return rows.sort_values(["test", "setting", "train"], kind="stable")[DROPS]


def priors(run: Run) -> Frame:
    """Weighted accuracy of each transfer cell under each treatment of the class shares.

    Returns:
        ``what, name, probe, variant, value, uar, transductive``; the variants in the order of
        :data:`PRIORS`, in words.
    """
    rows = of_cells(run, "priors")
    order = {variant: place for place, variant in enumerate(PRIORS)}
    rows = rows[~rows["floor"] & rows["wa"].notna() & rows["variant"].isin(order)]
    rows = rows.assign(value=rows["wa"], _order=rows["variant"].map(order))
    rows = rows.sort_values("_order", kind="stable").replace({"variant": PRIORS})
    columns = ["what", "name", "probe", "variant", "value", "uar", "transductive"]
    return rows[columns].reset_index(drop=True)


def shifts(run: Run) -> Frame:
    """CCC as correlation times bias correction: ``what, name, probe, part, value``."""
    rows = of_cells(run, "shifts")
    rows = rows[~rows["floor"] & (rows["seed"] == "mean")]
    keys = ["what", "name", "probe"]
    long = rows.melt(keys, list(SHIFTS), var_name="part", value_name="value")
    return long.dropna(subset=["value"]).replace({"part": SHIFTS}).reset_index(drop=True)


def across(view: View) -> tuple[Frame, tuple[str, ...]]:
    """Upstreams by their mean score over all pairs of a label, beside that within the corpora.

    Returns:
        ``task, probe, name, value, low, high, in_corpus, drop, place, place_in_corpus, measure``
        with the interval over resampled corpora; and what a reader has to know.
    """
    run = view.run
    labels = sorted(set(run.pooled.loc[run.pooled["setting"] == "pair", "task"]))
    parts = []
    notes: dict[str, list[str]] = {}  # to what it is about
    for probe in run.probes:
        recipe, normalisation = run.parts(probe)
        for label in labels:
            found = generalisation(run.compared, label, recipe=recipe, normalisation=normalisation)
            if found is None:
                continue
            about = {"upstream": "name", "score": "value", "ci_low": "low", "ci_high": "high"}
            part = found.frame.rename(columns=about)
            parts.append(part.assign(task=label, probe=probe, measure=found.measure))
            for note in found.notes:
                notes.setdefault(note, []).append(f"{label}, {probe}")
    columns = ["task", "probe", "name", "value", "low", "high", "in_corpus", "drop", "place"]
    columns += ["place_in_corpus", "measure"]
    frame = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
    return frame[columns], tuple(f"{'; '.join(of)}: {note}" for note, of in notes.items())
