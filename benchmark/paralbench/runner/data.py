"""A corpus made ready: its manifest, decoded audio, and the record of what was left out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from paralbench.audio.cache import AudioCache
from paralbench.audio.segments import segments_of
from paralbench.cards import Catalogue, CorpusCard
from paralbench.cards.task import Sample
from paralbench.corpora.load import load_manifest
from paralbench.corpora.locate import locate
from paralbench.corpora.manifest import Manifest
from paralbench.runner.request import Request
from paralbench.splits.sample import sample
from paralbench.tables.frames import records, rows

DUPLICATE = "duplicate-content"
AUDIT_COLUMNS = ["corpus", "utterance", "kept", "reason", "detail"]


@dataclass(frozen=True)
class CorpusData:
    """A corpus whose audio is decoded.

    Attributes:
        card: the corpus card.
        frame: the manifest's rows whose audio can be used, with ``corpus``, ``content`` (sha256 of
            the decoded audio) and ``seconds`` beside the manifest's columns.
        audit: one row per thing that was found: ``corpus, utterance, kept, reason, detail``.
    """

    card: CorpusCard
    frame: pd.DataFrame
    audit: pd.DataFrame


@dataclass
class Corpora:
    """Corpora by id, each prepared once.

    Args:
        catalogue: the cards.
        roots: corpus id to folder, as the user named them.
        cache: the decoded audio.
        samples: corpus id to the part that is taken.
        limit: at most this many utterances of each corpus, whatever its sample.
        seed: seed of the samples.
        partial: see :func:`~paralbench.corpora.load.load_manifest`.
        progress: called with a line of text when something slow begins.
    """

    catalogue: Catalogue
    roots: Mapping[str, Path] = field(default_factory=dict)
    cache: AudioCache = field(default_factory=AudioCache)
    samples: Mapping[str, Sample] = field(default_factory=dict)
    limit: int | None = None
    seed: int = 0
    partial: bool = False
    progress: Callable[[str], None] = lambda _line: None
    _ready: dict[str, CorpusData] = field(default_factory=dict, init=False)

    @classmethod
    def of(
        cls,
        catalogue: Catalogue,
        request: Request,
        progress: Callable[[str], None] = lambda _line: None,
    ) -> "Corpora":
        """The corpora as a request takes them."""
        return cls(
            catalogue,
            request.roots,
            samples=request.samples,
            limit=request.limit,
            seed=request.seed,
            partial=request.partial,
            progress=progress,
        )

    def root(self, corpus: str) -> Path:
        """Where the corpus lies.

        Raises:
            CorpusNotFoundError: it is not on this machine; the message says how to get it.
        """
        return locate(self.catalogue.corpora.get(corpus), self.roots)

    def manifest(self, corpus: str) -> Manifest:
        """The corpus's manifest, cut to the sample where the run takes one."""
        card = self.catalogue.corpora.get(corpus)
        manifest = load_manifest(card, self.root(corpus), partial=self.partial)
        part = self.samples.get(corpus)
        if part is not None:
            kept = manifest.where(part.where)
            manifest = _cut(kept, part.clips, list(part.by), self.seed)
        if self.limit is not None and len(manifest) > self.limit:
            classes = [name for name, label in card.labels.items() if label.kind == "class"]
            manifest = _cut(manifest, self.limit, classes[:1], self.seed)
        return manifest

    def get(self, corpus: str) -> CorpusData:
        """Read, decode (what is not decoded yet) and audit a corpus.

        Raises:
            CorpusNotFoundError: it is not on this machine.
            CorpusError: its folder does not look as its owners distribute it.
        """
        if corpus not in self._ready:
            self._ready[corpus] = self._prepare(corpus)
        return self._ready[corpus]

    def _prepare(self, corpus: str) -> CorpusData:
        card = self.catalogue.corpora.get(corpus)
        self.progress(f"{corpus}: reading labels and audio")
        manifest = self.manifest(corpus)
        audio = self.cache.prepare(manifest.root, segments_of(manifest.frame))
        audit = _audit(corpus, manifest, audio)
        whole = manifest.frame.assign(
            corpus=corpus,
            content=audio["content"].to_numpy(),
            seconds=audio["seconds"].to_numpy(),
        )
        frame = rows(whole, audio["reason"].isna().to_numpy())
        return CorpusData(card, frame.reset_index(drop=True), audit)


def _cut(manifest: Manifest, clips: int, by: list[str], seed: int) -> Manifest:
    chosen = sample(manifest.frame, clips, by, seed)
    frame = manifest.frame.iloc[chosen].sort_values("utterance").reset_index(drop=True)
    return replace(manifest, frame=frame)


def _audit(corpus: str, manifest: Manifest, audio: pd.DataFrame) -> pd.DataFrame:
    lines = [
        (corpus, one.utterance, False, one.reason, one.detail or None) for one in manifest.excluded
    ]
    for found in records(audio):
        name, reason = found["utterance"], found["reason"]
        if isinstance(reason, str):
            lines.append((corpus, name, False, reason, found["detail"] or None))
        flags = [flag for flag in (found["flags"] or "").split(",") if flag != DUPLICATE]
        lines += [(corpus, name, True, flag, None) for flag in flags if flag]
    usable = rows(audio, audio["reason"].isna().to_numpy())
    several = rows(usable, usable.duplicated("content", keep=False).to_numpy())
    for _, group in several.groupby("content", sort=True):
        names = sorted(group["utterance"])
        lines += [
            (corpus, name, True, DUPLICATE, f"same audio as {names[0]}") for name in names[1:]
        ]
    return pd.DataFrame(lines, columns=AUDIT_COLUMNS)
