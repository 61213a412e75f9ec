"""MERT, a HuBERT for music at 24 kHz: its weights in transformers' plain HuBERT.

The owners' repository carries code of its own (``model_type: mert_model``), which is never run.
Where its configuration switches its departures off (constant-Q input, DeepNet's residuals,
relaxed attention), as the published MERT-v1-95M does, the model is HuBERT's, tensor by tensor; a
configuration that switches one on is refused.

Waveforms arrive at 16 kHz and are upsampled to 24 kHz as the owners' example does it (torchaudio's
windowed sinc). Nothing above 8 kHz comes into being by that, though the model has heard such
sounds in training. Where the folder says ``do_normalize``, mean and variance are the upsampled
utterance's; the mean is taken off before upsampling, so at the utterance's very ends a constant
offset is treated otherwise than the owners' order of steps does.

Layers, their convention and their exactness under padding are those of
:mod:`paralbench.upstreams.wav2vec2_like`; 75 frames per second.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from paralbench.cards import UpstreamCard
from paralbench.errors import WeightsError
from paralbench.upstreams import checkpoints, wav2vec2_like
from paralbench.upstreams.base import SAMPLE_RATE, Batching, HiddenStates
from paralbench.upstreams.options import check_variant, folder_of

if TYPE_CHECKING:
    import torch

VERSION = 1
NAME = "mert"
MODEL_TYPE = "mert_model"
MODEL_RATE = 24_000

# Departures from HuBERT, and the value that switches each off.
DEPARTURES = {"feature_extractor_cqt": False, "deepnorm": False, "attention_relax": -1.0}


class MertEncoder:
    """HuBERT behind an upsampling.

    Args:
        model: transformers' ``HubertModel``; it is changed in place.
        do_normalize: whether waveforms are brought to zero mean and unit variance.
        window: seconds that are encoded at once.
        weights_key: sha256 over weights and configuration.
    """

    batching: Batching = "any"

    def __init__(self, model: Any, *, do_normalize: bool, window: float, weights_key: str):
        from torchaudio.transforms import Resample

        self._hubert = wav2vec2_like.Wav2Vec2LikeEncoder(
            model, do_normalize=False, window=window, weights_key=weights_key
        )
        self._upsample = Resample(SAMPLE_RATE, MODEL_RATE)
        self.do_normalize = do_normalize
        self.weights_key = weights_key
        self.n_layers = self._hubert.n_layers
        self.dim = self._hubert.dim
        # upsampled(n) is the next whole number from n * 3 / 2 on
        self.min_samples = (self._hubert.min_samples - 1) * SAMPLE_RATE // MODEL_RATE + 1
        self.window_samples = round(window * SAMPLE_RATE)

    def prepare(self, waveform: np.ndarray) -> np.ndarray:
        """Zero mean and unit variance over the upsampled utterance, if the model was trained so."""
        if not self.do_normalize:
            return waveform
        import torch
        from torchaudio.functional import resample

        upsampled = resample(torch.from_numpy(waveform), SAMPLE_RATE, MODEL_RATE).numpy()
        mean, variance = upsampled.mean(dtype=np.float64), upsampled.var(dtype=np.float64)
        return ((waveform - mean) / np.sqrt(variance + 1e-7)).astype(np.float32)

    def forward(self, waveforms: "torch.Tensor", lengths: "torch.Tensor") -> HiddenStates:
        """Encode a batch; see :class:`paralbench.upstreams.base.Encoder`.

        Raises:
            ValueError: a waveform is shorter than ``min_samples``.
        """
        import torch

        shortest = int(lengths.min())
        if shortest < self.min_samples:
            raise ValueError(f"{shortest} samples: {NAME} needs at least {self.min_samples}")
        upsampled = -(-lengths * MODEL_RATE // SAMPLE_RATE)
        with torch.inference_mode():
            batch = self._upsample(waveforms[:, : int(lengths.max())])
        # What the filter rings beyond an utterance's end lies in padding, which is never read.
        return self._hubert.forward(batch, upsampled)

    def to(self, device: "torch.device", dtype: "torch.dtype") -> Self:
        """Move to a device and a precision, in place; upsampling stays in float32."""
        self._hubert.to(device, dtype)
        self._upsample.to(device)
        return self


def load(card: UpstreamCard, folder: Path | None = None) -> MertEncoder:
    """The encoder in MERT's folder; option ``do_normalize`` overrides the folder's.

    Raises:
        CardError: an option or the variant is unknown.
        WeightsError: not a MERT that is plainly HuBERT; weights missing, unknown or damaged.
    """
    from paralbench.torchaudio_cure import ensure_torchaudio

    check_variant(card)
    folder = folder_of(card, folder)
    data = checkpoints.read_config(folder, [MODEL_TYPE], NAME)
    for name, off in DEPARTURES.items():
        if data.get(name, off) != off:
            raise WeightsError(
                f"{folder / checkpoints.CONFIG}: {name} is {data[name]!r}; only {off!r} is "
                "supported, with which the model is plainly HuBERT."
            )
    do_normalize = wav2vec2_like.normalisation(card, folder, MODEL_RATE)

    ensure_torchaudio()
    stated = {name: value for name, value in card.architecture.items() if name != "model_type"}
    hubert = card.model_copy(update={"architecture": stated})
    model = wav2vec2_like.read_model(hubert, folder, data, wav2vec2_like.ARCHITECTURES["hubert"])
    key = checkpoints.weights_key(folder)
    return MertEncoder(model, do_normalize=do_normalize, window=card.window, weights_key=key)


load.version = VERSION  # pyright: ignore[reportFunctionMemberAccess]  # read by the registry
