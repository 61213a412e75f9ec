"""Normalisation per speaker: what it does, and where it is refused."""

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from paralbench.errors import ProbeError
from paralbench.probes.normalise import by_speaker

SPEAKERS = np.array(["a"] * 6 + ["b"] * 5, dtype=object)
LABELS = ["x", "y"] * 5 + ["x"]


def test_each_speaker_is_standardised_as_scikit_learn_does():
    features = np.random.default_rng(0).normal(7, 3, (11, 2, 4)).astype(np.float32)
    found = by_speaker(features, SPEAKERS, LABELS)
    for name in "ab":
        rows = name == SPEAKERS
        for layer in range(2):
            expected = StandardScaler().fit_transform(features[rows, layer].astype(float))
            np.testing.assert_allclose(found[rows, layer], expected, atol=1e-5)
    assert found.dtype == np.float32


def test_a_single_utterance_and_a_constant_dimension_become_zero():
    features = np.random.default_rng(0).normal(size=(11, 1, 3)).astype(np.float32)
    features[:, 0, 1] = 0.1
    speakers = SPEAKERS.copy()
    speakers[10] = "alone"
    found = by_speaker(features, speakers, LABELS)
    assert not found[10].any()
    assert not found[:, 0, 1].any()
    assert np.isfinite(found).all()


def test_a_label_that_is_the_speakers_own_is_refused():
    gender = ["female"] * 6 + ["male"] * 5
    with pytest.raises(ProbeError, match="same in all utterances of each speaker"):
        by_speaker(np.zeros((11, 1, 3), dtype=np.float32), SPEAKERS, gender)


@pytest.mark.parametrize("speakers", [None, np.array(["a", None] * 5 + ["b"], dtype=object)])
def test_unknown_speakers_are_refused(speakers):
    with pytest.raises(ProbeError, match="does not name them"):
        by_speaker(np.zeros((11, 1, 3), dtype=np.float32), speakers, LABELS)
