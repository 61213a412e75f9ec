"""wav2vec 2.0, HuBERT, WavLM, data2vec and their kin: one family, loaded with transformers.

Layers: 0 is the input of the first transformer layer (projected convolution features plus
positional convolution), 1 to L - 1 are the outputs of the layers, and L is the encoder's output.
In models with ``do_stable_layer_norm`` (the large ones) the residual stream is not normalised
between layers, and L is the last layer's output *after* the encoder's final LayerNorm. That is
the convention of s3prl and of transformers 4; transformers 5 leaves its last ``hidden_states``
before that LayerNorm, so it is not what is taken here. In the other models both are the same.
Conformers have that final LayerNorm too, and no positional convolution in layer 0.

Attention is torch's ``scaled_dot_product_attention``: transformers' own choice for all but SEW-D,
whose disentangled attention has no such form, and WavLM, for which
:mod:`paralbench.upstreams.wavlm_attention` has one.

SEW and SEW-D halve the frame rate between convolutions and transformer (25 frames per second) and
double it again behind the last layer. Every layer here is at the transformer's rate, and L is the
last layer's output *before* the upsampling, which only serves what is stacked upon it.

An utterance is normalised over its own samples where ``preprocessor_config.json`` says
``do_normalize``; where that file is missing, the card must say it (``options: {do_normalize:
true}``). Masking, dropout and layer drop are off, task heads and CTC adapters are left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from paralbench.cards import UpstreamCard
from paralbench.errors import WeightsError
from paralbench.upstreams import building, checkpoints
from paralbench.upstreams.base import SAMPLE_RATE, Batching, HiddenStates, samples_of
from paralbench.upstreams.options import check_options, check_variant, folder_of

if TYPE_CHECKING:
    import torch

VERSION = 1
NAME = "wav2vec2-like"


@dataclass(frozen=True)
class Architecture:
    """What differs between the architectures.

    Attributes:
        config: name of transformers' configuration class.
        model: name of transformers' bare encoder class.
        prefix: of the encoder's tensors in checkpoints that also hold a task head.
    """

    config: str
    model: str
    prefix: str


ARCHITECTURES = {
    "data2vec-audio": Architecture("Data2VecAudioConfig", "Data2VecAudioModel", "data2vec_audio"),
    "hubert": Architecture("HubertConfig", "HubertModel", "hubert"),
    "sew": Architecture("SEWConfig", "SEWModel", "sew"),
    "sew-d": Architecture("SEWDConfig", "SEWDModel", "sew_d"),
    "unispeech": Architecture("UniSpeechConfig", "UniSpeechModel", "unispeech"),
    "unispeech-sat": Architecture("UniSpeechSatConfig", "UniSpeechSatModel", "unispeech_sat"),
    "wav2vec2": Architecture("Wav2Vec2Config", "Wav2Vec2Model", "wav2vec2"),
    "wav2vec2-conformer": Architecture(
        "Wav2Vec2ConformerConfig", "Wav2Vec2ConformerModel", "wav2vec2_conformer"
    ),
    "wavlm": Architecture("WavLMConfig", "WavLMModel", "wavlm"),
}

# Tensors beside the encoder that checkpoints may hold. Anything else unknown is an error.
HEADS = (
    # pre-training: quantiser, contrastive and cluster targets, utterance-level speaker loss
    "quantizer.",
    "project_q.",
    "project_hid.",
    "final_proj.",
    "label_embs_concat",
    "label_embeddings_concat",
    "speaker_proj.",
    "layer_norm_for_extract.",
    # fine-tuning: CTC, classification, x-vectors, and the adapter between encoder and head
    "lm_head.",
    "projector.",
    "classifier.",
    "layer_weights",
    "tdnn.",
    "objective.",
    "feature_extractor.weight",
    "feature_extractor.bias",
    "adapter.",
)

# Read only when frames are masked, so never here; whether it is saved depends on the config.
UNUSED = ("masked_spec_embed",)


class Wav2Vec2LikeEncoder:
    """A transformers encoder that is exact under padding.

    Args:
        model: a bare encoder of :data:`ARCHITECTURES`; it is changed in place.
        do_normalize: whether waveforms are brought to zero mean and unit variance.
        window: seconds that are encoded at once.
        weights_key: sha256 over weights and configuration.
    """

    batching: Batching = "any"

    def __init__(self, model: Any, *, do_normalize: bool, window: float, weights_key: str):
        from paralbench.upstreams.wav2vec2_padding import SQUEEZED, make_exact, valid_frames

        self.model = model
        self.do_normalize = do_normalize
        self.weights_key = weights_key
        config = model.config
        self._frames = valid_frames(config)
        self._squeezed = config.model_type in SQUEEZED
        self.n_layers = config.num_hidden_layers + 1
        self.dim = config.hidden_size
        self.min_samples = self._frames.receptive_field
        self.window_samples = round(window * SAMPLE_RATE)
        make_exact(model, self._frames)
        if config.model_type == "wavlm":
            from paralbench.upstreams.wavlm_attention import fuse_attention

            fuse_attention(model)

    def prepare(self, waveform: np.ndarray) -> np.ndarray:
        """Zero mean and unit variance over the utterance, if the model was trained so.

        The variance is the population's, plus 1e-7, as in transformers' feature extractor.
        """
        if not self.do_normalize:
            return waveform
        mean, variance = waveform.mean(dtype=np.float64), waveform.var(dtype=np.float64)
        return ((waveform - mean) / np.sqrt(variance + 1e-7)).astype(np.float32)

    def forward(self, waveforms: "torch.Tensor", lengths: "torch.Tensor") -> HiddenStates:
        """Encode a batch; see :class:`paralbench.upstreams.base.Encoder`.

        Raises:
            ValueError: a waveform is shorter than ``min_samples``.
        """
        import torch

        from paralbench.upstreams.padding import on_device, valid_mask

        valid = samples_of(lengths, self.min_samples, NAME)
        longest = max(valid)
        with torch.inference_mode():
            frames = self._frames.set(valid, waveforms.device)
            batch = waveforms[:, :longest].to(self.model.dtype)
            mask = None
            if min(valid) < longest:
                mask = valid_mask(on_device(valid, batch.device), longest).long()
            output = self.model(
                batch,
                attention_mask=mask,
                output_hidden_states=True,
                output_attentions=False,
                return_dict=True,
            )
        last = output.hidden_states[-1] if self._squeezed else output.last_hidden_state
        layers = [*output.hidden_states[:-1], last]
        return HiddenStates(layers, frames)

    @property
    def blocks(self) -> "list[torch.nn.Module]":
        """Transformer layers; none where they look at the lengths of the batch as well."""
        if self._squeezed or self.model.config.model_type == "wav2vec2-conformer":
            return []
        return list(self.model.encoder.layers)

    def to(self, device: "torch.device", dtype: "torch.dtype") -> Self:
        """Move to a device and a precision, in place."""
        from paralbench.upstreams.wav2vec2_padding import forget_positions

        self.model.to(device=device, dtype=dtype)
        forget_positions(self.model)
        return self


def load(card: UpstreamCard, folder: Path | None = None) -> Wav2Vec2LikeEncoder:
    """The encoder in a transformers folder; option ``do_normalize`` overrides the folder's.

    Raises:
        CardError: an option or the variant is unknown.
        WeightsError: another architecture or sampling rate; weights missing, unknown or damaged.
    """
    check_variant(card)
    folder = folder_of(card, folder)
    do_normalize = normalisation(card, folder)
    data = checkpoints.read_config(folder, ARCHITECTURES, NAME)
    model = read_model(card, folder, data, ARCHITECTURES[data["model_type"]])
    key = checkpoints.weights_key(folder)
    return Wav2Vec2LikeEncoder(
        model, do_normalize=do_normalize, window=card.window, weights_key=key
    )


load.version = VERSION  # pyright: ignore[reportFunctionMemberAccess]  # read by the registry


def read_model(
    card: UpstreamCard, folder: Path, data: Mapping[str, Any], architecture: Architecture
) -> Any:
    """The bare encoder in a folder, without masking, adapter and head.

    Args:
        card: the upstream's.
        folder: with the weights.
        data: its configuration.
        architecture: of :data:`ARCHITECTURES`.

    Raises:
        WeightsError: the configuration is not valid or not the card's; weights missing, unknown
            or damaged.
    """
    from paralbench.torchaudio_cure import ensure_torchaudio

    ensure_torchaudio()  # transformers imports torchaudio when it is installed
    import transformers

    settings = {**data, "apply_spec_augment": False, "add_adapter": False}
    kind = getattr(transformers, architecture.config)
    config = building.configuration(kind, settings, card, folder)
    if min(*config.conv_kernel, *config.conv_stride, config.num_hidden_layers) < 1:
        raise WeightsError(
            f"{folder / checkpoints.CONFIG}: conv_kernel, conv_stride and num_hidden_layers must "
            "be at least 1."
        )

    def rename(name: str) -> str | None:
        name = checkpoints.base_name(name, architecture.prefix)
        return None if name.startswith(HEADS) else name

    tensors = checkpoints.read_tensors(folder, rename)
    return building.build(
        getattr(transformers, architecture.model), config, tensors, where=folder, optional=UNUSED
    )


def normalisation(card: UpstreamCard, folder: Path, sample_rate: int = SAMPLE_RATE) -> bool:
    """Whether waveforms are normalised: the card's option, else the folder's statement.

    Raises:
        CardError: an option is unknown.
        WeightsError: the folder does not say, or is of another sampling rate.
    """
    check_options(card, {"do_normalize": bool})
    given = checkpoints.check_preprocessor(folder, {"sampling_rate": sample_rate})
    value = card.options.get("do_normalize", given.get("do_normalize", True if given else None))
    if not isinstance(value, bool):
        raise WeightsError(
            f"{folder / checkpoints.PREPROCESSOR}: does not say whether waveforms are normalised "
            f"(do_normalize). Put the file there, or say it in {card.file or card.id}: "
            "options: {do_normalize: true} or false."
        )
    return value
