"""Batches through copies of an encoder in several processes, for encoders that run on one core.

Each process is started anew (spawn), loads the encoder and works on its own; results come back in
the order of the batches. A script that calls this needs the ``if __name__ == "__main__"`` guard.
"""

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice

import numpy as np

from paralbench.errors import ParalbenchError
from paralbench.features.arithmetic import arithmetic
from paralbench.features.batching import Piece
from paralbench.features.encoding import BatchEncoder, Waveforms
from paralbench.features.frame_layer import FrameLayer
from paralbench.features.pooling import Pooled
from paralbench.upstreams.base import Encoder

# Starting a process takes about 5 s where it imports librosa or torch, more on a busy machine.
WORTH_SECONDS = 40.0
_TRIAL_SECONDS = 2.0

_PER_TASK = 4  # batches that travel together
_AHEAD = 3  # tasks per process that wait


class Trial:
    """Tells from the first batches whether the rest is worth several processes.

    The first batch is not counted: it pays for what is imported and compiled on first use.
    """

    def __init__(self):
        self._batches, self._samples, self._seconds = 0, 0, 0.0

    def add(self, samples: int, seconds: float) -> None:
        """Take in a batch that was encoded here."""
        if self._batches:
            self._samples, self._seconds = self._samples + samples, self._seconds + seconds
        self._batches += 1

    def worth_processes(self, remaining: int) -> bool:
        """Whether so many samples are expected to take longer than :data:`WORTH_SECONDS` here."""
        if self._batches < 2 or self._seconds < _TRIAL_SECONDS:
            return False
        return remaining * self._seconds / self._samples > WORTH_SECONDS


def encode_in_processes(
    batches: Iterable[Waveforms],
    loader: Callable[[], Encoder],
    workers: int,
    second_moments: bool,
    layer: FrameLayer | None = None,
) -> Iterator[tuple[list[Piece], list[Pooled]]]:
    """Encode and pool batches on ``workers`` processes with one thread each.

    Args:
        batches: pieces with their prepared waveforms.
        loader: makes the encoder; it must be picklable, such as ``functools.partial`` of a
            function of a module.
        workers: how many processes.
        second_moments: whether to pool these too.
        layer: the layer whose frames are wanted too.

    Yields:
        The pieces of each batch and their statistics, in the order of the batches.

    Raises:
        ParalbenchError: a process died.
    """
    remaining = iter(batches)
    ahead: deque[tuple[list[list[Piece]], Future[list[list[Pooled]]]]] = deque()
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, _start, (loader, second_moments, layer))
    try:
        while True:
            while len(ahead) < _AHEAD * workers and (task := list(islice(remaining, _PER_TASK))):
                pieces = [batch.pieces for batch in task]
                waveforms = [batch.unpadded() for batch in task]
                ahead.append((pieces, pool.submit(_encode, waveforms)))
            if not ahead:
                return
            pieces, future = ahead.popleft()
            yield from zip(pieces, future.result(), strict=True)
    except BrokenProcessPool as error:
        _free(pool)
        raise ParalbenchError(
            f"one of {workers} worker processes died, perhaps for want of memory. What was "
            "extracted is kept; use fewer workers and run again."
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _free(pool: ProcessPoolExecutor) -> None:
    """Free the thread that feeds a pool whose processes are gone.

    Before 3.11.5 Python leaves it at writing into a pipe that nobody reads any more, and with it
    whoever waits for the pool to end (https://github.com/python/cpython/issues/94777).
    """
    queue = getattr(pool, "_call_queue", None)
    if queue is not None:
        queue._reader.close()


_encode_batch: Callable[[list[np.ndarray]], list[Pooled]]


def _start(loader: Callable[[], Encoder], second_moments: bool, layer: FrameLayer | None) -> None:
    """Load the encoder, once per process."""
    import torch

    global _encode_batch
    cpu = torch.device("cpu")
    encoder = loader().to(cpu, torch.float32)
    _encode_batch = BatchEncoder(encoder, cpu, second_moments, layer=layer).encode


def _encode(batches: list[list[np.ndarray]]) -> list[list[Pooled]]:
    with arithmetic(threads=1):
        return [_encode_batch(batch) for batch in batches]
