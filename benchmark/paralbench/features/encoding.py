"""Batches of waveforms through an encoder, pooled, in this process: one device, read ahead.

On a CUDA device, while a batch is encoded the next ones are read, padded in pinned memory and
copied, and the statistics of the one before come back (see :mod:`~paralbench.features.overlap`).
"""

import os
from collections import deque
from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from paralbench.errors import ParalbenchError
from paralbench.features.batching import Batch, Piece, cost
from paralbench.features.frame_layer import FrameLayer
from paralbench.features.overlap import Fetched, Traffic, traffic
from paralbench.features.pooling import Pooled, summarise
from paralbench.upstreams.base import SAMPLE_RATE, Encoder, HiddenStates

if TYPE_CHECKING:
    import torch

    from paralbench.audio.cache import AudioCache

_READ_AHEAD = 2  # batches for each thread that reads
# A thread reads and normalises some 5,000 to 10,000 seconds of audio in a second; a GPU may encode
# more than that. On the CPU more threads would only take the encoder's time.
_GPU_READERS = 4


@dataclass(frozen=True)
class Waveforms:
    """A batch as the encoder takes it, still on the CPU.

    Attributes:
        pieces: what each row is of; empty where that does not matter.
        lengths: valid samples of each row.
        padded: ``(batch, longest)`` float32, zero beyond each length; in pinned memory if it goes
            to a CUDA device.
    """

    pieces: list[Piece]
    lengths: list[int]
    padded: "torch.Tensor"

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def samples(self) -> int:
        """Valid samples of all rows."""
        return sum(self.lengths)

    def rows(self, first: int, last: int) -> "Waveforms":
        """Some of the rows, padded no longer than they need."""
        import torch

        lengths = self.lengths[first:last]
        part = self.padded[first:last, : max(lengths)]
        copy = torch.empty(part.shape, pin_memory=self.padded.is_pinned()).copy_(part)
        return Waveforms(self.pieces[first:last], lengths, copy)

    def unpadded(self) -> list[np.ndarray]:
        """Each row's own samples."""
        rows = self.padded.numpy()
        return [row[:length] for row, length in zip(rows, self.lengths, strict=True)]


def padded(
    waveforms: Sequence[np.ndarray], pieces: Sequence[Piece] = (), *, pinned: bool = False
) -> Waveforms:
    """Waveforms ``(samples,)`` side by side, filled up with zeros."""
    import torch

    lengths = [len(waveform) for waveform in waveforms]
    if pinned:
        tensor = torch.empty(len(lengths), max(lengths, default=0), pin_memory=True)
        rows = tensor.numpy()
    else:
        rows = np.zeros((len(lengths), max(lengths, default=0)), np.float32)
        tensor = torch.from_numpy(rows)
    for row, waveform in zip(rows, waveforms, strict=True):
        row[: len(waveform)] = waveform
        row[len(waveform) :] = 0
    return Waveforms(list(pieces), lengths, tensor)


class Reader:
    """Reads utterances from the cache, prepares them whole and cuts them into their windows.

    Args:
        cache: the decoded audio.
        encoder: prepares the waveforms.
        device: they go to.
        required: contents that must be readable. Others are in a batch only because they were
            planned in it; if they cannot be read any more, they are left out.
    """

    def __init__(
        self,
        cache: "AudioCache",
        encoder: Encoder,
        required: set[str],
        device: "torch.device | None" = None,
    ):
        self._cache, self._encoder, self._required = cache, encoder, required
        self._pinned = device is not None and device.type == "cuda"
        self.threads = min(_GPU_READERS, max(1, (os.cpu_count() or 1) - 1)) if self._pinned else 1
        self._long: tuple[str, np.ndarray] = ("", np.empty(0, np.float32))

    def read(self, batch: Batch) -> Waveforms:
        """The batch's waveforms; may be called by several threads at once."""
        pieces, waveforms = [], []
        for piece in batch:
            try:
                waveform = self._prepared(piece.content)[piece.start : piece.end]
            except ParalbenchError:
                if piece.content in self._required:
                    raise
                continue
            pieces.append(piece)
            waveforms.append(waveform)
        return padded(waveforms, pieces, pinned=self._pinned)

    def _prepared(self, content: str) -> np.ndarray:
        # The windows of a long utterance follow each other, so one is worth keeping.
        kept, prepared = self._long
        if content == kept:
            return prepared
        waveform = self._cache.waveform(content)
        prepared = np.asarray(self._encoder.prepare(waveform), dtype=np.float32)
        if prepared.shape != waveform.shape:
            raise ParalbenchError(
                f"the encoder's prepare() made shape {prepared.shape} of a waveform of shape "
                f"{waveform.shape}; it may normalise, but must keep the length."
            )
        if len(prepared) > self._encoder.window_samples:
            self._long = (content, prepared)
        return prepared


def read_ahead(batches: Iterable[Batch], reader: Reader) -> Generator[Waveforms, None, None]:
    """The batches' waveforms in order, read in threads while the caller computes."""
    remaining = iter(batches)
    ahead: deque[Future[Waveforms]] = deque()
    pool = ThreadPoolExecutor(reader.threads, thread_name_prefix="paralbench-audio")
    try:
        while True:
            while (
                len(ahead) < _READ_AHEAD * reader.threads
                and (batch := next(remaining, None)) is not None
            ):
                ahead.append(pool.submit(reader.read, batch))
            if not ahead:
                return
            yield ahead.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


@dataclass
class BatchEncoder:
    """Encodes and pools batches on one device, in smaller ones where memory runs out.

    Args:
        encoder: on its device already, in its precision.
        device: where waveforms go.
        second_moments: whether to pool these too.
        padded_samples: what the encoder itself pads to (see :class:`Limits`).
        layer: the layer whose frames are wanted too.
        traffic: how batches travel to the device and back; by default as suits it.
    """

    encoder: Encoder
    device: "torch.device"
    second_moments: bool = False
    padded_samples: int = 0
    layer: FrameLayer | None = None
    traffic: Traffic | None = None
    back_offs: int = field(default=0, init=False)
    _affordable: int | None = field(default=None, init=False)
    _traffic: Traffic = field(init=False)

    def __post_init__(self):
        self._traffic = self.traffic or traffic(self.device)

    def stream(
        self, batches: Iterable[Waveforms]
    ) -> Generator[tuple[Waveforms, list[Pooled]], None, None]:
        """Batches and their statistics, in order.

        On a CUDA device up to two batches are under way while the next one is begun. Each is kept
        until its statistics are here, for memory may run out, and be noticed, at either end.

        Raises:
            ParalbenchError: as :meth:`encode`.
        """
        running: deque[tuple[Waveforms, Fetched]] = deque()
        for batch in batches:
            if not len(batch):
                continue
            fetched = self._begin(batch) if self._fits(batch) else None
            if fetched is None:
                alone = not running
                while running:
                    yield self._end(*running.popleft())
                self._free()
                # Tried once more by itself, if it shared the memory with others.
                yield batch, self._encode(batch, refused=alone)
                continue
            running.append((batch, fetched))
            while len(running) > self._traffic.depth:
                yield self._end(*running.popleft())
        while running:
            yield self._end(*running.popleft())

    def encode(self, waveforms: Sequence[np.ndarray]) -> list[Pooled]:
        """Statistics of each waveform, in order; all of them, also when memory runs out.

        A batch that does not fit is halved until it does, and later batches that cost as much
        are halved at once. Halves differ from the whole in the last bits, as any other batch does.

        Raises:
            ParalbenchError: a single waveform does not fit into memory, or the encoder returns
                something else than it declares.
        """
        if not waveforms:
            return []
        return self._encode(padded(waveforms, pinned=self.device.type == "cuda"))

    def _encode(self, batch: Waveforms, *, refused: bool = False) -> list[Pooled]:
        """Encode a batch by itself; ``refused``: memory has run out on it just now."""
        if self._fits(batch):
            fetched = None if refused else self._begin(batch)
            pooled = None if fetched is None else self._take(fetched)
            if pooled is not None:
                return pooled
            self.back_offs += 1
            self._free()
            if len(batch) == 1:
                raise ParalbenchError(
                    f"{type(self.encoder).__name__} runs out of memory on {self.device} with one "
                    f"waveform of {batch.lengths[0] / SAMPLE_RATE:.1f} s. Give the upstream's "
                    "card a shorter window, or use bf16 or another device."
                )
            price = self._price(batch)
            self._affordable = min(price // 2, self._affordable or price)
        half = (len(batch) + 1) // 2
        first, second = batch.rows(0, half), batch.rows(half, len(batch))
        return [*self._encode(first), *self._encode(second)]

    def _price(self, batch: Waveforms) -> int:
        return cost(len(batch), max(batch.lengths), self.padded_samples)

    def _fits(self, batch: Waveforms) -> bool:
        """Whether it is worth a try: nothing as dear has failed."""
        return len(batch) == 1 or self._affordable is None or self._price(batch) <= self._affordable

    def _begin(self, batch: Waveforms) -> Fetched | None:
        """Begin to encode a batch; None where memory runs out.

        The exception is dropped here: it would keep the tensors that filled the memory.
        """
        import torch

        try:
            waveforms = self._traffic.send(batch.padded)
            hidden = self.encoder.forward(waveforms, torch.tensor(batch.lengths))
            hidden = self._check(hidden, len(batch))
            summary = summarise(hidden, second_moments=self.second_moments, layer=self.layer)
            return self._traffic.fetch(summary)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            return None

    def _take(self, fetched: Fetched) -> list[Pooled] | None:
        """The statistics of a batch that was begun; None where memory ran out meanwhile."""
        try:
            return fetched().pooled()
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            return None

    def _end(self, batch: Waveforms, fetched: Fetched) -> tuple[Waveforms, list[Pooled]]:
        """A batch that was begun and its statistics."""
        pooled = self._take(fetched)
        return batch, self._encode(batch, refused=True) if pooled is None else pooled

    def _check(self, hidden: HiddenStates, batch: int) -> HiddenStates:
        """The hidden states, their lengths on the CPU, if they are what the encoder declares."""
        wanted = (self.encoder.n_layers, batch, self.encoder.dim)
        shapes = {(len(hidden.layers), one.shape[0], one.shape[-1]) for one in hidden.layers}
        frames = {one.shape[1] for one in hidden.layers if one.dim() == 3}
        if shapes != {wanted} or len(frames) != 1 or hidden.lengths.shape != (batch,):
            raise ParalbenchError(
                f"{type(self.encoder).__name__} returned layers of shape "
                f"{[tuple(one.shape) for one in hidden.layers]} with lengths of shape "
                f"{tuple(hidden.lengths.shape)}; it declares {self.encoder.n_layers} layers "
                f"({batch}, frames, {self.encoder.dim}) and lengths ({batch},)."
            )
        lengths = hidden.lengths.cpu()  # waits for a device only if the encoder left them there
        if not 0 <= int(lengths.min()) <= int(lengths.max()) <= min(frames):
            raise ParalbenchError(
                f"{type(self.encoder).__name__} returned lengths {lengths.tolist()[:10]} "
                f"for {min(frames)} frames; they must be from 0 to the number of frames."
            )
        return replace(hidden, lengths=lengths)

    def _free(self) -> None:
        import torch

        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        elif self.device.type == "mps":
            torch.mps.empty_cache()


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of torch or numpy says that memory ran out, on whatever device."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(
        words in text for words in ("out of memory", "can't allocate memory", "not enough memory")
    )
