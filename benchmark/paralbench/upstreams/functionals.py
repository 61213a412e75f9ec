"""Upstreams that give one vector of functionals per utterance, computed by numpy code.

A functional maps a contour of any length to one number: a mean, a percentile, a slope. Such an
upstream has one layer and one "frame" per utterance, so the pooled mean of its frames is the
vector itself. Utterances are computed one at a time and alone, so nothing depends on the batch.
"""

import hashlib
import json
from abc import ABC, abstractmethod
from importlib.metadata import version
from typing import TYPE_CHECKING, Self

import numpy as np

from paralbench.upstreams.base import SAMPLE_RATE, Batching, HiddenStates

if TYPE_CHECKING:
    import torch


class FunctionalsEncoder(ABC):
    """Base of the encoders that turn one waveform into one vector.

    Precision: always float32, whatever :meth:`to` is asked for, because functionals such as a
    rolloff in hertz or a sum over a spectrum exceed the range or the resolution of half floats.

    Args:
        names: one name per feature; its length is ``dim``.
        min_samples: the shortest waveform that gives a finite vector.
        window: seconds that are computed as one; a longer utterance is cut by the caller.
        weights_key: sha256 over what determines the features beside the audio.
    """

    n_layers: int = 1
    batching: Batching = "single"
    fixed_precision: str = "fp32"

    def __init__(self, names: tuple[str, ...], min_samples: int, window: float, weights_key: str):
        self._names = names
        self.dim = len(names)
        self.min_samples = min_samples
        self.window_samples = round(window * SAMPLE_RATE)
        self.weights_key = weights_key

    @abstractmethod
    def functionals(self, waveform: np.ndarray) -> np.ndarray:
        """The vector ``(dim,)`` of one waveform ``(samples,)``, float32, at 16 kHz."""

    def names(self) -> tuple[str, ...]:
        """The name of each feature, in order."""
        return self._names

    def prepare(self, waveform: np.ndarray) -> np.ndarray:
        """The waveform as it is: levels are features here."""
        return waveform

    def forward(self, waveforms: "torch.Tensor", lengths: "torch.Tensor") -> HiddenStates:
        """Compute each waveform's vector over its valid samples alone.

        Args:
            waveforms: ``(batch, samples)``.
            lengths: valid samples of each, ``(batch,)``.

        Returns:
            One layer ``(batch, 1, dim)``, one frame each.

        Raises:
            ValueError: a waveform is shorter than ``min_samples``.
        """
        import torch

        rows = [
            self._row(waveform[:length])
            for waveform, length in zip(
                waveforms.detach().float().cpu().numpy(), lengths.tolist(), strict=True
            )
        ]
        layer = torch.from_numpy(np.stack(rows)[:, None, :]).to(waveforms.device)
        return HiddenStates([layer], torch.ones(len(rows), dtype=torch.int64, device=layer.device))

    def _row(self, waveform: np.ndarray) -> np.ndarray:
        if len(waveform) < self.min_samples:
            raise ValueError(
                f"{len(waveform)} samples are too short: {type(self).__name__} needs at least "
                f"{self.min_samples} ({self.min_samples / SAMPLE_RATE * 1000:.0f} ms)"
            )
        row = np.asarray(self.functionals(np.ascontiguousarray(waveform)), dtype=np.float32)
        if row.shape != (self.dim,):
            raise ValueError(f"{type(self).__name__} gave shape {row.shape}, not ({self.dim},)")
        return row

    def to(self, device: "torch.device", dtype: "torch.dtype") -> Self:
        """Stay on the processor in float32; vectors are returned on the waveforms' device."""
        return self


def key_of(**facts: str | int | float | bool | None) -> str:
    """The sha256 of named facts, independent of their order."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def library_version(package: str) -> str:
    """The release of an installed package, without a local label such as ``+cpu``."""
    return version(package).partition("+")[0]
