"""Extraction as work in parts: a part is a range of the batches that were planned.

A batch is the same whichever part it is in, so the features are equal to the bit to those of an
extraction in one piece.
"""

import socket
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from paralbench import paths
from paralbench.audio.cache import AudioCache
from paralbench.errors import FAULTS, Fault, WeightsError
from paralbench.features.arithmetic import arithmetic
from paralbench.features.batching import Batch
from paralbench.features.budget import BUDGETS_FOLDER, budget_for
from paralbench.features.device import find_device
from paralbench.features.extract import ExtractionReport
from paralbench.features.frame_store import lacking, open_frames
from paralbench.features.plans import plan_in
from paralbench.features.precision import torch_dtype
from paralbench.features.store import DESCRIPTION, PLANS, FeatureSpace, FeatureStore
from paralbench.features.travelling import Wanted, of_home
from paralbench.runner.executors.work import Tell, Work
from paralbench.runner.sent_weights import take_sent_weights, weights_to_send
from paralbench.runner.shared_folder import await_files
from paralbench.runner.upstream import Upstream, extract_with
from paralbench.upstreams.base import SAMPLE_RATE

# Seconds of audio that a part has at least: an encoder is loaded for it, which takes seconds.
LEAST_SECONDS = {"cpu": 120.0, "mps": 1200.0, "cuda": 7200.0}

_TELL_EVERY = 0.5  # seconds
_BYTES = 2 << 30  # torch, batches and decoded audio; the weights come on top


@dataclass(frozen=True)
class Shard:
    """A part of an extraction.

    Attributes:
        contents: sha256 of decoded audio, those of consecutive batches.
        seconds: of audio in these batches.
        plans: names of the files that hold the plan; none where it is still to be made.
        budget: samples of a batch in that plan.
    """

    contents: tuple[str, ...]
    seconds: float
    plans: tuple[str, ...] = ()
    budget: int | None = None


@dataclass(frozen=True)
class Encoded:
    """Told of a shard: seconds of audio that are done, and those that are to be done in all."""

    done: float
    total: float


Report = dict[str, Any]  # the fields of an ExtractionReport that travel between processes


@dataclass
class Extraction(Work[Shard, Report | Fault]):
    """Features of an upstream.

    A part comes to what its extraction reports, or to a fault.

    Args:
        upstream: what encodes.
        device: where.
        threads: on the CPU; None: as many as there are.
        second_moments, frames_layer: see :func:`~paralbench.runner.upstream.extract_with`.
        lengths: samples by content, where a shard comes without a plan.
        patience: seconds until the plan is seen here.
        cache: the decoded audio, where it is open already.
        compiled: whether the encoder's blocks are compiled, where it names any.
    """

    upstream: Upstream
    device: str
    threads: int | None
    second_moments: bool
    frames_layer: int | None
    lengths: Mapping[str, int] = field(default_factory=dict)
    patience: float = 0.0
    cache: AudioCache | None = None
    compiled: bool = False

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "cache": None}  # it is opened where it is used

    @property
    def memory(self) -> int:
        """The encoder, twice while it is loaded, and what it works on."""
        return _BYTES + 2 * self.upstream.weights.size

    def do(self, part: Shard, tell: Tell) -> Report | Fault:
        """Encode what is missing of a shard."""
        try:
            return facts_of(self._extract(part, tell))
        except FAULTS as error:
            return Fault.of(error)

    def _extract(self, part: Shard, tell: Tell) -> ExtractionReport:
        check_weights(self.upstream)
        store = FeatureStore()
        await_files(store.space(self.upstream.description).plans, part.plans, self.patience)
        self.cache = self.cache or AudioCache()
        told = 0.0

        def progress(done: float, total: float) -> None:
            nonlocal told
            if done >= total or time.monotonic() - told >= _TELL_EVERY:
                told = time.monotonic()
                tell(Encoded(done, total))

        return extract_with(
            self.upstream,
            part.contents,
            self.cache,
            store,
            device=self.device,
            threads=self.threads,
            second_moments=self.second_moments,
            frames_layer=self.frames_layer,
            token_budget=part.budget,
            lengths=self.lengths,
            progress=progress,
            announce=tell,
            compiled=self.compiled,
        )

    def needs(self, part: Shard) -> list[Wanted]:
        """The decoded audio, the plans and the weights."""
        folder = FeatureStore().folder_of(self.upstream.description)
        self.cache = self.cache or AudioCache()
        files = [
            folder / DESCRIPTION,
            *(folder / PLANS / name for name in part.plans),
            *self.cache.files(part.contents),
        ]
        return [*of_home(files, paths.home()), *weights_to_send(self.upstream)]

    def arrive(self) -> None:
        """Find the weights where they were sent."""
        take_sent_weights(self.upstream)

    def made(self, part: Shard) -> list[Path]:
        """The shards that hold what is stored of the part's utterances."""
        space = FeatureStore().space(self.upstream.description)
        files = space.files(part.contents, second_moments=self.second_moments)
        if self.frames_layer is not None and (frames := open_frames(space, self.frames_layer)):
            files += frames.files(part.contents)
        return files

    def missing(self, space: FeatureSpace, contents: Iterable[str]) -> list[str]:
        """Those that lack something that is wanted, sorted."""
        layer = self.frames_layer
        frames = None if layer is None else open_frames(space, layer)
        wanted = sorted(contents)
        return lacking(space, wanted, second_moments=self.second_moments, frames=frames)

    def in_one(self, missing: Sequence[str], lengths: Mapping[str, int]) -> list[Shard]:
        """All of it as one part, whose plan is made by whoever does it."""
        self.lengths = lengths
        seconds = sum(lengths[content] for content in missing) / SAMPLE_RATE
        return [Shard(tuple(missing), seconds)]

    def planned(
        self,
        space: FeatureSpace,
        missing: Sequence[str],
        lengths: Mapping[str, int],
        most: int,
        budget: int,
    ) -> list[Shard]:
        """About so many parts at most, cut from the plan of all batches, which is made here.

        Args:
            space: of the upstream's features.
            missing: contents to encode.
            lengths: samples of each.
            most: parts.
            budget: samples of a batch, see :class:`Sizing`.
        """
        space.write_description()
        cache = self.cache or AudioCache()
        batches = plan_in(space, missing, budget, self.upstream.limits, cache, lengths)
        total = sum(_seconds(batch) for batch in batches)
        least = max(LEAST_SECONDS[self.device], total / most)
        plans = tuple(sorted(path.name for path in space.plans.glob("*.json")))
        return [
            replace(shard, plans=plans, budget=budget) for shard in cut(batches, missing, least)
        ]


@dataclass
class Sizing(Work[tuple[str, ...], int | Fault]):
    """How large batches are: on a GPU that is found by trying, so it is found where one is.

    The one part is what is missing; it comes to samples.

    Args:
        upstream, device, threads, second_moments: as of an :class:`Extraction`.
        lengths: samples by content.
    """

    upstream: Upstream
    device: str
    threads: int | None
    second_moments: bool
    lengths: Mapping[str, int]

    @property
    def memory(self) -> int:
        """As of the extraction."""
        return _BYTES + 2 * self.upstream.weights.size

    def needs(self, part: tuple[str, ...]) -> list[Wanted]:
        """What was planned and remembered before, and the weights."""
        return [*of_home(self._kept(), paths.home()), *weights_to_send(self.upstream)]

    def arrive(self) -> None:
        """Find the weights where they were sent."""
        take_sent_weights(self.upstream)

    def made(self, part: tuple[str, ...]) -> list[Path]:
        """What is remembered now."""
        return self._kept()

    def _kept(self) -> list[Path]:
        folder = FeatureStore().folder_of(self.upstream.description)
        return [file for name in (PLANS, BUDGETS_FOLDER) for file in folder.glob(f"{name}/*.json")]

    def do(self, part: tuple[str, ...], tell: Tell) -> int | Fault:
        """Find the size for what is missing."""
        import torch

        try:
            check_weights(self.upstream)
            device, precision = find_device(self.device), self.upstream.precision
            encoder = self.upstream.encoder.to(device, torch_dtype(precision))
            space = FeatureStore().space(self.upstream.description)
            with arithmetic(self.threads or torch.get_num_threads(), precision):
                return budget_for(
                    space,
                    part,
                    self.lengths,
                    encoder,
                    self.upstream.limits,
                    device,
                    self.second_moments,
                )
        except FAULTS as error:
            return Fault.of(error)


def check_weights(upstream: Upstream) -> None:
    """Refuse to encode where the weights are not seen.

    Raises:
        WeightsError: they are not.
    """
    folder = upstream.weights.folder
    if folder is not None and not folder.exists():
        raise WeightsError(
            f"{upstream.card.id}: {socket.gethostname()} does not see {folder}, where its weights "
            "lie. Keep them under PARALBENCH_HOME, or name a folder that all machines share."
        )


def cut(batches: Iterable[Batch], wanted: Iterable[str], least: float) -> list[Shard]:
    """Ranges of batches of at least so many seconds, as shards.

    An utterance whose windows are in several ranges belongs to the first.
    """
    left = set(wanted)
    shards: list[Shard] = []
    contents: dict[str, None] = {}
    seconds = 0.0
    for batch in batches:
        found = [piece.content for piece in batch if piece.content in left]
        contents.update(dict.fromkeys(found))
        left.difference_update(found)
        seconds += _seconds(batch)
        if seconds >= least and contents:
            shards.append(Shard(tuple(contents), seconds))
            contents, seconds = {}, 0.0
    if contents:
        shards.append(Shard(tuple(contents), seconds))
    return shards


def whole_report(parts: Sequence[Report], space: FeatureSpace, seconds: float) -> ExtractionReport:
    """One report on all parts.

    Args:
        parts: what :class:`Extraction` made of them, at least one.
        space: where the features are.
        seconds: from the beginning of the first to the end of the last.
    """
    sums = ("encoded", "reused", "audio_seconds", "batches", "back_offs")
    measures = ["flops", "device_flops"]
    if len(parts) == 1 or parts[0]["device"].startswith("cuda"):
        measures.append("energy_joules")  # a processor's counter holds what all parts on it took
    worked = [part for part in parts if part["encoded"]]
    audio = sum(part["audio_seconds"] for part in parts) or 1.0
    lengths: Counter[int] = Counter()
    for part in parts:
        lengths.update(part["lengths"])
    return ExtractionReport(
        **{
            **parts[0],
            "energy_joules": None,
            **{name: sum(part[name] for part in parts) for name in sums},
            **{name: _sum([part[name] for part in worked]) for name in measures},
            "space": space,
            "excluded": {
                content: why for part in parts for content, why in part["excluded"].items()
            },
            # Of one part without what came after it: its operations were counted.
            "seconds": seconds if len(parts) > 1 else parts[0]["seconds"],
            "peak_memory_bytes": max(part["peak_memory_bytes"] for part in parts),
            "padding_share": sum(p["padding_share"] * p["audio_seconds"] for p in parts) / audio,
            "backend": next((part["backend"] for part in parts if part["backend"]), None),
            "lengths": lengths,
        }
    )


def _sum(values: list[float | None]) -> float | None:
    """None where one is not known."""
    known = [value for value in values if value is not None]
    return sum(known) if known and len(known) == len(values) else None


def facts_of(report: ExtractionReport) -> Report:
    """A report without what is open in this process."""
    left_out = ("space", "frames")
    return {
        one.name: getattr(report, one.name) for one in fields(report) if one.name not in left_out
    }


def _seconds(batch: Batch) -> float:
    return sum(piece.samples for piece in batch) / SAMPLE_RATE
