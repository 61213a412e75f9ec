"""Normalising features per speaker: a declared option that reads unlabelled test data."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from paralbench.errors import ProbeError


def by_speaker(
    features: npt.NDArray[np.float32],
    speakers: npt.NDArray[np.object_] | None,
    labels: npt.ArrayLike,
) -> npt.NDArray[np.float32]:
    """Each speaker's features with mean 0 and standard deviation 1, per layer and dimension.

    It is transductive: a test speaker's statistics are those of the test utterances. Balanced
    acted corpora, where every speaker shows every class equally often, are flattered by it. A
    speaker with a single utterance gets zeros, and so does a dimension that a speaker does not
    vary.

    Args:
        features: ``(n, layers, dim)``.
        speakers: of each utterance, ``(n,)``; None where unknown.
        labels: of each utterance, ``(n,)``.

    Raises:
        ProbeError: speakers are unknown, or every speaker has one label only, so that the
            normalisation would remove what is to be found.
    """
    if speakers is None or pd.isna(speakers).any():
        raise ProbeError(
            "normalisation by speaker needs speakers, and this corpus does not name them; "
            "use --normalisations none."
        )
    given = np.asarray(labels)
    codes, _ = pd.factorize(speakers, sort=True)
    order = np.argsort(codes, kind="stable")
    groups = np.split(order, np.cumsum(np.bincount(codes))[:-1])
    if all(len(set(given[rows].tolist())) == 1 for rows in groups):
        raise ProbeError(
            "normalisation by speaker is refused: the label is the same in all utterances of each "
            "speaker (as gender is), so that it would be normalised away; use "
            "--normalisations none."
        )
    out = np.zeros_like(features)
    for rows in groups:
        part = features[rows].astype(np.float64)
        deviation = part.std(axis=0)
        varies = deviation > 1e-6 * np.abs(part).max(axis=0)
        centred = part - part.mean(axis=0)
        out[rows] = np.divide(centred, deviation, out=np.zeros_like(centred), where=varies)
    return out
