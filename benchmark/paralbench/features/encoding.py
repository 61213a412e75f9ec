"""Batches of waveforms through an encoder, pooled, in this process: one device, read ahead."""

from collections import deque
from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from paralbench.errors import ParalbenchError
from paralbench.features.batching import Batch, Piece, cost
from paralbench.features.frame_layer import FrameLayer
from paralbench.features.pooling import Pooled, pool
from paralbench.upstreams.base import SAMPLE_RATE, Encoder, HiddenStates

if TYPE_CHECKING:
    import torch

    from paralbench.audio.cache import AudioCache

_READ_AHEAD = 2  # batches

Waveforms = list[tuple[Piece, np.ndarray]]


class Reader:
    """Reads utterances from the cache, prepares them whole and cuts them into their windows.

    Args:
        cache: the decoded audio.
        encoder: prepares the waveforms.
        required: contents that must be readable. Others are in a batch only because they were
            planned in it; if they cannot be read any more, they are left out.
    """

    def __init__(self, cache: "AudioCache", encoder: Encoder, required: set[str]):
        self._cache, self._encoder, self._required = cache, encoder, required
        self._long: tuple[str, np.ndarray] = ("", np.empty(0, np.float32))

    def read(self, batch: Batch) -> Waveforms:
        """The batch's waveforms ``(samples,)``, float32."""
        found = []
        for piece in batch:
            try:
                found.append((piece, self._prepared(piece.content)[piece.start : piece.end]))
            except ParalbenchError:
                if piece.content in self._required:
                    raise
        return found

    def _prepared(self, content: str) -> np.ndarray:
        # The windows of a long utterance follow each other, so one is worth keeping.
        if content == self._long[0]:
            return self._long[1]
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
    """The batches' waveforms in order, read in a thread while the caller computes."""
    remaining = iter(batches)
    ahead: deque[Future[Waveforms]] = deque()
    thread = ThreadPoolExecutor(1, thread_name_prefix="paralbench-audio")
    try:
        while True:
            while len(ahead) < _READ_AHEAD and (batch := next(remaining, None)) is not None:
                ahead.append(thread.submit(reader.read, batch))
            if not ahead:
                return
            yield ahead.popleft().result()
    finally:
        thread.shutdown(cancel_futures=True)


@dataclass
class BatchEncoder:
    """Encodes and pools batches on one device, in smaller ones where memory runs out.

    Args:
        encoder: on its device already, in its precision.
        device: where waveforms go.
        second_moments: whether to pool these too.
        padded_samples: what the encoder itself pads to (see :class:`Limits`).
        layer: the layer whose frames are wanted too.
    """

    encoder: Encoder
    device: "torch.device"
    second_moments: bool = False
    padded_samples: int = 0
    layer: FrameLayer | None = None
    back_offs: int = field(default=0, init=False)
    _affordable: int | None = field(default=None, init=False)

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
        price = cost(len(waveforms), max(map(len, waveforms)), self.padded_samples)
        if len(waveforms) == 1 or self._affordable is None or price <= self._affordable:
            pooled = self._try(waveforms)
            if pooled is not None:
                return pooled
            self.back_offs += 1
            self._free()
            if len(waveforms) == 1:
                raise ParalbenchError(
                    f"{type(self.encoder).__name__} runs out of memory on {self.device} with one "
                    f"waveform of {len(waveforms[0]) / SAMPLE_RATE:.1f} s. Give the upstream's "
                    "card a shorter window, or use bf16 or another device."
                )
            self._affordable = min(price // 2, self._affordable or price)
        half = (len(waveforms) + 1) // 2
        return [*self.encode(waveforms[:half]), *self.encode(waveforms[half:])]

    def _try(self, waveforms: Sequence[np.ndarray]) -> list[Pooled] | None:
        """The statistics, or None where memory runs out.

        The exception is dropped here: it would keep the tensors that filled the memory.
        """
        import torch

        lengths = torch.tensor([len(waveform) for waveform in waveforms])
        padded = np.zeros((len(waveforms), int(lengths.max())), np.float32)
        for row, waveform in zip(padded, waveforms, strict=True):
            row[: len(waveform)] = waveform
        try:
            batch = torch.from_numpy(padded).to(self.device)
            hidden = self.encoder.forward(batch, lengths.to(self.device))
            self._check(hidden, len(waveforms))
            return pool(hidden, second_moments=self.second_moments, layer=self.layer)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            return None

    def _check(self, hidden: HiddenStates, batch: int) -> None:
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
        if not 0 <= int(hidden.lengths.min()) <= int(hidden.lengths.max()) <= min(frames):
            raise ParalbenchError(
                f"{type(self.encoder).__name__} returned lengths {hidden.lengths.tolist()[:10]} "
                f"for {min(frames)} frames; they must be from 0 to the number of frames."
            )

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
