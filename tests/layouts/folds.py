"""The folds of a task on a miniature, as a run makes them, without any audio."""

from pathlib import Path

import pandas as pd

from paralbench.cards import CorpusCard, TaskCard, load_catalogue
from paralbench.corpora.load import load_manifest
from paralbench.splits.develop import development
from paralbench.splits.fold import Fold
from paralbench.splits.gate import check
from paralbench.splits.protocols import make_folds


def tasks_of(corpus: str) -> list[TaskCard]:
    """The shipped tasks of a corpus."""
    tasks = load_catalogue().tasks
    return [task for task in map(tasks.get, tasks.ids()) if task.corpus == corpus]


def folds_of(task: TaskCard, card: CorpusCard, root: Path) -> tuple[pd.DataFrame, list[Fold]]:
    """The labelled rows and the folds, each with development, and each through the gate."""
    manifest = load_manifest(card, root).where(task.where)
    label = manifest.frame[task.label]
    fits = label.isin(task.classes) if task.classes else label.notna()
    frame = manifest.frame[fits].reset_index(drop=True)
    frame = frame.assign(target=frame[task.label], content=frame["utterance"])
    folds = []
    for fold in make_folds(frame, task.split, "target", task.classes or None, task.folder):
        if fold.development is None and task.selection == "development":
            fit, chosen = development(frame, fold.train, "target", allow=task.split.leaks)
            fold = Fold(fold.name, fit, fold.test, chosen)
        check(frame, fold, task.split.leaks)
        folds.append(fold)
    return frame, folds
