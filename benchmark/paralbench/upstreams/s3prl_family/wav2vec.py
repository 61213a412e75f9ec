"""wav2vec (Schneider et al., Interspeech 2019) and vq-wav2vec (Baevski et al., ICLR 2020).

Layers: 0 is z, the output of the feature extractor (before quantisation in vq-wav2vec); 1 to N are
the outputs of the aggregator's layers, the last of them c. The codewords themselves are no layer.

Exactness: the aggregator's convolutions look to the left only, so what padding reaches is the
group normalisation after every convolution; it is taken over valid frames. vq-wav2vec chooses
codewords, and rounding that depends on the size of a batch could turn a choice between near ones
and with it all that follows. So up to the choice each utterance goes alone, through the same
kernels as in a batch of its own; equal lengths in one batch would not be enough. That part also
stays in float32 when the rest does not.
"""

from typing import Any, Self

import numpy as np
import torch
from s3prl.upstream.wav2vec.wav2vec_model import Wav2VecConfig, Wav2VecModel

from paralbench.cards import UpstreamCard
from paralbench.upstreams import building
from paralbench.upstreams.base import SAMPLE_RATE, Batching, HiddenStates, samples_of
from paralbench.upstreams.convolution_lists import rendered
from paralbench.upstreams.padding import ValidFrames, ValidNorm
from paralbench.upstreams.s3prl_family.checkpoint import Checkpoint
from paralbench.upstreams.s3prl_family.inputs import Inputs
from paralbench.upstreams.s3prl_family.quantiser import codewords
from paralbench.upstreams.s3prl_family.wav2vec_settings import LISTS, read_settings

_NORM = 2  # in a block of the extractor: convolution, dropout, norm, activation
_AGGREGATOR_NORM = 3  # in one of the aggregator, where padding comes first


class Wav2vecEncoder:
    """s3prl's wav2vec, exact under padding.

    Args:
        model: s3prl's ``Wav2VecModel`` with the weights; it is changed in place.
        settings: from :func:`read_settings`.
        window: seconds that are encoded at once.
        weights_key: sha256 of the checkpoint.
    """

    batching: Batching = "any"

    def __init__(self, model: Any, settings: dict[str, Any], *, window: float, weights_key: str):
        self.model = model
        self.weights_key = weights_key
        _, kernels, strides = zip(*settings["conv_feature_layers"], strict=True)
        self._frames = ValidFrames(kernels, strides)
        aggregator = settings["conv_aggregator_layers"]
        self.n_layers = 1 + len(aggregator)
        self.dim = aggregator[-1][0]
        self.min_samples = self._frames.receptive_field
        self.window_samples = round(window * SAMPLE_RATE)
        self._inputs = Inputs(model.feature_aggregator.conv_layers[1:])
        if model.vector_quantizer is None:
            for index, block in enumerate(model.feature_extractor.conv_layers):
                block[_NORM] = ValidNorm(block[_NORM], self._frames, index)
        for block in model.feature_aggregator.conv_layers:
            norm = ValidNorm(block[_AGGREGATOR_NORM], self._frames, len(kernels) - 1)
            block[_AGGREGATOR_NORM] = norm

    def prepare(self, waveform: np.ndarray) -> np.ndarray:
        """The waveform as it is."""
        return waveform

    def forward(self, waveforms: torch.Tensor, lengths: torch.Tensor) -> HiddenStates:
        """Encode a batch; see :class:`paralbench.upstreams.base.Encoder`.

        Raises:
            ValueError: a waveform is shorter than ``min_samples``.
        """
        valid = samples_of(lengths, self.min_samples, "wav2vec")
        with torch.inference_mode():
            frames = self._frames.set(valid, waveforms.device)
            dtype = self.model.feature_aggregator.conv_layers[0][1].weight.dtype
            if self.model.vector_quantizer is None:
                z = self.model.feature_extractor(waveforms[:, : max(valid)].to(dtype))
                features = z
            else:
                z, features = self._quantised(waveforms, valid, dtype)
            with self._inputs.kept() as inputs:
                c = self.model.feature_aggregator(features)
            layers = [one.transpose(1, 2) for one in (z, *inputs, c)]
        return HiddenStates(layers, frames)

    def _quantised(
        self, waveforms: torch.Tensor, valid: list[int], dtype: torch.dtype
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Features and their codewords, utterance by utterance, padded with zeros."""
        z, chosen = [], []
        for waveform, length in zip(waveforms.float(), valid, strict=True):
            features = self.model.feature_extractor(waveform[None, :length])
            z.append(features[0].T.to(dtype))
            chosen.append(codewords(self.model.vector_quantizer, features)[0].T.to(dtype))
        pad = torch.nn.utils.rnn.pad_sequence
        return (
            pad(z, batch_first=True).transpose(1, 2),
            pad(chosen, batch_first=True).transpose(1, 2),
        )

    def to(self, device: torch.device, dtype: torch.dtype) -> Self:
        """Move to a device and a precision, in place; up to the codewords float32 stays."""
        self.model.to(device=device)
        if self.model.vector_quantizer is None:
            self.model.feature_extractor.to(dtype=dtype)
        self.model.feature_aggregator.to(dtype=dtype)
        return self


def configuration(settings: dict[str, Any]) -> Wav2VecConfig:
    """s3prl's configuration object; what only training reads is left at its default.

    Lists of convolutions are written out again from what was parsed, because s3prl evaluates them.
    """
    arguments: dict[str, Any] = settings | {name: rendered(settings[name]) for name in LISTS}
    return Wav2VecConfig(infonce=True, **arguments)


def load(checkpoint: Checkpoint, card: UpstreamCard, key: str) -> Wav2vecEncoder:
    """The encoder in fairseq's own file, or in s3prl's conversion of it.

    Raises:
        WeightsError: of another architecture, or tensors are missing or unknown.
    """
    converted = checkpoint.has("model_cfg", "model_weight")
    given = checkpoint.settings("model_cfg" if converted else "args")
    settings = read_settings(given, checkpoint.file)
    building.check_architecture(card, settings, checkpoint.file)
    model = building.build(
        Wav2VecModel,
        configuration(settings),
        checkpoint.tensors("model_weight" if converted else "model"),
        where=checkpoint.file.parent,
        stated_in=checkpoint.file.name,
    )
    return Wav2vecEncoder(model, settings, window=card.window, weights_key=key)
