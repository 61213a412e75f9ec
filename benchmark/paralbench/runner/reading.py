"""What a cell's probes read, from the feature space: means, second moments or frames."""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from paralbench.errors import ProbeError
from paralbench.probes.inputs import Inputs
from paralbench.probes.on_disk import Floats32, Order
from paralbench.probes.recipes import Recipe
from paralbench.runner.means import each_layer, read_means, read_sessions
from paralbench.runner.plan import Cell
from paralbench.runner.problem import Problem
from paralbench.runner.sessions import Sessions
from paralbench.transfer import adaptation

if TYPE_CHECKING:
    from paralbench.features.frame_inputs import StoredFrames
    from paralbench.features.store import FeatureSpace
    from paralbench.probes.gram import GramCache

IN_MEMORY = 2 << 30


@dataclass(frozen=True)
class Features:
    """An upstream's stored features.

    Attributes:
        space: where they are.
        frames_layer: the layer whose frames are read; -1 is the last.
        grams: sums over utterances that the upstream's cells share.
        in_memory: bytes of a problem's means up to which they are held in memory; larger ones are
            put into a file beside the features while its probes are trained.
    """

    space: "FeatureSpace"
    frames_layer: int = -1
    grams: "GramCache | None" = None
    in_memory: int = IN_MEMORY


def read_inputs(
    cell: Cell,
    recipe: Recipe,
    problem: Problem,
    sessions: Sessions | None,
    features: Features | None,
) -> Inputs:
    """The statistics of every row of a problem, as its recipe reads them.

    Raises:
        ProbeError: the normalisation cannot be applied to this.
        StoreError: an utterance has no features.
    """
    from paralbench.probes import floors

    if recipe.reads == "nothing":
        return Inputs(_no_means(problem))
    if recipe.reads == "duration":
        return Inputs(floors.duration_features(problem.frame["seconds"].to_numpy()))
    assert features is not None
    if cell.normalisation != "none" and recipe.reads != "means":
        raise ProbeError(
            f"recipe {recipe.name!r} reads {recipe.reads}, and only means can be normalised: "
            "use --normalisations none with it."
        )
    if sessions is None:
        return _of_utterances(cell, recipe, problem, features)
    return _of_sessions(cell, recipe, problem, sessions, features)


def _of_utterances(cell: Cell, recipe: Recipe, problem: Problem, features: Features) -> Inputs:
    space, contents = features.space, list(problem.frame["content"])
    if recipe.reads == "frames":
        return Inputs(_no_means(problem), None, _frames(features, contents))
    order: Order = "layers" if recipe.by_layer else "utterances"
    if recipe.reads == "moments":
        return Inputs(space.mean(contents), space.moments(contents, packed=True))
    if cell.normalisation == "none":
        return Inputs(read_means(space, contents, order, features.in_memory))
    means = read_means(space, contents, "layers", features.in_memory)
    return Inputs(each_layer(means, partial(_normalised, cell, problem), order))


def _of_sessions(
    cell: Cell, recipe: Recipe, problem: Problem, sessions: Sessions, features: Features
) -> Inputs:
    from paralbench.features.frame_inputs import JoinedFrames

    space, contents = features.space, sessions.contents
    if recipe.reads == "frames":
        joined = JoinedFrames(_frames(features, contents), sessions.of)
        return Inputs(_no_means(problem), None, joined)
    if recipe.reads == "moments":
        frames, means = space.frames(contents), space.mean(contents)
        packed = space.moments(contents, packed=True)
        moments = sessions.merge_moments(packed, means, frames)
        return Inputs(sessions.merge(means, frames), moments)
    return Inputs(_normalised(cell, problem, read_sessions(space, sessions)))


def _frames(features: Features, contents: list[str]) -> "StoredFrames":
    from paralbench.features.frame_inputs import StoredFrames

    features.space.refresh()  # another process may have filled it
    return StoredFrames(features.space, contents, features.frames_layer)


def _no_means(problem: Problem) -> Floats32:
    """Of recipes that read none."""
    return np.zeros((len(problem.frame), 1, 1), np.float32)


def _normalised(cell: Cell, problem: Problem, means: Floats32) -> Floats32:
    """Means ``(n, layers, dim)`` of all layers or some, as the cell normalises them."""
    from paralbench.probes import normalise

    frame = problem.frame
    if cell.normalisation == "speaker":
        return normalise.by_speaker(means, problem.speakers(), frame["target"])
    if cell.normalisation in adaptation.ACROSS:
        tested = np.concatenate([fold.test for fold in problem.folds])
        return adaptation.adapt(cell.normalisation, means, frame, tested)
    return means
