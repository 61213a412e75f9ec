"""Settings that share their training part are trained once.

What is trained on a corpus does not depend on what is tested: a probe for seven pairs that begin
with one corpus is one probe, and so is the last step of every order of growth. The test parts are
put side by side, and each cell takes its own predictions.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import InitVar, dataclass, field, replace

import numpy as np
import pandas as pd

from paralbench.errors import FAULTS, SplitError
from paralbench.probes.result import ProbeResult
from paralbench.runner.plan import Cell
from paralbench.runner.probing import Round
from paralbench.runner.problem import Problem
from paralbench.splits.fold import Fold

Trained = tuple[list[Round], dict[float, str]]  # as train_rounds gives them

# Test utterances beside one training part, so that the features of one cell bound the memory.
MOST_TESTED = 20_000

_COLUMNS = ["corpus", "utterance", "content", "speaker", "session", "target"]


@dataclass
class SharedTraining:
    """Trains the cells of one upstream, each training part once.

    Args:
        cells: all cells of the upstream and their problems, those that are done already among
            them: then a run that is gone on with trains on the same arrays.
        most_tested: test utterances that are put side by side.
    """

    cells: InitVar[Iterable[tuple[Cell, Problem]]]
    most_tested: int = MOST_TESTED
    _groups: dict[str, list[Problem]] = field(default_factory=dict, init=False)
    _slots: dict[str, list[str]] = field(default_factory=dict, init=False)
    _kept: dict[str, Trained] = field(default_factory=dict, init=False)

    def __post_init__(self, cells: Iterable[tuple[Cell, Problem]]):
        found: dict[tuple[str, ...], list[tuple[str, Problem]]] = {}
        for cell, problem in cells:
            if _can_share(cell, problem):
                key = (cell.recipe, cell.normalisation, _training_digest(problem))
                found.setdefault(key, []).append((cell.slot, problem))
        for members in found.values():
            for part in self._side_by_side(members):
                slots, problems = zip(*part, strict=True)
                for slot in slots:
                    self._groups[slot], self._slots[slot] = list(problems), list(slots)

    def together(self, cells: Iterable[Cell]) -> list[list[Cell]]:
        """Cells in groups whose members train together, in the order of their first members."""
        groups: dict[str, list[Cell]] = {}
        for cell in cells:
            first = self._slots.get(cell.slot, [cell.slot])[0]
            groups.setdefault(first, []).append(cell)
        return list(groups.values())

    def read_for(self, cell: Cell, problem: Problem) -> list[Problem]:
        """The problems whose utterances training for a cell may read: its own and its group's."""
        return [problem, *self._groups.get(cell.slot, [])]

    def rounds(
        self,
        cell: Cell,
        problem: Problem,
        ready: Callable[[Problem], Problem],
        train: Callable[[Problem], Trained],
    ) -> Trained:
        """What training gives for a cell.

        Args:
            cell: the cell.
            problem: its problem, without the utterances that have no features.
            ready: leaves such utterances out of another problem.
            train: trains the probes of a problem.

        Raises:
            ParalbenchError: what ``train`` raises on the cell's own problem.
        """
        if cell.slot in self._kept:
            return self._kept.pop(cell.slot)
        slots = self._slots.get(cell.slot, [])
        if len(slots) < 2:
            return train(problem)
        members: list[tuple[str, Problem]] = []
        for slot, other in zip(slots, self._groups[cell.slot], strict=True):
            try:
                members.append((slot, problem if slot == cell.slot else ready(other)))
            except SplitError:
                continue  # it says so when its turn comes
        try:
            merged, parts = side_by_side([one for _, one in members])
            rounds, skipped = train(merged)
        except FAULTS:
            # Whoever is at fault; each cell is told what is wrong with its own utterances.
            for slot in slots:
                self._slots[slot] = []
            return train(problem)
        for (slot, _), part in zip(members, parts, strict=True):
            self._kept[slot] = ([_of_part(one, part) for one in rounds], skipped)
        return self._kept.pop(cell.slot)

    def _side_by_side(
        self, members: list[tuple[str, Problem]]
    ) -> Iterable[list[tuple[str, Problem]]]:
        part: list[tuple[str, Problem]] = []
        size = 0
        for slot, problem in members:
            n = len(problem.folds[0].test)
            if part and size + n > self.most_tested:
                yield part
                part, size = [], 0
            part.append((slot, problem))
            size += n
        if part:
            yield part


def side_by_side(problems: Sequence[Problem]) -> tuple[Problem, list[np.ndarray]]:
    """One problem that trains as each of these does and tests all that they test.

    Returns:
        the problem, with one fold; and for each given one the positions of its test utterances
        in the fold's test part.
    """
    first = problems[0]
    trained = first.frame.iloc[first.folds[0].train]
    frames, parts, start = [trained], [], 0
    for problem in problems:
        tested = problem.frame.iloc[problem.folds[0].test]
        frames.append(tested)
        parts.append(np.arange(start, start + len(tested)))
        start += len(tested)
    frame = pd.concat(frames, ignore_index=True)
    n_train = len(trained)
    fold = Fold(first.folds[0].name, np.arange(n_train), np.arange(n_train, len(frame)))
    return replace(first, frame=frame, folds=[fold]), parts


def _can_share(cell: Cell, problem: Problem) -> bool:
    """Whether what is trained depends on the training part alone."""
    if cell.setting == "within" or len(problem.folds) != 1 or problem.by_session:
        return False
    if problem.folds[0].development is not None:
        return False
    # By speaker, unknown ones of the test part count; CORAL aligns to the test part.
    return cell.normalisation in ("none", "corpus")


def _training_digest(problem: Problem) -> str:
    card = problem.card
    about = (problem.classes, card.metrics[0], card.low, card.high, problem.fixed, problem.leaks)
    hashed = hashlib.sha256(repr(about).encode())
    rows = problem.frame.iloc[problem.folds[0].train]
    hashed.update(rows[_COLUMNS].to_csv(index=False).encode())
    return hashed.hexdigest()


def _of_part(one: Round, part: np.ndarray) -> Round:
    return Round(one.share, [[_of_result(result, part) for result in fold] for fold in one.results])


def _of_result(result: ProbeResult, part: np.ndarray) -> ProbeResult:
    probability = result.probability
    return replace(
        result,
        prediction=result.prediction[:, part],
        probability=None if probability is None else probability[:, part],
    )
