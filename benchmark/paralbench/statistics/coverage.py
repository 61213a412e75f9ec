"""How often intervals hold the true score: simulated corpora whose speakers differ.

A made-up probe is right more often on some speakers than on others, as real ones are. The score on
the whole population of speakers is known, so the share of intervals that hold it can be counted.
Two made-up probes that are equally good there show how often a comparison raises a false alarm.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from paralbench.metrics import METRICS, Metric
from paralbench.metrics.base import Floats
from paralbench.statistics.bootstrap import interval
from paralbench.statistics.interval import Interval
from paralbench.statistics.paired import difference
from paralbench.statistics.sample import Unit

SPEAKER_SPREAD = 0.8  # standard deviation of speakers' log-odds of being right
SHARED = 0.5  # of that variance, what makes a speaker hard for every probe


@dataclass(frozen=True)
class Corpus:
    """One simulated corpus: truth ``(n,)``, predictions ``(probes, seeds, n)``, speakers ``(n,)``.

    The probes are equally good on the population, each better with other speakers.
    """

    truth: np.ndarray
    prediction: np.ndarray
    speaker: np.ndarray


@dataclass(frozen=True)
class Scenario:
    """A kind of corpus, and the true score on its population.

    Attributes:
        metric: the metric's name.
        true_score: the score on all speakers there could be.
        draw: a corpus of so many speakers, with predictions of so many probes.
    """

    metric: str
    true_score: float
    draw: Callable[[int, np.random.Generator, int], Corpus]


@dataclass(frozen=True)
class Coverage:
    """What became of many corpora.

    Attributes:
        share: of the intervals that hold the true score.
        below, above: shares of intervals that lie wholly below or above it.
        width: mean width.
        missing: share of corpora without an interval.
        methods: the methods that were used.
    """

    share: float
    below: float
    above: float
    width: float
    missing: float
    methods: frozenset[str]


Make = Callable[[Metric, Corpus, int], Interval]


def by_speaker(resamples: int = 1000) -> Make:
    """The intervals of this package."""

    def make(metric: Metric, corpus: Corpus, seed: int) -> Interval:
        given = (corpus.truth, corpus.prediction[0], corpus.speaker)
        return interval(metric, *given, seed=seed, resamples=resamples)

    return make


def by_clip(resamples: int = 1000) -> Make:
    """The same, as if each clip were by a speaker of its own."""

    def make(metric: Metric, corpus: Corpus, seed: int) -> Interval:
        given = (corpus.truth, corpus.prediction[0], None)
        return interval(metric, *given, seed=seed, resamples=resamples, unit="utterance")

    return make


def coverage(
    scenario: Scenario, n_speakers: int, n_corpora: int, make: Make, *, seed: int
) -> Coverage:
    """Draw corpora and count how often an interval holds the true score."""
    metric: Metric = METRICS[scenario.metric]
    rng = np.random.default_rng(seed)
    ends, methods = [], set()
    for number in range(n_corpora):
        found = make(metric, scenario.draw(n_speakers, rng, 1), number)
        if found.low is not None and found.high is not None:
            ends.append((found.low, found.high))
            methods.add(found.method)
    if not ends:
        return Coverage(np.nan, np.nan, np.nan, np.nan, 1.0, frozenset())
    low, high = np.array(ends).T
    below, above = high < scenario.true_score, low > scenario.true_score
    return Coverage(
        share=float((~below & ~above).mean()),
        below=float(below.mean()),
        above=float(above.mean()),
        width=float((high - low).mean()),
        missing=1 - len(ends) / n_corpora,
        methods=frozenset(methods),
    )


def false_alarms(
    scenario: Scenario,
    n_speakers: int,
    n_corpora: int,
    *,
    seed: int,
    unit: Unit = "speaker",
    resamples: int = 1000,
    level: float = 0.05,
) -> float:
    """The share of corpora on which one of two equally good probes is called better."""
    metric: Metric = METRICS[scenario.metric]
    rng = np.random.default_rng(seed)
    alarms = 0
    for number in range(n_corpora):
        corpus = scenario.draw(n_speakers, rng, 2)
        found = difference(
            metric,
            corpus.truth,
            corpus.prediction[0],
            corpus.prediction[1],
            corpus.speaker,
            seed=number,
            unit=unit,
            resamples=resamples,
        )
        alarms += found.p_value is not None and found.p_value < level
    return alarms / n_corpora


def expected_recall(centre: float, spread: float) -> float:
    """The mean over speakers of the logistic of Normal(centre, spread) log-odds."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(101)
    return float(weights @ _logistic(centre + spread * nodes) / weights.sum())


def every_class(
    centre: float = 0.8, n_classes: int = 4, clips: int = 8, seeds: int = 2
) -> Scenario:
    """Every speaker speaks in every class, as in acted emotion; scored by UAR."""

    def draw(n_speakers: int, rng: np.random.Generator, probes: int) -> Corpus:
        speaker = np.repeat(np.arange(n_speakers), n_classes * clips)
        truth = np.tile(np.repeat(np.arange(n_classes), clips), n_speakers)
        ease = np.sqrt(0.75) * _effects(rng, probes, n_speakers)
        of_class = 0.5 * _effects(rng, probes, n_speakers, n_classes)
        odds = centre + SPEAKER_SPREAD * (ease[:, speaker] + of_class[:, speaker, truth])
        return _answered(truth, speaker, odds, n_classes, seeds, rng)

    return Scenario("uar", expected_recall(centre, SPEAKER_SPREAD), draw)


def class_of_speaker(
    centre: float = 1.5, shares: tuple[float, ...] = (0.5, 0.5), clips: int = 20, seeds: int = 2
) -> Scenario:
    """Class is an attribute of the speaker, as gender is; scored by UAR.

    ``shares`` are the classes' shares of the speakers, at least 2 of each where there are enough.
    """

    def draw(n_speakers: int, rng: np.random.Generator, probes: int) -> Corpus:
        least = min(2, n_speakers // len(shares))
        sizes = np.maximum(least, np.round(np.array(shares) * n_speakers).astype(int))
        sizes[int(np.argmax(sizes))] += n_speakers - sizes.sum()
        speaker = np.repeat(np.arange(n_speakers), clips)
        truth = np.repeat(np.arange(len(sizes)), sizes)[speaker]
        odds = centre + SPEAKER_SPREAD * _effects(rng, probes, n_speakers)[:, speaker]
        return _answered(truth, speaker, odds, len(sizes), seeds, rng)

    return Scenario("uar", expected_recall(centre, SPEAKER_SPREAD), draw)


def numbers(clips: int = 20, seeds: int = 2) -> Scenario:
    """A number such as arousal, predicted with an error that speakers share; scored by CCC."""
    between, within, slope, bias, noise = 0.4, 0.9, 0.6, 0.3, 0.5

    def draw(n_speakers: int, rng: np.random.Generator, probes: int) -> Corpus:
        speaker = np.repeat(np.arange(n_speakers), clips)
        n = len(speaker)
        truth = rng.normal(0, between, n_speakers)[speaker] + rng.normal(0, within, n)
        common = slope * truth + bias * _effects(rng, probes, n_speakers)[:, speaker]
        prediction = common[:, None] + rng.normal(0, noise, (probes, seeds, n))
        return Corpus(truth, prediction, speaker)

    variance = between**2 + within**2
    predicted = slope**2 * variance + bias**2 + noise**2
    return Scenario("ccc", 2 * slope * variance / (variance + predicted), draw)


SCENARIOS: dict[str, Callable[[], Scenario]] = {
    "every-class": every_class,
    "class-of-speaker": class_of_speaker,
    "class-of-speaker-1-in-4": partial(class_of_speaker, shares=(0.75, 0.25)),
    "numbers": numbers,
}


def _effects(rng: np.random.Generator, probes: int, *shape: int) -> Floats:
    """Standard normal effects ``(probes, *shape)``, of which probes have a part in common."""
    own = rng.normal(size=(probes, *shape))
    return np.sqrt(SHARED) * rng.normal(size=shape) + np.sqrt(1 - SHARED) * own


def _answered(
    truth: np.ndarray,
    speaker: np.ndarray,
    odds: Floats,
    n_classes: int,
    seeds: int,
    rng: np.random.Generator,
) -> Corpus:
    """Right with log-odds ``(probes, n)``; wrong answers fall on the other classes alike."""
    size = (len(odds), seeds, len(truth))
    right = rng.random(size) < _logistic(odds)[:, None]
    wrong = (truth + rng.integers(1, n_classes, size)) % n_classes
    return Corpus(truth, np.where(right, truth, wrong), speaker)


def _logistic(odds: Floats) -> Floats:
    return 1 / (1 + np.exp(-odds))
