"""Extraction: every utterance that a space lacks, through the encoder once, into the store."""

import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from paralbench.errors import ParalbenchError
from paralbench.features.allocation import kept_memory
from paralbench.features.arithmetic import arithmetic
from paralbench.features.background import in_background
from paralbench.features.batching import Batch, Piece, limits_of, padding_share
from paralbench.features.budget import budget_for
from paralbench.features.collecting import Collector
from paralbench.features.compiling import can_compile, compiled_blocks
from paralbench.features.device import (
    device_name,
    find_device,
    peak_memory,
    start_measuring,
    with_backend,
)
from paralbench.features.encoding import BatchEncoder, Reader, Waveforms, read_ahead
from paralbench.features.frame_layer import FrameLayer, layer_index
from paralbench.features.frame_store import FrameStore, check_room, lacking, open_frames
from paralbench.features.keys import space_description
from paralbench.features.plans import plan_in
from paralbench.features.pooling import Pooled
from paralbench.features.precision import torch_dtype
from paralbench.features.sizes import moments_bytes, size_text
from paralbench.features.store import FeatureSpace, FeatureStore
from paralbench.features.workers import Trial, encode_in_processes
from paralbench.upstreams.base import SAMPLE_RATE, Encoder, backend_of, fixed_precision_of

if TYPE_CHECKING:
    import torch

    from paralbench.audio.cache import AudioCache


# Where statistics are stored in a thread of their own: a GPU would otherwise stand still while a
# shard is written, which takes as long as some of its batches. On the CPU there is nothing to gain.
_WRITES_ASIDE = ("cuda",)


@dataclass(frozen=True)
class ExtractionReport:
    """What an extraction did.

    Attributes:
        space: where the features are.
        encoded: utterances whose features were computed and stored now.
        reused: utterances that were stored already.
        excluded: content to reason, of all that was asked for, found now or before.
        seconds: wall time.
        audio_seconds: length of the audio that was encoded.
        peak_memory_bytes: see :func:`~paralbench.features.device.peak_memory`.
        batches: how many were run.
        padding_share: of the samples in them, from 0 to 1.
        back_offs: how often memory ran out and a batch was halved; with any, features agree with
            an undisturbed run's to 1e-5, not to the bit.
        device, precision, threads: how it was computed.
        backend: what computed it: ``torch``, ``openvino``; None if nothing was encoded.
        frames: where the frames are; None if none were asked for.
        lengths: samples of the waveforms in the batches, with how many had so many.
        flops: operations of encoding these, each alone (see :mod:`paralbench.features.flops`).
        device_flops: what the device does of matrix products in that time, in that precision.
        energy_joules: what the device took; with the two before it None where it is not known.
    """

    space: FeatureSpace
    encoded: int
    reused: int
    excluded: dict[str, str]
    seconds: float
    audio_seconds: float
    peak_memory_bytes: int
    batches: int
    padding_share: float
    back_offs: int
    device: str
    precision: str
    threads: int
    backend: str | None = None
    frames: FrameStore | None = None
    lengths: Mapping[int, int] = field(default_factory=dict)
    flops: float | None = None
    device_flops: float | None = None
    energy_joules: float | None = None


def extract(
    encoder: Encoder | None,
    description: Mapping[str, Any],
    contents: Sequence[str],
    cache: "AudioCache",
    store: FeatureStore,
    *,
    device: "str | torch.device" = "cpu",
    precision: str = "fp32",
    second_moments: bool = False,
    frames_layer: int | None = None,
    frames_dtype: str = "float16",
    token_budget: int | None = None,
    progress: Callable[[float, float], None] | None = None,
    announce: Callable[[str], None] | None = None,
    lengths: Mapping[str, int] | None = None,
    loader: Callable[[], Encoder] | None = None,
    workers: int = 1,
    threads: int | None = None,
    compiled: bool = False,
) -> ExtractionReport:
    """Store the pooled features of every utterance that has none yet.

    What was computed before an error, an interrupt or a kill is kept (at most the last half
    minute is lost), and the next call goes on from there with the same batches, so that the
    features are equal to the bit to those of an undisturbed run.

    Args:
        encoder: the upstream. It is moved to the device and precision. None: ``loader`` makes it,
            if anything is to be encoded.
        description: what determines the hidden states; with the precision and the pooling it is
            the key of the space (see :func:`~paralbench.features.keys.space_description`).
        contents: sha256 of decoded audio; doubles are encoded once.
        cache: the decoded audio.
        store: where features are kept.
        device: ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        precision: one of :data:`~paralbench.features.precision.PRECISIONS`. Waveforms are float32
            always.
        second_moments: also store the covariances between layers, which are large: see
            :func:`~paralbench.features.sizes.moments_bytes`.
        frames_layer: also store the frames of this layer, -1 for the last: as ``second_moments``,
            only an utterance that lacks them is encoded again, in the batch it was planned in.
        frames_dtype: ``float16`` or ``float32``, see
            :class:`~paralbench.features.frame_layer.FrameLayer`.
        token_budget: samples in a batch, padding included; by default that of the
            device, and on a GPU, where there is much to encode, what suits it (see
            :mod:`~paralbench.features.budget`).
        progress: called with the seconds of audio that are done and those that are to be done in
            all, of what is encoded now.
        announce: told how much second moments and frames will take and where, before they are
            made.
        lengths: samples of contents, where known; others are read from the cache.
        loader: makes the encoder; picklable if ``workers`` is above 1.
        workers: processes, for encoders of batching "single" in fp32 on the CPU. They are started
            once it has shown that the work is long enough to pay for it, and use one thread each;
            the features are the same, to the bit, for every number above 1.
        threads: of torch on the CPU; by default torch's own number, with several workers 1.
            Equal to the bit needs equal threads.
        compiled: compile the encoder's blocks first, where it names any, for long work on a GPU
            (see :mod:`~paralbench.features.compiling`). Equal to the bit needs it on or off in
            both.

    Raises:
        StoreError: the store or cache cannot be read or written, the precision is unknown, or
            the disk has less room than the frames will take.
        ParalbenchError: the device is not there, the encoder has only another precision or no such
            layer, one utterance does not fit into memory, or the encoder breaks its contract.
    """
    import torch

    started = time.perf_counter()
    job = _Job(
        cache=cache,
        device=find_device(device),
        precision=precision,
        second_moments=second_moments,
        frames_layer=frames_layer,
        frames_dtype=frames_dtype,
        token_budget=token_budget,
        progress=progress or (lambda _done, _total: None),
        announce=announce or (lambda _line: None),
        lengths=lengths or {},
        loader=loader,
        workers=workers,
        # As each process has: then it does not show in the features which of them made one.
        threads=1 if workers > 1 else threads or torch.get_num_threads(),
        compiled=compiled,
    )
    space = store.space(space_description(description, precision=precision))
    asked = list(dict.fromkeys(contents))
    frames = None if frames_layer is None else open_frames(space, frames_layer, frames_dtype)
    missing = lacking(space, asked, second_moments=second_moments, frames=frames)
    reused = len(asked) - len(missing) - len(space.excluded(asked))
    start_measuring(job.device)
    done = _encode(space, missing, encoder, job) if missing else _Done(frames=frames)
    return ExtractionReport(
        space=space,
        encoded=done.stored,
        reused=reused,
        excluded=space.excluded(asked),
        seconds=time.perf_counter() - started,
        audio_seconds=done.samples / SAMPLE_RATE,
        peak_memory_bytes=peak_memory(job.device),
        batches=len(done.batches),
        padding_share=padding_share(done.batches),
        back_offs=done.back_offs,
        device=str(job.device),
        precision=precision,
        threads=job.threads,
        backend=done.backend,
        frames=done.frames,
        lengths=Counter(piece.samples for batch in done.batches for piece in batch),
    )


@dataclass(frozen=True)
class _Job:
    """The arguments of :func:`extract`, checked."""

    cache: "AudioCache"
    device: "torch.device"
    precision: str
    second_moments: bool
    frames_layer: int | None
    frames_dtype: str
    token_budget: int | None
    progress: Callable[[float, float], None]
    announce: Callable[[str], None]
    lengths: Mapping[str, int]
    loader: Callable[[], Encoder] | None
    workers: int
    threads: int
    compiled: bool


@dataclass
class _Done:
    """What has been encoded so far."""

    stored: int = 0
    samples: int = 0
    back_offs: int = 0
    backend: str | None = None
    frames: FrameStore | None = None
    batches: list[Sequence[Piece]] = field(default_factory=list)


def _encode(space: FeatureSpace, missing: list[str], encoder: Encoder | None, job: _Job) -> _Done:
    """Encode and store what is missing."""
    if encoder is None:
        if job.loader is None:
            raise ParalbenchError("give an encoder, or a loader that makes one.")
        encoder = job.loader()
    fixed = fixed_precision_of(encoder) or job.precision
    if fixed != job.precision:
        raise ParalbenchError(
            f"{type(encoder).__name__} computes in {fixed} whatever is asked for, so its features "
            f"must not be kept as {job.precision}: give precision={fixed!r}."
        )
    if job.workers > 1:
        _check_workers(encoder, job)
    frames = None
    if job.frames_layer is not None:
        index = layer_index(job.frames_layer, encoder.n_layers)
        frames = FrameStore(space, FrameLayer(index, job.frames_dtype))
    encoder = encoder.to(job.device, torch_dtype(job.precision))
    space.write_description()
    budget = _budget(space, missing, encoder, job)
    batches = plan_in(space, missing, budget, limits_of(encoder), job.cache, job.lengths)
    # The plan may have excluded some, and another process may have stored some.
    wanted = lacking(space, missing, second_moments=job.second_moments, frames=frames)
    collector = Collector(
        space,
        wanted,
        (piece for batch in batches for piece in batch),
        second_moments=job.second_moments,
        metadata=_metadata(job, encoder),
        frames=frames,
    )
    reader = Reader(job.cache, encoder, set(wanted), job.device)
    samples = [sum(piece.samples for piece in batch) for batch in batches]
    total, done = sum(samples), _Done(backend=backend_of(encoder), frames=frames)
    with ExitStack() as stack:
        stack.callback(collector.flush)  # also when interrupted
        if job.device.type == "cpu":
            stack.enter_context(kept_memory())
        stack.enter_context(arithmetic(job.threads, job.precision))
        if job.second_moments:
            size = moments_bytes(len(wanted), encoder.n_layers, encoder.dim)
            job.announce(
                f"second moments of {len(wanted)} utterances: {size_text(size)} under "
                f"{space.folder / 'moments'}"
            )
        if job.compiled and can_compile(encoder):
            stack.enter_context(compiled_blocks(encoder))
        if frames is not None:
            _make_room(frames, batches, encoder, job)
        # What another process has stored meanwhile is skipped.
        to_do = (
            batch for batch in batches if any(collector.needs(piece.content) for piece in batch)
        )
        waveforms = stack.enter_context(closing(read_ahead(to_do, reader)))
        results = stack.enter_context(closing(_results(waveforms, encoder, job, done, total)))
        job.progress(0.0, total / SAMPLE_RATE)
        add = collector.add
        if job.device.type in _WRITES_ASIDE:
            add = stack.enter_context(in_background(collector.add))
        for pieces, pooled in results:
            add(pieces, pooled)
            done.batches.append(pieces)
            done.samples += sum(piece.samples for piece in pieces)
            job.progress(done.samples / SAMPLE_RATE, total / SAMPLE_RATE)
    job.progress(total / SAMPLE_RATE, total / SAMPLE_RATE)
    done.stored = len(collector.stored)
    return done


def _budget(space: FeatureSpace, missing: list[str], encoder: Encoder, job: _Job) -> int:
    """Samples of a batch: as given, else as suits the device."""
    if job.token_budget is not None:
        return job.token_budget
    limits = limits_of(encoder)
    with arithmetic(job.threads, job.precision):  # what is tried is what will be run
        budget = budget_for(
            space, missing, job.lengths, encoder, limits, job.device, job.second_moments
        )
    start_measuring(job.device)  # trials are no part of the memory that extraction took
    return budget


def _results(
    batches: Iterator[Waveforms], encoder: Encoder, job: _Job, done: _Done, total: int
) -> Generator[tuple[list[Piece], list[Pooled]], None, None]:
    """The pieces of each batch and their statistics, in order; ``total`` samples in all."""
    layer = None if done.frames is None else done.frames.layer
    padded = limits_of(encoder).padded_samples
    local = BatchEncoder(encoder, job.device, job.second_moments, padded, layer)
    trial = Trial()
    begun = time.perf_counter()
    for batch, pooled in local.stream(batches):
        trial.add(batch.samples, time.perf_counter() - begun)
        done.back_offs = local.back_offs
        yield batch.pieces, pooled
        begun = time.perf_counter()
        if job.workers > 1 and job.loader and trial.worth_processes(total - done.samples):
            yield from encode_in_processes(
                batches, job.loader, job.workers, job.second_moments, layer
            )
            return


def _make_room(frames: FrameStore, batches: Sequence[Batch], encoder: Encoder, job: _Job) -> None:
    """Say how much the missing frames will take, and refuse where the disk has less.

    Raises:
        StoreError: it has.
    """
    content = {piece.content for batch in batches for piece in batch}
    wanted = set(frames.missing(content))
    pieces = [piece for batch in batches for piece in batch if piece.content in wanted]
    if not pieces:
        return
    # A window of their mean length has their mean number of frames: that grows by the sample.
    mean = round(sum(piece.samples for piece in pieces) / len(pieces))
    noise = np.random.default_rng(0).normal(0, 0.1, mean).astype(np.float32)
    (trial,) = BatchEncoder(encoder, job.device).encode([encoder.prepare(noise)])
    size = len(pieces) * trial.frames * encoder.dim * frames.layer.itemsize
    check_room(frames.folder, size)
    job.announce(
        f"frames of layer {frames.layer.index} of {len(wanted)} utterances: {size_text(size)} "
        f"under {frames.folder}"
    )


def _metadata(job: _Job, encoder: Encoder) -> dict[str, str]:
    """How rows were computed, kept with them: what can change the last bits."""
    import torch

    return {
        "device": with_backend(device_name(job.device), backend_of(encoder)),
        "torch": torch.__version__,
        "threads": str(job.threads),
        "compiled": "yes" if job.compiled and can_compile(encoder) else "no",
    }


def _check_workers(encoder: Encoder, job: _Job) -> None:
    alone = encoder.batching == "single" and job.precision == "fp32"
    if job.loader is None or not alone or job.device.type != "cpu":
        raise ParalbenchError(
            f"workers: {job.workers} processes need a loader, an encoder of batching 'single' "
            f"(this one: {encoder.batching!r}), the device 'cpu' (given: {job.device.type!r}) and "
            f"fp32 (given: {job.precision}). Use workers=1; torch's own threads serve the other "
            "encoders."
        )
