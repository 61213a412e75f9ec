"""Wav2Vec2-BERT (w2v-BERT 2.0), loaded with transformers: a Conformer over log mel energies.

Input: Kaldi's log mel energies as transformers' ``SeamlessM4TFeatureExtractor`` computes them (80
filters, 25 ms Povey windows every 10 ms), computed here in float64 on the encoder's device. Each
filter is brought to zero mean and unit variance (the sample variance, plus 1e-7) over *what is
encoded at once*: the whole utterance if it is not longer than the card's ``window``, else each
window by itself. That is what variant ``window-normalised`` says: features of one and the same
frame depend on the window. Two frames are stacked into one of 160 numbers, 50 per second; of an
odd number of frames the last is left out, as the owners' attention mask leaves it out.

Layers: 0 is the input of the first layer (the projected features), 1 to L the outputs of the
layers. Every layer ends with its own LayerNorm, and the encoder has no final one. The adapter that
some fine-tuned checkpoints put behind the encoder is left out.

Padding: transformers zeroes padded frames before each depthwise convolution, which moreover looks
to the left only, and masks them in attention. Passing the mask is all that exactness needs.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from paralbench.cards import UpstreamCard
from paralbench.upstreams import building, checkpoints
from paralbench.upstreams.base import SAMPLE_RATE, Batching, HiddenStates, samples_of
from paralbench.upstreams.options import check_options, check_variant, folder_of

if TYPE_CHECKING:
    import torch

VERSION = 1
NAME = "wav2vec2-bert"
VARIANT = "window-normalised"

FRAME, HOP = 400, 160  # samples: 25 ms, 10 ms
FFT = 512
STACKED = 2  # mel frames in one frame of the encoder
PRE_EMPHASIS = 0.97
FLOOR = 1.192092955078125e-07  # of an energy, Kaldi's; samples are scaled to 16 bits

# Tensors beside the encoder: heads, adapter, and what only a masked frame would read.
OTHER_PARTS = (
    "adapter.",
    "classifier.",
    "intermediate_ffn.",
    "layer_weights",
    "lm_head.",
    "objective.",
    "projector.",
    "tdnn.",
)
UNUSED = ("masked_spec_embed",)


class Wav2Vec2BertEncoder:
    """The Conformer encoder of a Wav2Vec2-BERT model.

    Args:
        model: transformers' ``Wav2Vec2BertModel`` without adapter.
        window: seconds that are encoded, and normalised, at once.
        weights_key: sha256 over weights and configuration.
    """

    min_samples: int = FRAME + (STACKED - 1) * HOP
    batching: Batching = "any"

    def __init__(self, model: Any, *, window: float, weights_key: str):
        from paralbench.upstreams.wav2vec2_padding import restore_positions

        self.model = model
        self.weights_key = weights_key
        self.n_layers = model.config.num_hidden_layers + 1
        self.dim = model.config.hidden_size
        self.window_samples = round(window * SAMPLE_RATE)
        self.log_mel = NormalisedLogMel(model.config.feature_projection_input_dim // STACKED)
        restore_positions(model)

    def prepare(self, waveform: np.ndarray) -> np.ndarray:
        """The waveform as it is: log mel energies are normalised window by window."""
        return waveform

    def forward(self, waveforms: "torch.Tensor", lengths: "torch.Tensor") -> HiddenStates:
        """Encode a batch; see :class:`paralbench.upstreams.base.Encoder`.

        Raises:
            ValueError: a waveform is shorter than ``min_samples``.
        """
        import torch

        from paralbench.upstreams.padding import valid_mask

        valid = samples_of(lengths, self.min_samples, NAME)
        with torch.inference_mode():
            features, frames = self.log_mel(waveforms, valid)
            mask = None
            if int(frames.min()) < features.shape[1]:
                mask = valid_mask(frames, features.shape[1]).long()
            output = self.model(
                features.to(self.model.dtype),
                attention_mask=mask,
                output_hidden_states=True,
                output_attentions=False,
                return_dict=True,
            )
        return HiddenStates([*output.hidden_states[:-1], output.last_hidden_state], frames)

    def to(self, device: "torch.device", dtype: "torch.dtype") -> Self:
        """Move to a device and a precision, in place; log mel energies stay in float64."""
        from paralbench.upstreams.wav2vec2_padding import forget_positions

        self.model.to(device=device, dtype=dtype)
        forget_positions(self.model)
        self.log_mel.to(device)
        return self


class NormalisedLogMel:
    """Stacked, normalised log mel energies of a batch, in torch.

    Args:
        bins: mel filters.
    """

    def __init__(self, bins: int):
        import torch
        from transformers import SeamlessM4TFeatureExtractor

        owners = SeamlessM4TFeatureExtractor(feature_size=bins, num_mel_bins=bins)
        self.filters = torch.from_numpy(np.asarray(owners.mel_filters, np.float64))
        self.window = torch.from_numpy(np.asarray(owners.window, np.float64))

    def __call__(
        self, waveforms: "torch.Tensor", lengths: list[int]
    ) -> "tuple[torch.Tensor, torch.Tensor]":
        """Features of waveforms ``(batch, samples)`` in [-1, 1], zero beyond each length.

        Returns:
            ``(batch, frames, 2 * bins)`` float32, zero in padded frames, and the valid frames of
            each, ``(batch,)`` int64.
        """
        import torch

        mel_frames = [(length - FRAME) // HOP + 1 for length in lengths]
        frames = torch.tensor([n // STACKED for n in mel_frames], device=waveforms.device)
        energies = self._energies(waveforms[:, : max(lengths)])
        stacked = torch.zeros(
            len(lengths), max(mel_frames) // STACKED, STACKED * energies.shape[-1]
        ).to(waveforms.device)
        for row, (one, count) in enumerate(zip(energies, mel_frames, strict=True)):
            valid = one[:count]
            valid = (valid - valid.mean(0)) / (valid.var(0) + 1e-7).sqrt()
            pairs = count // STACKED
            stacked[row, :pairs] = valid[: pairs * STACKED].reshape(pairs, -1).float()
        return stacked, frames

    def _energies(self, waveforms: "torch.Tensor") -> "torch.Tensor":
        """Log mel energies ``(batch, mel frames, bins)``, float64."""
        import torch
        from torch.nn import functional

        waveforms = waveforms.to(self.filters.device).double() * 2.0**15
        cut = waveforms.unfold(-1, FRAME, HOP)
        cut = cut - cut.mean(-1, keepdim=True)
        before = functional.pad(cut, (1, 0), mode="replicate")[..., :-1]
        cut = (cut - PRE_EMPHASIS * before) * self.window
        power = torch.fft.rfft(cut, FFT).abs().square()
        return (power @ self.filters).clamp(min=FLOOR).log()

    def to(self, device: "torch.device") -> None:
        """Move to a device, in place; stay where a device knows no float64."""
        if device.type == "mps":
            return
        self.filters, self.window = self.filters.to(device), self.window.to(device)


def load(card: UpstreamCard, folder: Path | None = None) -> Wav2Vec2BertEncoder:
    """The encoder in a transformers folder of a Wav2Vec2-BERT model.

    Raises:
        CardError: an option or the variant is unknown.
        WeightsError: another architecture or other input features; weights missing, unknown or
            damaged.
    """
    from paralbench.torchaudio_cure import ensure_torchaudio

    check_variant(card, {VARIANT: "log mel energies are normalised over what is encoded at once"})
    check_options(card, {})
    folder = folder_of(card, folder)
    data = checkpoints.read_config(folder, [NAME], NAME)

    ensure_torchaudio()  # transformers imports torchaudio when it is installed
    from transformers import Wav2Vec2BertConfig, Wav2Vec2BertModel

    settings = {
        **data,
        "apply_spec_augment": False,
        "add_adapter": False,
        "use_intermediate_ffn_before_adapter": False,
    }
    config = building.configuration(Wav2Vec2BertConfig, settings, card, folder)
    _check_features(folder, config)

    def rename(name: str) -> str | None:
        name = checkpoints.base_name(name, "wav2vec2_bert")
        return None if name.startswith(OTHER_PARTS) else name

    tensors = checkpoints.read_tensors(folder, rename)
    model = building.build(Wav2Vec2BertModel, config, tensors, where=folder, optional=UNUSED)
    key = checkpoints.weights_key(folder)
    return Wav2Vec2BertEncoder(model, window=card.window, weights_key=key)


load.version = VERSION  # pyright: ignore[reportFunctionMemberAccess]  # read by the registry


def _check_features(folder: Path, config: Any) -> None:
    """Refuse a folder whose input features are not what is computed here."""
    bins = config.feature_projection_input_dim // STACKED
    expected = {
        "sampling_rate": SAMPLE_RATE,
        "feature_size": bins,
        "num_mel_bins": bins,
        "stride": STACKED,
    }
    checkpoints.check_preprocessor(folder, expected)
