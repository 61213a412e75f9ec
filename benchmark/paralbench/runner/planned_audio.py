"""The audio that a run would encode, as far as it is known without decoding."""

import hashlib
from dataclasses import dataclass

import pandas as pd

from paralbench.audio.segments import segments_of
from paralbench.runner.data import Corpora
from paralbench.tables.frames import column
from paralbench.upstreams.base import SAMPLE_RATE

ASSUMED_SECONDS = 3.0  # of a clip whose length is not known yet
_PCM_BYTES = 2  # of a sample in the cache


@dataclass(frozen=True)
class PlannedAudio:
    """The clips of a corpus.

    Attributes:
        corpus: its id.
        samples: length of each clip by its content, at 16 kHz. Of clips that were decoded before
            it is exact, and what turned out unusable is left out; others stand under a name of
            their own, which no store has.
        to_decode: clips that are not in the cache.
        assumed: clips whose length nobody knows, put at :data:`ASSUMED_SECONDS`.
        pcm_bytes: what decoding will add to the cache.
    """

    corpus: str
    samples: dict[str, int]
    to_decode: int
    assumed: int
    pcm_bytes: int

    @property
    def seconds(self) -> float:
        """Of audio."""
        return sum(self.samples.values()) / SAMPLE_RATE


def planned_audio(corpora: Corpora, corpus: str) -> PlannedAudio:
    """The clips of a corpus that a run takes.

    Lengths are those that decoding found, else those that the manifest states, else assumed.

    Raises:
        ParalbenchError: the corpus is not here, or not as its owners distribute it.
    """
    manifest = corpora.manifest(corpus)
    found = corpora.cache.known(manifest.root, segments_of(manifest.frame))
    stated = _stated(manifest.frame)
    samples: dict[str, int] = {}
    to_decode = assumed = pcm = 0
    for number, (finding, seconds) in enumerate(zip(found, stated, strict=True)):
        if finding is not None and (finding.content is None or finding.reason is not None):
            continue
        if finding is not None and finding.content is not None:
            content, length = finding.content, finding.samples
        else:
            assumed += pd.isna(seconds)
            length = round((ASSUMED_SECONDS if pd.isna(seconds) else seconds) * SAMPLE_RATE)
            content = hashlib.sha256(f"{corpus} {number}".encode()).hexdigest()
        samples[content] = length
        if content not in corpora.cache:
            to_decode, pcm = to_decode + 1, pcm + _PCM_BYTES * length
    return PlannedAudio(corpus, samples, to_decode, assumed, pcm)


def _stated(frame: pd.DataFrame) -> list[float]:
    """Seconds of each utterance as the manifest states them; NaN where it does not."""
    return (column(frame, "end") - column(frame, "start").fillna(0)).astype(float).tolist()
