"""What an upstream is to the rest of the code: waveforms and lengths in, hidden states out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    import torch

SAMPLE_RATE = 16_000

Batching = Literal["any", "equal-length", "single"]
BACKENDS = ("torch", "openvino")  # what may compute an encoder


@dataclass(frozen=True)
class HiddenStates:
    """Hidden states of a batch, layer by layer.

    Attributes:
        layers: for each layer a tensor ``(batch, frames, dim)``.
        lengths: valid frames of each utterance ``(batch,)``, int64, best on the CPU (see
            :meth:`Encoder.forward`); frames beyond are padding and may hold anything finite.
    """

    layers: "Sequence[torch.Tensor]"
    lengths: "torch.Tensor"


@runtime_checkable
class Encoder(Protocol):
    """A loaded upstream.

    Attributes:
        n_layers: hidden states per frame.
        dim: features per layer.
        min_samples: the shortest waveform that gives a frame; shorter ones are excluded, counted.
        window_samples: longer waveforms are encoded in near-equal windows of at most this.
        batching: ``any``: exact under padding; ``equal-length``: only equal lengths may share a
            batch; ``single``: one utterance at a time.
        backend: optional; what computes it, if not torch (see :mod:`.openvino_backend`).
        fixed_precision: optional; the name of the precision it computes in, whatever :meth:`to` is
            asked for, so that no feature key or table tells of another.
        padded_samples: optional; what the encoder itself pads every waveform to, as Whisper does.
        attention_samples: optional; the longest stretch that attention spans, where windows are cut
            again inside the encoder.
        blocks: optional; the torch modules that are called one after another and are functions of
            their tensors alone, so that they may be compiled.
        weights_key: sha256 over what determines the features beside the audio: weights, config.
    """

    n_layers: int
    dim: int
    min_samples: int
    window_samples: int
    batching: Batching
    weights_key: str

    def prepare(self, waveform: "np.ndarray") -> "np.ndarray":
        """Normalise one whole utterance ``(samples,)`` float32, before it is cut or padded."""
        ...

    def forward(self, waveforms: "torch.Tensor", lengths: "torch.Tensor") -> HiddenStates:
        """Encode a batch.

        Args:
            waveforms: ``(batch, samples)``, 16 kHz mono, zero beyond each length; float32 in every
                precision, so that the encoder casts where it is safe.
            lengths: valid samples of each, ``(batch,)``, int64; an extraction gives them on the
                CPU, so that to look at them is not to wait for the device.

        Returns:
            Hidden states that, in fp32, do not depend on what shares the batch (relative L2
            difference of each layer's time mean at most 1e-5).
        """
        ...

    def to(self, device: "torch.device", dtype: "torch.dtype") -> "Encoder":
        """Move to a device and a precision, in place; returns itself."""
        ...


def samples_of(lengths: "torch.Tensor", least: int, name: str) -> list[int]:
    """The valid samples of a batch's waveforms.

    Args:
        lengths: as :meth:`Encoder.forward` is given them.
        least: the encoder's ``min_samples``.
        name: of the family, for the message.

    Raises:
        ValueError: a waveform is shorter than that.
    """
    samples = [int(length) for length in lengths.tolist()]
    if min(samples) < least:
        raise ValueError(f"{min(samples)} samples: {name} needs at least {least}")
    return samples


def fixed_precision_of(encoder: Encoder) -> str | None:
    """The precision that an encoder computes in whatever it is asked for, if there is one."""
    return getattr(encoder, "fixed_precision", None)


def backend_of(encoder: Encoder) -> str:
    """What computes an encoder: ``torch``, ``openvino``."""
    return getattr(encoder, "backend", "torch")
