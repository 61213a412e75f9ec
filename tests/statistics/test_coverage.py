"""Do 95 % intervals hold the true score in 95 % of corpora? A small simulation."""

import numpy as np
import pytest

from paralbench.metrics import METRICS
from paralbench.statistics.coverage import SCENARIOS, by_clip, by_speaker, coverage

N_CORPORA = 200
# 95 % give or take 2.6 standard errors of a share of 200 corpora.
LOWEST = 0.95 - 2.6 * np.sqrt(0.95 * 0.05 / N_CORPORA)


@pytest.mark.parametrize("n_speakers", [5, 9, 20, 40])
@pytest.mark.parametrize("name", ["every-class", "class-of-speaker", "numbers"])
def test_intervals_hold_the_true_score(name, n_speakers):
    found = coverage(SCENARIOS[name](), n_speakers, N_CORPORA, by_speaker(500), seed=1)
    assert found.missing == 0
    assert found.share >= LOWEST
    in_a_class = n_speakers / 2 if name == "class-of-speaker" else n_speakers
    how = "bootstrap" if in_a_class >= 20 else "jackknife-t"
    within = "-within-class" if name == "class-of-speaker" else ""
    assert found.methods == {f"speaker-{how}{within}"}


def test_resampling_clips_claims_too_much():
    """Why speakers are resampled: the same corpora, clip by clip."""
    scenario = SCENARIOS["every-class"]()
    clips = coverage(scenario, 9, N_CORPORA, by_clip(200), seed=1)
    speakers = coverage(scenario, 9, N_CORPORA, by_speaker(), seed=1)
    assert clips.share < 0.75 < speakers.share
    assert clips.width < speakers.width


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_true_score_is_that_of_a_great_many_speakers(name):
    scenario = SCENARIOS[name]()
    corpus = scenario.draw(4000, np.random.default_rng(0), 2)
    for prediction in corpus.prediction:
        score = METRICS[scenario.metric](corpus.truth, prediction[0])
        assert score == pytest.approx(scenario.true_score, abs=0.01)
