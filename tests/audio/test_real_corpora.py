"""Recordings of the shared corpora, against librosa."""

import librosa
import numpy as np
import pytest

from paralbench.audio.cache import AudioCache
from paralbench.audio.decode import decode
from paralbench.audio.duplicates import duplicate_groups


@pytest.mark.parametrize("corpus", ["nemo", "urdu", "baved"])
def test_every_file_is_usable(shared_corpora, tmp_path, requests_for, corpus):
    root = shared_corpora / corpus
    requests = [request for request in requests_for(root) if request.path.endswith(".flac")]
    frame = AudioCache(tmp_path).prepare(root, requests)
    assert len(frame) > 300
    assert frame["reason"].isna().all(), frame[frame["reason"].notna()]
    assert set(frame["original_rate"]) == {16000}
    for group in duplicate_groups(frame):
        paths = [root / request.path for request in requests if request.utterance in group]
        first = decode(paths[0]).samples
        assert all(np.array_equal(decode(path).samples, first) for path in paths)


# librosa imports audioread, which imports modules that Python 3.13 no longer has.
@pytest.mark.filterwarnings("ignore:.*slated for removal:DeprecationWarning")
def test_the_samples_are_librosas(shared_corpora):
    for path in sorted(shared_corpora.rglob("*.flac"))[::200]:
        expected, _ = librosa.load(path, sr=16000, mono=True)
        np.testing.assert_array_equal(decode(path).samples, expected)
