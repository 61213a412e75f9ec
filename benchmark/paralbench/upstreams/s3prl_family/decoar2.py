"""DeCoAR 2.0 (Ling and Liu, 2020): a transformer over every other log mel frame.

Layers: 0 is the input of the first transformer layer (projected frames plus positional
convolution, after a LayerNorm); 1 to N are the outputs of the layers, the last after the encoder's
final LayerNorm where the LayerNorms come first.

The published file states no architecture: the numbers are constants of its authors' code and of
s3prl's. So a card's ``architecture`` is what the model is built from, and what the tensors' shapes
do not show (heads, activation) is taken from there, and is part of the key.

Exactness: padded frames are set to zero before the positional convolution and masked in
attention, by s3prl's own code.
"""

import warnings
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from s3prl.upstream.wav2vec2.wav2vec2_model import TransformerEncoder, Wav2Vec2Config
from torch import nn

from paralbench.cards import UpstreamCard
from paralbench.upstreams import building
from paralbench.upstreams.base import SAMPLE_RATE, Batching, HiddenStates, samples_of
from paralbench.upstreams.functionals import key_of
from paralbench.upstreams.padding import valid_mask
from paralbench.upstreams.s3prl_family.checkpoint import Checkpoint, typed
from paralbench.upstreams.s3prl_family.filterbank import AUDIO, FilterBank
from paralbench.upstreams.s3prl_family.inputs import Inputs

# The constants of the authors' code.
DEFAULTS: dict[str, Any] = {
    "input_feat": 80,
    "encoder_embed_dim": 768,
    "encoder_layers": 12,
    "encoder_ffn_embed_dim": 3072,
    "encoder_attention_heads": 12,
    "conv_pos": 128,
    "conv_pos_groups": 16,
    "activation_fn": "gelu",
    "layer_norm_first": False,
}
_TRAINING = {
    "dropout": 0.0,
    "activation_dropout": 0.0,
    "attention_dropout": 0.0,
    "encoder_layerdrop": 0.0,
}
EVERY = 2  # frames, of which one is taken
# Parts of training that s3prl leaves out of the file too: reconstruction and quantisation.
HEADS = ("mask_emb", "quantizer.", "vector_quantizer.", "project_q.", "final_proj.", "decoder.")

_OLD_NORM = "`torch.nn.utils.weight_norm` is deprecated"


class Network(nn.Module):
    """The parts of s3prl's ``Decoar2`` that features pass through, in any size.

    s3prl's own class takes no sizes.

    Args:
        settings: from :func:`read_settings`.
    """

    def __init__(self, settings: dict[str, Any]):
        super().__init__()
        config = Wav2Vec2Config()
        for name, value in (settings | _TRAINING).items():
            setattr(config, name, value)
        self.post_extract_proj = nn.Linear(settings["input_feat"], settings["encoder_embed_dim"])
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=_OLD_NORM)
            self.encoder = TransformerEncoder(config)


def read_settings(given: dict[str, Any], file: Path) -> dict[str, Any]:
    """The settings that features and size depend on.

    Raises:
        WeightsError: one is of another type.
    """
    return typed(given, DEFAULTS, file)


class Decoar2Encoder:
    """s3prl's DeCoAR 2.0.

    Args:
        network: with the weights; it is changed in place.
        settings: from :func:`read_settings`.
        window: seconds that are encoded at once.
        weights_key: sha256 over the checkpoint and the settings.
    """

    batching: Batching = "any"

    def __init__(
        self, network: Network, settings: dict[str, Any], *, window: float, weights_key: str
    ):
        self.network = network
        self.weights_key = weights_key
        self._filterbank = FilterBank(AUDIO | {"feat_dim": settings["input_feat"]})
        self.n_layers = settings["encoder_layers"] + 1
        self.dim = settings["encoder_embed_dim"]
        self.min_samples = self._filterbank.min_samples
        self.window_samples = round(window * SAMPLE_RATE)
        self._inputs = Inputs(network.encoder.layers)
        positional: Any = network.encoder.pos_conv
        nn.utils.remove_weight_norm(positional[0])

    def prepare(self, waveform: np.ndarray) -> np.ndarray:
        """The waveform as it is."""
        return waveform

    def forward(self, waveforms: torch.Tensor, lengths: torch.Tensor) -> HiddenStates:
        """Encode a batch; see :class:`paralbench.upstreams.base.Encoder`.

        Raises:
            ValueError: a waveform is shorter than ``min_samples``.
        """
        valid = samples_of(lengths, self.min_samples, "DeCoAR 2")
        with torch.inference_mode():
            frames = [
                self._filterbank(one[:n])[::EVERY] for one, n in zip(waveforms, valid, strict=True)
            ]
            counts = torch.tensor([len(one) for one in frames], device=waveforms.device)
            batch = nn.utils.rnn.pad_sequence(frames, batch_first=True)
            padding = ~valid_mask(counts, batch.shape[1])
            project = self.network.post_extract_proj
            with self._inputs.kept() as inputs:
                last, _ = self.network.encoder(project(batch.to(project.weight.dtype)), padding)
            # s3prl pads to an even number of frames between here and there.
            layers = [one.transpose(0, 1)[:, : batch.shape[1]] for one in inputs]
        return HiddenStates([*layers, last], counts)

    def to(self, device: torch.device, dtype: torch.dtype) -> Self:
        """Move to a device and a precision, in place; frames are computed in float32."""
        self.network.to(device=device, dtype=dtype)
        return self


def load(checkpoint: Checkpoint, card: UpstreamCard, key: str) -> Decoar2Encoder:
    """The encoder in the authors' checkpoint.

    Raises:
        WeightsError: of another architecture, or tensors are missing or unknown.
    """
    settings = read_settings(card.architecture, card.file or checkpoint.file)
    building.check_architecture(card, settings, checkpoint.file)
    tensors = {
        name: one for name, one in checkpoint.tensors("model").items() if not name.startswith(HEADS)
    }
    network = building.build(
        Network,
        settings,
        tensors,
        where=checkpoint.file.parent,
        stated_in=checkpoint.file.name,
    )
    key = key_of(checkpoint=key, **settings)
    return Decoar2Encoder(network, settings, window=card.window, weights_key=key)
