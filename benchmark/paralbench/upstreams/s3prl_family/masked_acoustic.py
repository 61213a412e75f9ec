"""TERA and Mockingjay (Liu et al., TASLP 2021 and ICASSP 2020): transformers over log mel frames.

Layers: 0 is the input of the first transformer layer (projected frames plus positions, after a
LayerNorm); 1 to N are the outputs of the layers.

An utterance is brought to a level (``target_level`` dB relative to full scale); its log mel frames
are normalised over time, band by band, over what is encoded at once. More frames than the model
was trained on (``sequence_length``) are cut into equal stretches, positions starting anew, as in
s3prl.

Exactness: s3prl takes the spectrogram of the padded batch, so that an utterance's last frames,
which alone see it reflected at its end, see zeros instead; and it cuts all utterances where the
longest is to be cut. Here frames, normalisation and stretches are each utterance's own. Padded
frames are masked by length; s3prl masks frames whose sum is exactly zero, which real speech does
not have.
"""

import copy
import math
import warnings
from functools import lru_cache
from typing import Any, Self

import numpy as np
import torch
from s3prl.upstream.baseline.preprocessor import get_preprocessor
from s3prl.upstream.mockingjay.model import TransformerConfig, TransformerModel

from paralbench.cards import UpstreamCard
from paralbench.errors import WeightsError
from paralbench.upstreams import building
from paralbench.upstreams.base import SAMPLE_RATE, Batching, HiddenStates, samples_of
from paralbench.upstreams.padding import valid_mask
from paralbench.upstreams.s3prl_family.checkpoint import Checkpoint, typed

TRANSFORMER: dict[str, Any] = {
    "hidden_size": int,
    "num_hidden_layers": int,
    "num_attention_heads": int,
    "intermediate_size": int,
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-12,
    "share_layer": False,
    "pre_layer_norm": False,
}
TRAINING = {
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
    "initializer_range": 0.02,
}
AUDIO: dict[str, Any] = {
    "target_level": -25,
    "win_ms": 25,
    "hop_ms": 10,
    "n_freq": 201,
    "n_mels": 40,
    "n_mfcc": 13,
}
INPUT: dict[str, Any] = {
    "feat_type": str,
    "channel": 0,
    "log": False,
    "delta": 0,
    "cmvn": False,
}
TASK: dict[str, Any] = {"sequence_length": 0}  # frames; 0: no restriction
FEATURES = ("linear", "mel", "mfcc")


def read_settings(given: dict[str, Any], file: Any) -> dict[str, Any]:
    """The settings that features and size depend on: ``transformer``, ``audio``, ``task``.

    Raises:
        WeightsError: one is missing, of another type, or not supported here.
    """
    parts: dict[str, Any] = {
        name: given[name]
        for name in ("transformer", "audio", "task")
        if isinstance(given.get(name), dict)
    }
    if len(parts) < 3 or "kaldi" in parts["audio"]:
        raise WeightsError(
            f"{file}: a configuration with transformer, audio and task is needed, audio as s3prl's "
            f"OnlinePreprocessor computes it (no kaldi). Given: {', '.join(map(str, given))}."
        )
    frames = parts["audio"].get("input")
    read = typed(frames if isinstance(frames, dict) else {}, INPUT, file, "audio.input.")
    if read["feat_type"] not in FEATURES or read["channel"] != 0:
        raise WeightsError(
            f"{file}: audio.input is {read}. Supported: feat_type {', '.join(FEATURES)} of "
            "channel 0."
        )
    return {
        "transformer": typed(parts["transformer"], TRANSFORMER, file, "transformer."),
        "audio": {**typed(parts["audio"], AUDIO, file, "audio."), "input": read},
        "task": typed(parts["task"], TASK, file, "task."),
    }


class MaskedAcousticEncoder:
    """s3prl's TERA or Mockingjay, exact under padding.

    Args:
        model: s3prl's ``TransformerModel`` with the weights.
        front_end: s3prl's ``OnlinePreprocessor``.
        settings: from :func:`read_settings`.
        window: seconds that are encoded at once.
        weights_key: sha256 of the checkpoint.
    """

    batching: Batching = "any"

    def __init__(
        self,
        model: Any,
        front_end: Any,
        settings: dict[str, Any],
        *,
        window: float,
        weights_key: str,
    ):
        self.model, self._front_end = model, front_end
        self.weights_key = weights_key
        self.level = settings["audio"]["target_level"]
        self.most_frames = settings["task"]["sequence_length"]
        self.n_layers = settings["transformer"]["num_hidden_layers"] + 1
        self.dim = settings["transformer"]["hidden_size"]
        # A spectrum is of 2 (n_freq - 1) samples, half of which are reflected at either end.
        self.min_samples = settings["audio"]["n_freq"]
        self.window_samples = round(window * SAMPLE_RATE)
        hop = settings["audio"]["hop_ms"] * SAMPLE_RATE // 1000
        self.attention_samples = self.most_frames * hop or self.window_samples

    def prepare(self, waveform: np.ndarray) -> np.ndarray:
        """Bring the utterance's root mean square to the level that the model was trained at."""
        rms = float(np.sqrt(np.mean(np.square(waveform, dtype=np.float64))))
        return (waveform * (10 ** (self.level / 20) / (rms + 1e-10))).astype(np.float32)

    def forward(self, waveforms: torch.Tensor, lengths: torch.Tensor) -> HiddenStates:
        """Encode a batch; see :class:`paralbench.upstreams.base.Encoder`.

        Raises:
            ValueError: a waveform is shorter than ``min_samples``.
        """
        valid = samples_of(lengths, self.min_samples, "TERA")
        pad = torch.nn.utils.rnn.pad_sequence
        with torch.inference_mode():
            utterances = [
                self._stretches(one[:length]) for one, length in zip(waveforms, valid, strict=True)
            ]
            counts = [len(one) for one in utterances]
            stretches = [stretch for one in utterances for stretch in one]
            sizes = torch.tensor([len(one) for one in stretches], device=waveforms.device)
            layers = self._encode(pad(stretches, batch_first=True), sizes)
            if max(counts) > 1:
                layers = [pad(_joined(one, sizes, counts), batch_first=True) for one in layers]
        frames = [sum(map(len, one)) for one in utterances]
        return HiddenStates(layers, torch.tensor(frames, device=waveforms.device))

    def _stretches(self, waveform: torch.Tensor) -> list[torch.Tensor]:
        """The frames ``(frames, bands)`` of one waveform, in stretches the model can take."""
        frames = self._front_end(waveform.float()[None, None], wavs_len=[len(waveform)])[0][0]
        if not self.most_frames or len(frames) <= self.most_frames:
            return [frames]
        return list(frames.chunk(math.ceil(len(frames) / self.most_frames)))

    def _encode(self, frames: torch.Tensor, sizes: torch.Tensor) -> list[torch.Tensor]:
        """Each layer's states of padded stretches ``(stretches, frames, dim)``."""
        dtype = next(self.model.parameters()).dtype
        mask = valid_mask(sizes, frames.shape[1])
        positions = sinusoids(self.most_frames or frames.shape[1], self.dim)[: frames.shape[1]]
        positions = positions.to(frames.device, dtype)
        return self.model(
            frames.to(dtype),
            positions.expand(len(frames), -1, -1),
            mask.to(dtype),
            output_all_encoded_layers=True,
        )

    def to(self, device: torch.device, dtype: torch.dtype) -> Self:
        """Move to a device and a precision, in place; frames are computed in float32."""
        self.model.to(device=device, dtype=dtype)
        self._front_end.to(device=device)
        return self


@lru_cache(maxsize=2)
def sinusoids(frames: int, dim: int) -> torch.Tensor:
    """Positions ``(frames, dim)``: sines in even places, cosines of the same angle in odd ones.

    As Vaswani et al. (2017, section 3.5). s3prl fills a table of 24000 frames number by number,
    which takes half a minute.
    """
    places = np.arange(dim)
    angles = np.arange(frames)[:, None] / np.power(10_000, 2 * (places // 2) / dim)
    table = np.where(places % 2 == 0, np.sin(angles), np.cos(angles))
    return torch.from_numpy(table.astype(np.float32))


def _joined(layer: torch.Tensor, sizes: torch.Tensor, counts: list[int]) -> list[torch.Tensor]:
    """The states of each utterance, from those of its stretches."""
    rows = [row[:size] for row, size in zip(layer, sizes.tolist(), strict=True)]
    return [torch.cat(rows[sum(counts[:i]) : sum(counts[: i + 1])]) for i in range(len(counts))]


def front_end(settings: dict[str, Any]) -> tuple[Any, int]:
    """s3prl's module from waveforms to frames, and the number of bands."""
    with warnings.catch_warnings():
        # It makes cepstra from 128 mel bands too, too many for the spectrum, and drops them.
        warnings.filterwarnings("ignore", message="At least one mel filterbank has all zero values")
        with torch.random.fork_rng(devices=[]):  # it draws a waveform to try itself
            module, bands, _ = get_preprocessor(
                copy.deepcopy(settings["audio"]), process_input_only=True
            )
    return module.eval(), bands


def network(settings: dict[str, Any], bands: int) -> Any:
    """s3prl's ``TransformerModel`` with the weights torch draws for it."""
    return TransformerModel(TransformerConfig(settings["transformer"] | TRAINING), bands)


def load(checkpoint: Checkpoint, card: UpstreamCard, key: str) -> MaskedAcousticEncoder:
    """The encoder in a checkpoint of s3prl's trainer.

    Raises:
        WeightsError: of another architecture, or tensors are missing or unknown.
    """
    # Later trainers keep the runner's configuration under "Config", and the model's elsewhere.
    given = checkpoint.settings("Config")
    if "transformer" not in given:
        given = checkpoint.settings("Upstream_Config")
    settings = read_settings(given, checkpoint.file)
    building.check_architecture(card, settings, checkpoint.file)
    frames, bands = front_end(settings)

    def transformer_model(settings: dict[str, Any]) -> Any:
        return network(settings, bands)

    tensors = {
        name.replace("gamma", "weight").replace("beta", "bias"): one  # as s3prl does
        for name, one in checkpoint.tensors("Transformer").items()
    }
    model = building.build(
        transformer_model,
        settings,
        tensors,
        where=checkpoint.file.parent,
        stated_in=checkpoint.file.name,
    )
    return MaskedAcousticEncoder(model, frames, settings, window=card.window, weights_key=key)
