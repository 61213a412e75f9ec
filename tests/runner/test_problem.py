"""Who is resampled: the tested rows count, whatever is unknown of the training rows."""

import numpy as np
import pandas as pd
import pytest

from paralbench.cards import load_catalogue
from paralbench.runner.problem import Problem
from paralbench.splits.fold import Fold

TASK = load_catalogue().tasks.get("emotion")


@pytest.fixture
def problem():
    """Four rows: two to train on, one of an unknown speaker, and two to test."""
    frame = pd.DataFrame(
        {
            "corpus": "msp-podcast",
            "speaker": pd.Series(["a", None, "b", "c"], dtype="string"),
            "session": pd.Series(["1", "1", None, "2"], dtype="string"),
        }
    )
    fold = Fold("official", np.array([0, 1]), np.array([2, 3]))
    shared = {"classes": TASK.classes, "split": "official", "leaks": (), "selection": "fixed"}
    return lambda unit: Problem(
        card=TASK,
        frame=frame,
        folds=[fold],
        unit=unit,
        speakers_known=True,
        fixed=None,
        audit=pd.DataFrame(),
        **shared,
    )


def test_unknown_speakers_among_the_training_rows_cost_no_interval(problem):
    units = problem("speaker").units(np.array([3, 2]))
    assert units.tolist() == ["msp-podcast/c", "msp-podcast/b"]
    assert problem("speaker").units(np.array([1, 2])) is None
    assert problem("session").units(np.array([2, 3])) is None


def test_normalising_by_speaker_needs_all_of_them(problem):
    assert problem("speaker").speakers() is None
