"""AST and SSAST: the audio spectrogram transformer over its fixed window, with transformers.

The model knows one length, 1024 mel frames (10.24 s): its positions are learned for that many
patches. Every utterance (or window of a longer one) is padded to it as transformers'
``ASTFeatureExtractor`` pads, with zeros in the spectrogram before that is scaled, so what shares
its batch cannot matter.

The spectrogram is cut into patches of 16 frames by 16 of the 128 bands, which may overlap. A frame
here is a column of patches, their mean over the bands: it covers 160 ms. The frames kept are the
columns that begin within the speech; columns of padding, and the two class tokens, are not
averaged.

Layers: 0 is the input of the first transformer layer (patches plus positions), 1 to L - 1 the
outputs of the layers, L the last layer's output after the final LayerNorm. Classifiers are left
out.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from paralbench.cards import UpstreamCard
from paralbench.errors import CardError, WeightsError
from paralbench.upstreams import building, checkpoints
from paralbench.upstreams.base import SAMPLE_RATE, Batching, HiddenStates
from paralbench.upstreams.options import folder_of, read_options

if TYPE_CHECKING:
    import torch

VERSION = 1
NAME = "ast"
MODEL_TYPE = "audio-spectrogram-transformer"

SHIFT = 160  # samples between mel frames
FRAME = 400  # samples of a mel frame
TOKENS = 2  # before the patches: class and distillation
# Of AudioSet's logarithmic mel energies; a folder may say others.
MEAN, DEVIATION = -4.2677393, 4.5689974

# From the published tensors' names, which are those of transformers 4, to transformers 5.
_RENAMED = (
    ("encoder.layer.", "layers."),
    (".attention.attention.query.", ".attention.q_proj."),
    (".attention.attention.key.", ".attention.k_proj."),
    (".attention.attention.value.", ".attention.v_proj."),
    (".attention.output.dense.", ".attention.o_proj."),
    (".intermediate.dense.", ".mlp.fc1."),
    (".output.dense.", ".mlp.fc2."),
)


class SpectrogramTransformerEncoder:
    """An audio spectrogram transformer over its fixed window.

    Args:
        model: transformers' ``ASTModel``.
        scale: mean and standard deviation that spectrograms are scaled by; None leaves them.
        window: seconds that are encoded at once; at most the model's window.
        weights_key: sha256 over weights and configuration.
    """

    # One mel frame's Fourier window: the least that gives a frame which begins within the speech.
    min_samples: int = FRAME
    batching: Batching = "any"

    def __init__(
        self, model: Any, *, scale: tuple[float, float] | None, window: float, weights_key: str
    ):
        config = model.config
        self.model = model
        self.scale = scale
        self.weights_key = weights_key
        self.n_layers = config.num_hidden_layers + 1
        self.dim = config.hidden_size
        self.window_samples = round(window * SAMPLE_RATE)
        # A batch costs what it is padded to, however short the utterances are.
        self.padded_samples = config.max_length * SHIFT
        self._columns = (config.max_length - config.patch_size) // config.time_stride + 1

    def prepare(self, waveform: np.ndarray) -> np.ndarray:
        """The waveform as it is: its level is part of the spectrogram."""
        return waveform

    def forward(self, waveforms: "torch.Tensor", lengths: "torch.Tensor") -> HiddenStates:
        """Encode a batch; see :class:`paralbench.upstreams.base.Encoder`.

        Raises:
            ValueError: a waveform is shorter than ``min_samples`` or longer than the window.
        """
        import torch

        valid = [int(length) for length in lengths.tolist()]
        frames = [1 + (length - FRAME) // SHIFT for length in valid]
        most = self.model.config.max_length
        if min(valid) < self.min_samples or max(frames) > most:
            raise ValueError(
                f"{min(valid)} to {max(valid)} samples: {NAME} needs at least {self.min_samples} "
                f"and at most {most} mel frames"
            )
        with torch.inference_mode():
            output = self.model(
                self._spectrograms(waveforms.float(), valid, frames).to(self.model.dtype),
                output_hidden_states=True,
                output_attentions=False,
                return_dict=True,
            )
            layers = [*output.hidden_states[:-1], output.last_hidden_state]
            # Patches are counted band by band, and within a band in time.
            layers = [
                layer[:, TOKENS:].unflatten(1, (-1, self._columns)).mean(1) for layer in layers
            ]
        stride = self.model.config.time_stride
        kept = [min(self._columns, -(-one // stride)) for one in frames]
        return HiddenStates(
            [layer[:, : max(kept)] for layer in layers],
            torch.tensor(kept, device=waveforms.device),
        )

    def _spectrograms(
        self, waveforms: "torch.Tensor", lengths: list[int], frames: list[int]
    ) -> "torch.Tensor":
        """Padded, scaled spectrograms ``(batch, frames, bands)``, float32."""
        config = self.model.config
        mel = waveforms.new_zeros(len(lengths), config.max_length, config.num_mel_bins)
        for row, waveform, length, count in zip(mel, waveforms, lengths, frames, strict=True):
            row[:count] = log_mel(waveform[:length], config.num_mel_bins)
        if self.scale is None:
            return mel
        mean, deviation = self.scale
        return (mel - mean) / (2 * deviation)

    def to(self, device: "torch.device", dtype: "torch.dtype") -> Self:
        """Move to a device and a precision, in place; spectrograms stay in float32."""
        self.model.to(device=device, dtype=dtype)
        return self


def log_mel(waveform: "torch.Tensor", bands: int) -> "torch.Tensor":
    """Kaldi's logarithmic mel energies ``(frames, bands)`` of a waveform ``(samples,)``."""
    from paralbench.torchaudio_cure import ensure_torchaudio

    ensure_torchaudio()
    from torchaudio.compliance import kaldi

    return kaldi.fbank(
        waveform[None], sample_frequency=SAMPLE_RATE, window_type="hanning", num_mel_bins=bands
    )


def load(card: UpstreamCard, folder: Path | None = None) -> SpectrogramTransformerEncoder:
    """The encoder in a transformers folder of an AST; there are no options.

    Raises:
        CardError: an option or the variant is unknown, or the window longer than the model's.
        WeightsError: another architecture or spectrogram; weights missing, unknown or damaged.
    """
    from paralbench.torchaudio_cure import ensure_torchaudio

    read_options(card, {})
    folder = folder_of(card, folder)
    data = checkpoints.read_config(folder, [MODEL_TYPE], NAME)

    ensure_torchaudio()  # transformers imports torchaudio when it is installed
    from transformers import ASTConfig, ASTModel

    config = building.configuration(ASTConfig, data, card, folder)
    scale = _scale(folder, config)
    seconds = config.max_length * SHIFT / SAMPLE_RATE
    if card.window > seconds:
        raise CardError(
            f"{card.file or card.id}: window: {card.window} s; this model's window is {seconds} s."
        )
    tensors = checkpoints.read_tensors(folder, _rename)
    model = building.build(ASTModel, config, tensors, where=folder)
    key = checkpoints.weights_key(folder)
    return SpectrogramTransformerEncoder(model, scale=scale, window=card.window, weights_key=key)


load.version = VERSION  # pyright: ignore[reportFunctionMemberAccess]  # read by the registry


def _rename(name: str) -> str | None:
    """The model's name of a published tensor; None for the classifier's."""
    if name.startswith("classifier."):
        return None
    name = name.removeprefix("audio_spectrogram_transformer.")
    for published, ours in _RENAMED:
        name = name.replace(published, ours)
    return name


def _scale(folder: Path, config: Any) -> tuple[float, float] | None:
    """What the folder's preprocessor scales by; a folder with another spectrogram is refused."""
    expected = {
        "sampling_rate": SAMPLE_RATE,
        "num_mel_bins": config.num_mel_bins,
        "max_length": config.max_length,
        "padding_value": 0.0,
    }
    given = checkpoints.check_preprocessor(folder, expected)
    if not given.get("do_normalize", True):
        return None
    scale = [given.get(name, value) for name, value in (("mean", MEAN), ("std", DEVIATION))]
    if not all(isinstance(one, float | int) for one in scale) or scale[1] <= 0:
        file = folder / checkpoints.PREPROCESSOR
        raise WeightsError(f"{file}: mean and std are {scale}; two numbers are needed, std over 0.")
    return float(scale[0]), float(scale[1])
