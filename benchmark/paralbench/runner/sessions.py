"""Tasks about sessions: the utterances of a session become one example.

A session's statistics are those of all its frames: the means of its utterances, weighted by their
frames. That is exact, as for the windows of a long utterance.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from paralbench.errors import SplitError
from paralbench.features.moments import pairs
from paralbench.runner.problem import Problem
from paralbench.splits.columns import complete, names_in, some
from paralbench.splits.fold import Fold, Positions
from paralbench.tables.frames import column


@dataclass(frozen=True)
class Sessions:
    """Which utterances make up which session.

    Attributes:
        contents: sha256 of each utterance's audio, ``(n,)``.
        of: the session of each utterance, by its position, ``(n,)``.
        count: how many sessions.
    """

    contents: list[str]
    of: Positions
    count: int

    def merge(self, means: np.ndarray, frames: np.ndarray) -> np.ndarray:
        """The sessions' means ``(sessions, layers, dim)``.

        Args:
            means: of the utterances, ``(n, layers, dim)``.
            frames: valid frames of each, ``(n,)``.
        """
        return self.merge_parts([(slice(0, len(means)), means)], frames, means.shape[1:])

    def merge_parts(
        self,
        parts: Iterable[tuple[slice, np.ndarray]],
        frames: np.ndarray,
        shape: tuple[int, ...],
    ) -> np.ndarray:
        """The same as :meth:`merge` of means that come in parts, in the utterances' order.

        Args:
            parts: positions of some utterances and their means, ``(some, layers, dim)``.
            frames: valid frames of each utterance, ``(n,)``.
            shape: ``(layers, dim)``.
        """
        totals, kind = np.zeros((self.count, *shape)), np.dtype(np.float32)
        for rows, means in parts:
            kind = means.dtype
            weighted = means * frames[rows, None, None].astype(np.float64)
            np.add.at(totals, self.of[rows], weighted)
        counts = np.bincount(self.of, weights=frames, minlength=self.count)
        return (totals / counts[:, None, None]).astype(kind)

    def merge_moments(
        self, moments: np.ndarray, means: np.ndarray, frames: np.ndarray
    ) -> np.ndarray:
        """The sessions' covariances between layers, packed ``(sessions, pairs, dim)``.

        Those within the utterances and those of their means about the session's, weighted by
        frames: Chan, Golub and LeVeque (1979), as for the windows of a long utterance.

        Args:
            moments: packed covariances of the utterances, ``(n, pairs, dim)``.
            means: ``(n, layers, dim)``.
            frames: valid frames of each, ``(n,)``.
        """
        first, second = pairs(means.shape[1])
        centred = means - self.merge(means, frames)[self.of].astype(np.float64)
        within = moments + centred[:, first] * centred[:, second]
        return self.merge(within, frames).astype(moments.dtype)


def by_session(problem: Problem) -> tuple[Problem, Sessions]:
    """The problem with one row per session.

    A row's ``utterance`` is the session's name, its ``seconds`` their sum; other columns are those
    of its first utterance.

    Raises:
        SplitError: an utterance has no session, a session has two labels, or it is in two parts of
            a fold.
    """
    frame = problem.frame
    names = complete(frame, "session", "the task is about sessions")
    codes, sessions = pd.factorize(names)
    _check_labels(frame, names)
    first = np.unique(codes, return_index=True)[1]
    merged = frame.iloc[first].reset_index(drop=True)
    contents = frame["content"].astype(str).tolist()
    held: list[list[str]] = [[] for _ in sessions]
    for code, content in zip(codes.tolist(), contents, strict=True):
        held[code].append(content)
    seconds = np.bincount(codes, weights=column(frame, "seconds").to_numpy(dtype=np.float64))
    merged = merged.assign(
        utterance=[str(name) for name in sessions],
        seconds=seconds,
        content=[hashlib.sha256("".join(sorted(one)).encode()).hexdigest() for one in held],
    )
    folds = [_fold(fold, codes, np.asarray(sessions)) for fold in problem.folds]
    return replace(problem, frame=merged, folds=folds), Sessions(contents, codes, len(sessions))


def _check_labels(frame: pd.DataFrame, names: np.ndarray) -> None:
    labels: dict[str, set[str | None]] = {}
    for name, label in zip(names, names_in(column(frame, "target")), strict=True):
        labels.setdefault(name, set()).add(label)
    several = sorted(name for name, found in labels.items() if len(found) > 1)
    if several:
        raise SplitError(
            f"{len(several)} sessions have utterances with different labels: {some(several)}. A "
            "task with `unit: session` needs one label per session."
        )


def _fold(fold: Fold, codes: Positions, sessions: np.ndarray) -> Fold:
    parts = {name: np.unique(codes[rows]) for name, rows in fold.parts().items()}
    seen: dict[int, str] = {}
    for name, rows in parts.items():
        for row in rows.tolist():
            if row in seen:
                raise SplitError(
                    f"fold {fold.name!r}: session {sessions[row]} has utterances in {seen[row]} "
                    f"and in {name}; a task with `unit: session` needs whole sessions."
                )
            seen[row] = name
    return Fold(fold.name, parts["train"], parts["test"], parts.get("development"))
