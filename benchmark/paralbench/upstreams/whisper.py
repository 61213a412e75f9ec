"""The Whisper encoder: with the 30 s window it was trained on, or with the speech alone.

Log mel spectrograms are computed on the encoder's device, in float32, as transformers'
``WhisperFeatureExtractor`` and openai-whisper's ``log_mel_spectrogram`` compute them.

Variant ``30s``: every utterance (or window of a longer one) is padded with silence to the model's
window, so what shares its batch cannot matter. The encoder sees the whole padded window; the
frames kept are those that begin within the speech. Frame j is centred on sample 320 j (mel hop
160, convolution stride 2), so n samples hold ceil(n / 320) of them. Frames of the padding are not
averaged.

Variant ``unpadded``: the encoder sees no silence; :mod:`paralbench.upstreams.whisper_unpadded`.

Layers: 0 is the input of the first transformer layer (convolutions plus positions), 1 to L - 1
the outputs of the layers, L the last layer's output after the encoder's final LayerNorm, as in
transformers' ``hidden_states``.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from paralbench.cards import UpstreamCard
from paralbench.errors import CardError
from paralbench.upstreams import building, checkpoints
from paralbench.upstreams.base import SAMPLE_RATE, Batching, HiddenStates
from paralbench.upstreams.options import check_options, check_variant, folder_of
from paralbench.upstreams.whisper_mel import FFT, FRAME, HOP, LogMel
from paralbench.upstreams.whisper_unpadded import UnpaddedWhisperEncoder

if TYPE_CHECKING:
    import torch

VERSION = 1
NAME = "whisper"
VARIANTS = {
    "30s": "the frames that hold speech, from a window padded to 30 s",
    "unpadded": "the speech alone, without padding",
}


class WhisperEncoder:
    """Whisper's encoder over its fixed window.

    Args:
        model: transformers' ``WhisperEncoder``.
        window: seconds of speech that are encoded at once; at most the model's window.
        weights_key: sha256 over weights and configuration.
    """

    # One mel frame's Fourier window. Less speech than this gives a frame, but says nothing.
    min_samples: int = FFT
    batching: Batching = "any"

    def __init__(self, model: Any, *, window: float, weights_key: str):
        config = model.config
        self.model = model
        self.weights_key = weights_key
        self.n_layers = config.encoder_layers + 1
        self.dim = config.d_model
        self.window_samples = round(window * SAMPLE_RATE)
        self.log_mel = LogMel(config.num_mel_bins, config.max_source_positions * FRAME)
        # A batch costs what it is padded to, however short the utterances are.
        self.padded_samples = config.max_source_positions * FRAME

    def prepare(self, waveform: np.ndarray) -> np.ndarray:
        """The waveform as it is: the spectrogram is scaled window by window."""
        return waveform

    def forward(self, waveforms: "torch.Tensor", lengths: "torch.Tensor") -> HiddenStates:
        """Encode a batch; see :class:`paralbench.upstreams.base.Encoder`.

        Raises:
            ValueError: a waveform is longer than the model's window.
        """
        import torch

        frames = (lengths.to(torch.int64) + FRAME - 1) // FRAME
        longest = int(lengths.max())
        with torch.inference_mode():
            mel = self.log_mel(waveforms[:, :longest])
            output = self.model(
                mel.to(self.model.dtype),
                output_hidden_states=True,
                output_attentions=False,
                return_dict=True,
            )
        kept = max(1, -(-longest // FRAME))
        layers = [*output.hidden_states[:-1], output.last_hidden_state]
        return HiddenStates([layer[:, :kept] for layer in layers], frames.clamp(min=1))

    @property
    def blocks(self) -> "list[torch.nn.Module]":
        """Transformer layers."""
        return list(self.model.layers)

    def to(self, device: "torch.device", dtype: "torch.dtype") -> Self:
        """Move to a device and a precision, in place; spectrograms stay in float32."""
        self.model.to(device=device, dtype=dtype)
        self.log_mel.to(device)
        return self


def load(
    card: UpstreamCard, folder: Path | None = None
) -> "WhisperEncoder | UnpaddedWhisperEncoder":
    """The encoder in a transformers folder of a Whisper model; the decoder is not read.

    Raises:
        CardError: an option or the variant is unknown, or the window longer than the model's.
        WeightsError: another architecture or spectrogram; weights missing, unknown or damaged.
    """
    from paralbench.torchaudio_cure import ensure_torchaudio

    check_variant(card, VARIANTS)
    check_options(card, {})
    folder = folder_of(card, folder)
    data = checkpoints.read_config(folder, [NAME], NAME)

    ensure_torchaudio()  # transformers imports torchaudio when it is installed
    from transformers import WhisperConfig
    from transformers.models.whisper import modeling_whisper

    config = building.configuration(WhisperConfig, data, card, folder)
    _check_spectrogram(folder, config)
    seconds = config.max_source_positions * FRAME / SAMPLE_RATE
    if card.window > seconds:
        raise CardError(
            f"{card.file or card.id}: window: {card.window} s; this model's window is {seconds} s."
        )

    tensors = checkpoints.read_tensors(folder, checkpoints.encoder_name)
    model = building.build(modeling_whisper.WhisperEncoder, config, tensors, where=folder)
    key = checkpoints.weights_key(folder)
    kind = WhisperEncoder if card.variant == "30s" else UnpaddedWhisperEncoder
    return kind(model, window=card.window, weights_key=key)


load.version = VERSION  # pyright: ignore[reportFunctionMemberAccess]  # read by the registry


def _check_spectrogram(folder: Path, config: Any) -> None:
    """Refuse a folder whose spectrograms are not Whisper's."""
    expected = {
        "sampling_rate": SAMPLE_RATE,
        "feature_size": config.num_mel_bins,
        "n_fft": FFT,
        "hop_length": HOP,
        "chunk_length": config.max_source_positions * FRAME / SAMPLE_RATE,
        "dither": 0.0,
    }
    checkpoints.check_preprocessor(folder, expected)
