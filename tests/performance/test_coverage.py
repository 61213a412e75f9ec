"""How often 95 % intervals hold the true score, and how often equal upstreams are told apart.

Beside this package's intervals, what else could be done with the same corpora: the percentile
bootstrap of speakers, Student's t without log odds, the BCa bootstrap, and resampling clips.
"""

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from paralbench.statistics.coverage import (
    SCENARIOS,
    Corpus,
    Make,
    by_clip,
    by_speaker,
    coverage,
    false_alarms,
)
from paralbench.statistics.interval import Interval, no_interval
from paralbench.statistics.jackknife import jackknife
from paralbench.statistics.resampling import resampled_scores
from paralbench.statistics.sample import Sample, gather
from paralbench.statistics.units import make_units, sum_by_unit

N_CORPORA = 2000
RESAMPLES = 1000
SIZES = (2, 5, 10, 20, 30, 50)
TARGET = (0.93, 0.97)  # from 30 speakers on
COMMAND = "pytest tests/performance/test_coverage.py"
CONFIDENCE = 0.95


def percentile(metric, corpus: Corpus, seed: int) -> Interval:
    """The plain percentile bootstrap: all speakers alike, of whatever class and number."""
    rows = metric.statistics(corpus.truth, corpus.prediction[0])
    units = make_units(corpus.speaker)
    rng = np.random.default_rng(seed)
    scores, _ = resampled_scores(metric, sum_by_unit(rows, units), units, RESAMPLES, rng)
    return _ends(*np.quantile(scores, [0.025, 0.975]), "percentile")


def sampled(make) -> Make:
    """An interval made of a :class:`Sample`, or none for the reason that the package gives."""

    def of(metric, corpus: Corpus, seed: int) -> Interval:
        given = (corpus.truth, corpus.prediction[0], corpus.speaker)
        sample = gather(metric, *given, unit="speaker")
        if isinstance(sample, Interval):
            return sample
        return make(metric, sample, np.random.default_rng(seed))

    return of


@sampled
def plain_t(metric, sample: Sample, rng) -> Interval:
    """Student's t on the jackknife, symmetric in the score itself."""
    found = jackknife(metric, sample.sums, sample.units)
    if found is None:
        return no_interval("a score is undefined", sample.units.n)
    score = metric.value(sample.sums.sum(axis=0)).mean()
    half = found.half_width(CONFIDENCE)
    return _ends(score - half, score + half, "plain t")


@sampled
def bca(metric, sample: Sample, rng) -> Interval:
    """The bias-corrected and accelerated bootstrap, speakers within their class.

    Source: Efron, Better bootstrap confidence intervals, JASA 82 (1987).
    """
    units = sample.units
    scores, _ = resampled_scores(metric, sample.sums, units, RESAMPLES, rng)
    whole = sample.sums.sum(axis=0)
    score = metric.value(whole).mean()
    without = metric.value(whole - sample.sums).mean(axis=-1)
    influence = np.zeros(units.n)
    for stratum in units.strata:
        influence[stratum] = without[stratum].mean() - without[stratum]
    acceleration = (influence**3).sum() / (6 * (influence**2).sum() ** 1.5)
    below = ((scores < score).sum() + (scores == score).sum() / 2) / len(scores)
    bias = ndtri(np.clip(below, 1 / len(scores), 1 - 1 / len(scores)))
    z = bias + ndtri(0.5 + CONFIDENCE / 2) * np.array([-1, 1])
    return _ends(*np.quantile(scores, ndtr(bias + z / (1 - acceleration * z))), "bca")


def _ends(low, high, method) -> Interval:
    return Interval(float(low), float(high), method, 0)


@pytest.mark.slow
@pytest.mark.parametrize("name", SCENARIOS)
def test_coverage(name, record):
    scenario, rows, shares = SCENARIOS[name](), [], {}

    def row(n_speakers, beside, baseline, found, target=""):
        method = ", ".join(sorted(found.methods)) or "no interval is given"
        missed, of_other = 1 - found.share, 1 - baseline.share
        rows.append(
            {
                "measure": f"{name}, {n_speakers:02} speakers: coverage, beside {beside}",
                "ours": found.share,
                "baseline": baseline.share,
                "unit": f"share of {N_CORPORA} corpora ({method})",
                # How many times as often the true score is missed.
                "ratio": f"{of_other / missed if missed else np.inf:.2f}",
                "target": target,
                "command": COMMAND,
            }
        )

    for n_speakers in SIZES:
        ours = coverage(scenario, n_speakers, N_CORPORA, by_speaker(RESAMPLES), seed=0)
        shares[n_speakers] = ours
        others = {"the percentile bootstrap": percentile}
        if 5 <= n_speakers < 20:
            others |= {"Student's t without log odds": plain_t, "BCa": bca}
        if n_speakers == 10:
            others["resampling clips"] = by_clip(RESAMPLES)
        for beside, make in others.items():
            baseline = coverage(scenario, n_speakers, N_CORPORA, make, seed=0)
            target = "0.93 to 0.97" if n_speakers >= 30 else ""
            row(n_speakers, beside, baseline, ours, target)
    record("coverage", rows)
    assert shares[2].missing == 1
    for n_speakers in (30, 50):
        assert shares[n_speakers].missing == 0
        assert TARGET[0] <= shares[n_speakers].share <= TARGET[1]


@pytest.mark.slow
@pytest.mark.parametrize("name", SCENARIOS)
def test_false_alarms(name, record):
    rows = []
    for n_speakers in (10, 30):
        given = (SCENARIOS[name](), n_speakers, N_CORPORA)
        ours = false_alarms(*given, seed=0, resamples=RESAMPLES)
        row = {
            "measure": f"{name}, {n_speakers:02} speakers: equal upstreams told apart, beside "
            "resampling clips",
            "ours": ours,
            "unit": f"share of {N_CORPORA} corpora",
            "target": "0.05",
            "command": COMMAND,
        }
        if n_speakers == 10:
            row["baseline"] = false_alarms(*given, seed=0, unit="utterance", resamples=500)
        else:
            row["measure"] = row["measure"].removesuffix(", beside resampling clips")
        rows.append(row)
    record("coverage", rows)
    assert len(rows) == 2
