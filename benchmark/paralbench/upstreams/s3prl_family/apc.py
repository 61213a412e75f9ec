"""APC, autoregressive predictive coding (Chung et al., Interspeech 2019): GRUs over log mel frames.

Layers: the outputs of the GRU layers, from the second one on with the residual connection; no
layer 0. The prediction head is left out.

Exactness: the GRUs look to the left only, so frames beyond an utterance's end do not reach it.
Always in float32: the model is small.
"""

from typing import Any, Self

import numpy as np
import torch
from s3prl.upstream.apc.apc import APC

from paralbench.cards import UpstreamCard
from paralbench.errors import WeightsError
from paralbench.upstreams import building
from paralbench.upstreams.base import SAMPLE_RATE, Batching, HiddenStates, samples_of
from paralbench.upstreams.s3prl_family.checkpoint import Checkpoint, typed
from paralbench.upstreams.s3prl_family.filterbank import FilterBank, read_audio

PARAMETERS: dict[str, Any] = {
    "hidden_size": int,
    "num_layers": int,
    "residual": bool,
}


def read_settings(given: dict[str, Any], file: Any) -> dict[str, Any]:
    """The settings that features and size depend on: ``data.audio`` and ``model.paras``.

    Raises:
        WeightsError: one is missing, of another type, or not supported here.
    """
    found = []
    for outer, inner in (("data", "audio"), ("model", "paras")):
        part = given.get(outer)
        part = part.get(inner) if isinstance(part, dict) else None
        if not isinstance(part, dict):
            raise WeightsError(f"{file}: its configuration lacks {outer}.{inner}.")
        found.append(part)
    audio, parameters = found
    if parameters.get("vq") is not None:
        raise WeightsError(f"{file}: model.paras.vq: VQ-APC is not supported, only APC.")
    return {
        "data": {"audio": read_audio(audio, file)},
        "model": {"paras": typed(parameters, PARAMETERS, file, "model.paras.")},
    }


def network(settings: dict[str, Any]) -> Any:
    """s3prl's ``APC`` with the weights torch draws for it."""
    bands = settings["data"]["audio"]["feat_dim"]
    return APC(bands, **settings["model"]["paras"], dropout=0.0)


class ApcEncoder:
    """s3prl's APC.

    Args:
        model: s3prl's ``APC`` with the weights.
        settings: from :func:`read_settings`.
        window: seconds that are encoded at once.
        weights_key: sha256 of the checkpoint.
    """

    batching: Batching = "any"
    fixed_precision: str = "fp32"

    def __init__(self, model: Any, settings: dict[str, Any], *, window: float, weights_key: str):
        self.model = model
        self.weights_key = weights_key
        self._filterbank = FilterBank(settings["data"]["audio"])
        self.n_layers = settings["model"]["paras"]["num_layers"]
        self.dim = settings["model"]["paras"]["hidden_size"]
        self.min_samples = self._filterbank.min_samples
        self.window_samples = round(window * SAMPLE_RATE)

    def prepare(self, waveform: np.ndarray) -> np.ndarray:
        """The waveform as it is."""
        return waveform

    def forward(self, waveforms: torch.Tensor, lengths: torch.Tensor) -> HiddenStates:
        """Encode a batch; see :class:`paralbench.upstreams.base.Encoder`.

        Raises:
            ValueError: a waveform is shorter than ``min_samples``.
        """
        valid = samples_of(lengths, self.min_samples, "APC")
        with torch.inference_mode():
            frames = [self._filterbank(one[:n]) for one, n in zip(waveforms, valid, strict=True)]
            states = torch.nn.utils.rnn.pad_sequence(frames, batch_first=True)
            layers = []
            for index, gru in enumerate(self.model.rnn_layers):
                output, _ = gru(states)
                states = output + states if self.model.rnn_residual and index else output
                layers.append(states)
        counts = torch.tensor([len(one) for one in frames], device=waveforms.device)
        return HiddenStates(layers, counts)

    def to(self, device: torch.device, dtype: torch.dtype) -> Self:
        """Move to a device; the precision stays float32."""
        self.model.to(device=device)
        return self


def load(checkpoint: Checkpoint, card: UpstreamCard, key: str) -> ApcEncoder:
    """The encoder in a checkpoint of s3prl's.

    Raises:
        WeightsError: of another architecture, or tensors are missing or unknown.
    """
    settings = read_settings(checkpoint.settings("config"), checkpoint.file)
    building.check_architecture(card, settings, checkpoint.file)
    model = building.build(
        network,
        settings,
        checkpoint.tensors("model"),
        where=checkpoint.file.parent,
        stated_in=checkpoint.file.name,
    )
    return ApcEncoder(model, settings, window=card.window, weights_key=key)
