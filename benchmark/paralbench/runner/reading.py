"""What a cell's probes read, from the feature space: means, second moments or frames."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from paralbench.errors import ProbeError
from paralbench.probes.inputs import Inputs
from paralbench.probes.recipes import Recipe
from paralbench.runner.plan import Cell
from paralbench.runner.problem import Problem
from paralbench.runner.sessions import Sessions
from paralbench.transfer import adaptation

if TYPE_CHECKING:
    from paralbench.features.store import FeatureSpace
    from paralbench.probes.gram import GramCache


@dataclass(frozen=True)
class Features:
    """An upstream's stored features.

    Attributes:
        space: where they are.
        frames_layer: the layer whose frames are read; -1 is the last.
        grams: sums over utterances that the upstream's cells share.
    """

    space: "FeatureSpace"
    frames_layer: int = -1
    grams: "GramCache | None" = None


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
    from paralbench.probes import floors, normalise

    frame = problem.frame
    if recipe.reads == "nothing":
        return Inputs(np.zeros((len(frame), 1, 1), np.float32))
    if recipe.reads == "duration":
        return Inputs(floors.duration_features(frame["seconds"].to_numpy()))
    assert features is not None
    if cell.normalisation != "none" and recipe.reads != "means":
        raise ProbeError(
            f"recipe {recipe.name!r} reads {recipe.reads}, and only means can be normalised: "
            "use --normalisations none with it."
        )
    inputs = _stored(recipe, list(frame["content"]), sessions, features)
    if cell.normalisation == "speaker":
        mean = normalise.by_speaker(inputs.mean, problem.speakers(), frame["target"])
        return Inputs(mean)
    if cell.normalisation in adaptation.ACROSS:
        tested = np.concatenate([fold.test for fold in problem.folds])
        return Inputs(adaptation.adapt(cell.normalisation, inputs.mean, frame, tested))
    return inputs


def _stored(
    recipe: Recipe, contents: list[str], sessions: Sessions | None, features: Features
) -> Inputs:
    space = features.space
    if sessions is None:
        mean = space.mean(contents)
        moments = space.moments(contents, packed=True) if recipe.reads == "moments" else None
    else:
        contents = sessions.contents
        frames, means = space.frames(contents), space.mean(contents)
        mean, moments = sessions.merge(means, frames), None
        if recipe.reads == "moments":
            packed = space.moments(contents, packed=True)
            moments = sessions.merge_moments(packed, means, frames)
    if recipe.reads != "frames":
        return Inputs(mean, moments)
    from paralbench.features.frame_inputs import JoinedFrames, StoredFrames

    stored = StoredFrames(space, contents, features.frames_layer)
    return Inputs(mean, None, stored if sessions is None else JoinedFrames(stored, sessions.of))
