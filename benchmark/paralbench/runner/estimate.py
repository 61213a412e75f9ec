"""What a run would take: cells, audio, operations, time and disk, without running it.

Time is that of a trial: a batch as the run would make it, of noise of the clips' lengths, on the
device; the rest of the batches take in proportion to their operations. Nothing is downloaded, and
of the corpora nothing is decoded.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from paralbench.cards import Catalogue
from paralbench.errors import ParalbenchError
from paralbench.features.batching import limits_of, plan_batches
from paralbench.features.device import find_device, with_backend
from paralbench.features.frame_layer import FrameLayer, layer_index
from paralbench.features.frame_store import lacking, open_frames
from paralbench.features.matmul_rate import matmul_rate
from paralbench.features.precision import torch_dtype
from paralbench.features.sizes import frames_bytes, moments_bytes
from paralbench.features.store import FeatureStore
from paralbench.features.workers import WORTH_SECONDS
from paralbench.probes.recipes import get_recipe
from paralbench.runner.data import Corpora
from paralbench.runner.device import choose_backend, choose_device, choose_precision
from paralbench.runner.estimate_text import lines_of
from paralbench.runner.plan import Cell, make_plan
from paralbench.runner.planned_audio import PlannedAudio, planned_audio
from paralbench.runner.request import Request
from paralbench.runner.timings import flops_of
from paralbench.runner.trial import Trial
from paralbench.runner.upstream import Upstream
from paralbench.tables.slots import NO_UPSTREAM
from paralbench.upstreams.base import SAMPLE_RATE, Encoder, backend_of

_FLOAT_BYTES = 4


@dataclass(frozen=True)
class Encoding:
    """What an upstream would take of a run.

    Attributes:
        upstream: its id.
        cells: of the plan.
        clips: that it has to encode.
        stored: clips that the store has already.
        audio_seconds: of those to encode.
        flops: operations of encoding each alone; None where they cannot be counted.
        seconds: that encoding takes, by the trial; None where nothing could be measured.
        least_seconds: that as many operations take as matrix products, at the rate measured on the
            device in the same precision.
        features_bytes, moments_bytes, frames_bytes: what is written.
        device: where, and what computes, if not torch.
        precision: in which.
        frames_layer: whose frames are stored; None: none are.
        problem: why nothing is measured; None where it is.
    """

    upstream: str
    cells: int
    clips: int = 0
    stored: int = 0
    audio_seconds: float = 0.0
    flops: float | None = 0.0
    seconds: float | None = 0.0
    least_seconds: float | None = 0.0
    features_bytes: int = 0
    moments_bytes: int = 0
    frames_bytes: int = 0
    device: str = ""
    precision: str = ""
    frames_layer: int | None = None
    problem: str | None = None

    @property
    def bytes(self) -> int:
        """All that is written."""
        return self.features_bytes + self.moments_bytes + self.frames_bytes


@dataclass(frozen=True)
class Estimate:
    """A plan and what it would take.

    Attributes:
        corpora: the audio, in the order of first use.
        encodings: in running order; the floors, which encode nothing, stand first.
        skipped: what is left out, with the reasons.
    """

    corpora: tuple[PlannedAudio, ...]
    encodings: tuple[Encoding, ...]
    skipped: tuple[str, ...]

    @property
    def cells(self) -> int:
        """Of the plan."""
        return sum(one.cells for one in self.encodings)

    @property
    def pcm_bytes(self) -> int:
        """What decoding adds to the cache, once for all upstreams."""
        return sum(one.pcm_bytes for one in self.corpora)

    @property
    def lines(self) -> tuple[str, ...]:
        """The same for people."""
        return lines_of(self)

    def __str__(self) -> str:
        return "\n".join(self.lines)

    def to_json(self) -> dict[str, Any]:
        """The same as plain data."""
        audio = [
            {
                "corpus": one.corpus,
                "clips": len(one.samples),
                "audio_seconds": one.seconds,
                "to_decode": one.to_decode,
                "assumed": one.assumed,
                "pcm_bytes": one.pcm_bytes,
            }
            for one in self.corpora
        ]
        return {
            "corpora": audio,
            "upstreams": [{**asdict(one), "bytes": one.bytes} for one in self.encodings],
            "skipped": list(self.skipped),
        }


def estimate(catalogue: Catalogue, request: Request) -> Estimate:
    """Lay out a request and estimate it.

    Raises:
        ParalbenchError: the request is wrong, or nothing of it can be run here.
    """
    corpora = Corpora.of(catalogue, request)
    plan = make_plan(catalogue, request, corpora.root)
    audio = {id: planned_audio(corpora, id) for id in plan.corpora}
    device = choose_device(request.devices[0] if request.devices else request.device)
    precision = choose_precision(request.precision)
    request = replace(
        request,
        device=device,
        precision=precision,
        backend=choose_backend(request.backend, device, precision),
    )
    found = []
    for id, cells in plan.by_upstream().items():
        needed = dict.fromkeys(corpus for cell in cells for corpus in cell.corpora)
        found.append(_encoding(catalogue, request, id, cells, [audio[one] for one in needed]))
    return Estimate(tuple(audio.values()), tuple(found), plan.skipped)


def _encoding(
    catalogue: Catalogue, request: Request, id: str, cells: list[Cell], audio: list[PlannedAudio]
) -> Encoding:
    if id == NO_UPSTREAM:
        return Encoding("floors", len(cells))
    samples = {content: length for one in audio for content, length in one.samples.items()}
    try:
        card = catalogue.upstreams.get(id)
        upstream = Upstream.find(card, request.precision, request.weights, False, request.backend)
        try:
            return _measured(upstream, request, cells, samples)
        finally:
            upstream.unload()
    except ParalbenchError as error:
        card = catalogue.upstreams.get(id)
        return Encoding(
            id,
            len(cells),
            clips=len(samples),
            audio_seconds=sum(samples.values()) / SAMPLE_RATE,
            flops=None,
            seconds=None,
            least_seconds=None,
            features_bytes=len(samples) * (card.layers or 0) * (card.dim or 0) * _FLOAT_BYTES,
            problem=str(error).splitlines()[0].rstrip(":"),
        )


def _measured(
    upstream: Upstream, request: Request, cells: Iterable[Cell], samples: Mapping[str, int]
) -> Encoding:
    import torch

    cells = list(cells)
    reads = {get_recipe(cell.recipe).reads for cell in cells}
    moments = "moments" in reads
    space = FeatureStore().space(upstream.description)
    frames = open_frames(space, request.frames_layer) if "frames" in reads else None
    wanted = lacking(space, samples, second_moments=moments, frames=frames)
    found = Encoding(
        upstream.card.id,
        len(cells),
        clips=len(wanted),
        stored=len(samples) - len(wanted),
        audio_seconds=sum(samples[content] for content in wanted) / SAMPLE_RATE,
        device=request.device,
        precision=upstream.precision,
    )
    if not wanted:
        return found
    encoder = upstream.encoder.to(find_device(request.device), torch_dtype(upstream.precision))
    layer = None
    if "frames" in reads:
        layer = FrameLayer(layer_index(request.frames_layer, encoder.n_layers), "float16")
    limits = limits_of(encoder)
    threads = request.threads or torch.get_num_threads()
    lengths = {content: samples[content] for content in wanted}
    trial = Trial(upstream.precision, request.device, threads, moments, layer)
    batches = plan_batches(lengths, trial.budget(space, encoder, lengths), limits)
    if not batches:  # all are shorter than the encoder's shortest
        return found
    flops = flops_of(upstream, request.device)
    seconds, frame_rate = trial.seconds(encoder, batches, flops)
    if _in_processes(upstream, encoder, request) and seconds > WORTH_SECONDS:
        seconds /= request.threads or os.cpu_count() or 1
    seconds /= len(request.devices) or 1
    least = operations = None
    if flops is not None:
        operations = sum(flops.of_window(piece.samples) for batch in batches for piece in batch)
        rate = matmul_rate(request.device, upstream.precision, threads)
        least = operations / rate / (len(request.devices) or 1)
    missing, n = set(space.missing(wanted)), len(wanted)
    return replace(
        found,
        flops=operations,
        seconds=float(seconds),
        least_seconds=least,
        features_bytes=len(missing) * encoder.n_layers * encoder.dim * _FLOAT_BYTES,
        moments_bytes=moments_bytes(n, encoder.n_layers, encoder.dim) if moments else 0,
        frames_bytes=frames_bytes(found.audio_seconds, frame_rate, encoder.dim) if layer else 0,
        device=with_backend(", ".join(request.devices) or request.device, backend_of(encoder)),
        frames_layer=layer.index if layer else None,
    )


def _in_processes(upstream: Upstream, encoder: Encoder, request: Request) -> bool:
    """Whether it is encoded by a process per core (see ``extract_with``)."""
    alone = encoder.batching == "single" and backend_of(encoder) == "torch"
    return alone and request.device == "cpu" and upstream.precision == "fp32"
