"""The Whisper encoder over the speech alone, without the silence it was trained with.

n samples have floor(n / 160) mel frames and ceil(floor(n / 160) / 2) encoder frames; the positions
are the first of the model's. At its two ends the signal is mirrored for the Fourier windows that
reach beyond it (200 samples), and the logarithm is cut 80 dB below the loudest mel value of the
speech itself. This is what openai-whisper's ``log_mel_spectrogram`` gives for a waveform that was
not padded, and its ``AudioEncoder`` when the positional embedding is cut to the length, which the
published ``forward`` refuses.

A batch is exact: spectra are taken utterance by utterance, mel frames and first-convolution
outputs beyond an utterance's end are zero (as the convolutions' own padding is at the end of an
utterance alone), and no frame attends to padding.

Transformers' ``WhisperEncoder.forward`` takes the full window only, so its parts are run here.
Layers are those of the family's other variant.
"""

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from paralbench.upstreams.base import SAMPLE_RATE, Batching, HiddenStates, samples_of
from paralbench.upstreams.whisper_mel import FFT, FRAME, HOP, LogMel

if TYPE_CHECKING:
    import torch


class UnpaddedWhisperEncoder:
    """Whisper's encoder over the mel frames of the speech.

    Args:
        model: transformers' ``WhisperEncoder``.
        window: seconds of speech that are encoded at once; at most the model's window.
        weights_key: sha256 over weights and configuration.
    """

    # One mel frame's Fourier window, of which the mirrored ends need half.
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

    def prepare(self, waveform: np.ndarray) -> np.ndarray:
        """The waveform as it is: the spectrogram is scaled window by window."""
        return waveform

    def forward(self, waveforms: "torch.Tensor", lengths: "torch.Tensor") -> HiddenStates:
        """Encode a batch; see :class:`paralbench.upstreams.base.Encoder`.

        Raises:
            ValueError: a waveform is shorter than 400 samples, or longer than the model's window.
        """
        import torch
        from torch.nn import functional

        from paralbench.upstreams.padding import (
            attention_mask,
            on_device,
            valid_mask,
            without_padding,
        )

        samples = samples_of(lengths, self.min_samples, "unpadded Whisper")
        mels = on_device([length // HOP for length in samples], waveforms.device)
        frames = (mels + 1) // 2
        model = self.model
        with torch.inference_mode():
            mel = self._mel(waveforms, samples).to(model.dtype)
            shortest = min(samples) // HOP
            convolved = functional.gelu(model.conv1(mel))
            if shortest < mel.shape[-1]:
                convolved = without_padding(convolved, valid_mask(mels, mel.shape[-1]))
            convolved = functional.gelu(model.conv2(convolved)).transpose(1, 2)
            states = convolved + model.embed_positions.weight[: convolved.shape[1]]
            mask = None
            if (shortest + 1) // 2 < states.shape[1]:
                mask = attention_mask(valid_mask(frames, states.shape[1]), states.dtype)
            layers = [states]
            for layer in model.layers:
                states = layer(states, mask)
                layers.append(states)
            layers[-1] = model.layer_norm(states)
        return HiddenStates(layers, torch.tensor([(length // HOP + 1) // 2 for length in samples]))

    @property
    def blocks(self) -> "list[torch.nn.Module]":
        """Transformer layers."""
        return list(self.model.layers)

    def _mel(self, waveforms: "torch.Tensor", samples: list[int]) -> "torch.Tensor":
        """Spectrograms ``(batch, bins, frames)``, each of its speech alone, then zeros."""
        import torch
        from torch.nn import functional

        longest = max(samples) // HOP
        rows = [
            self.log_mel.unpadded(row[None, :length])
            for row, length in zip(waveforms, samples, strict=True)
        ]
        return torch.cat([functional.pad(row, (0, longest - row.shape[-1])) for row in rows])

    def to(self, device: "torch.device", dtype: "torch.dtype") -> Self:
        """Move to a device and a precision, in place; spectrograms stay in float32."""
        self.model.to(device=device, dtype=dtype)
        self.log_mel.to(device)
        return self
