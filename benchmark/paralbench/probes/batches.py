"""The order in which a job's utterances are trained on."""

import numpy as np
import numpy.typing as npt
import torch

from paralbench.probes.jobs import Job

# Streams of random numbers of one seed, kept apart.
WEIGHTS, ORDER = 0, 1


class Batches:
    """An endless stream of batches of one job: shuffled passes over its utterances, joined.

    Every batch has the same size, the training set's where that is smaller than asked: a pass that
    ends inside a batch is followed by the next pass, so no utterance is seen more often than
    another by more than once.
    """

    def __init__(self, job: Job, batch_size: int):
        self._rows = job.rows
        self.size = min(batch_size, len(job.rows))
        self._generator = generator(job.seed, ORDER)
        self._waiting = np.zeros(0, dtype=np.int64)

    def next(self) -> npt.NDArray[np.int64]:
        """The utterances of the next step, ``(batch,)``."""
        if len(self._waiting) < self.size:
            order = torch.randperm(len(self._rows), generator=self._generator).numpy()
            self._waiting = np.concatenate([self._waiting, self._rows[order]])
        batch, self._waiting = self._waiting[: self.size], self._waiting[self.size :]
        return batch


def generator(seed: int, stream: int) -> torch.Generator:
    """A generator of its own for each seed and use, on the CPU: equal draws on every device."""
    mixed = np.random.SeedSequence([seed, stream]).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(mixed >> np.uint64(1)))


def initial_weights(seed: int, dim: int, n_outputs: int, scale: float) -> torch.Tensor:
    """Normal draws ``(dim, n_outputs)`` with the deviation ``scale`` / sqrt(dim), float64."""
    drawn = torch.randn(dim, n_outputs, generator=generator(seed, WEIGHTS), dtype=torch.float64)
    return drawn * scale


def uniform(source: torch.Generator, fan_in: int, *shape: int) -> torch.Tensor:
    """Uniform draws within 1 / sqrt(fan in), float64."""
    drawn = torch.rand(*shape, generator=source, dtype=torch.float64)
    return (2 * drawn - 1) / fan_in**0.5
